"""Templates of a footer: a small part of Jinja2 that always ends, always escapes, and can only show what it is given.

Text, `{{ name }}`, `{{ name | link }}`, `{{ name | link("words") }}`, `{{ "these" if name else "those" }}`, and
`{% if name %}...{% elif ... %}...{% else %}...{% endif %}` with and, or, not, == and !=; no more: no loops, calls,
assignments, imports. `problems_of` says what is not part of that. A source has to pass it before it is compiled, because
compiling already computes what can be computed.

A line of nothing but `{% ... %}` leaves no line behind.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.environment import Environment
from jinja2.runtime import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from relay.message.links import MAIL, URL

LEFT_TO_RIGHT: Final = "ltr"
RIGHT_TO_LEFT: Final = "rtl"
#: Stands for the unsubscribe link, the one thing that differs from reader to reader; no value can contain it.
LINK: Final = "\0"
MAX_SOURCE: Final = 10_000
#: How often a template may show a value: what comes out stays small, whatever the values.
MAX_SHOWN: Final = 60
_MAX_DEPTH: Final = 20

#: Escaped and in its attribute a link still fits into one line of mail.
_MAX_HREF: Final = 900
#: Links look like the text around them, underlined: a blue that nobody chose cannot be read on every ground. Twice what a
#: style sheet may forbid with `!important`, which Outlook does not read.
_LINK_STYLE: Final = (
    "display:inline;margin:0;padding:0;color:inherit;color:inherit!important;background:none;background:none!important;"
    "font:inherit;white-space:normal;text-decoration:underline;text-decoration:underline!important"
)
#: Unicode's classes of letters (UAX 9), and those that do not belong into a text of that direction.
_LETTERS: Final = frozenset(("L", "R", "AL"))
_FOREIGN: Final = {LEFT_TO_RIGHT: frozenset(("R", "AL")), RIGHT_TO_LEFT: frozenset(("L", "EN"))}
_TAGS: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}")
#: Control characters, and those that turn the order of text around; direction marks may stay.
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.If,
    nodes.CondExpr,
    nodes.Not,
    nodes.And,
    nodes.Or,
    nodes.Compare,
    nodes.Operand,
    nodes.Concat,
)


def compiled(source: str, *, html: bool) -> Template:
    """Only for what `problems_of` finds nothing wrong with."""
    return environment(html=html).from_string(with_line_ends(source))


def compiled_sentence(source: str) -> Template:
    """A plain text template for use inside HTML: what it says itself is escaped like its values."""
    found = environment(html=True)
    tree = found.parse(with_line_ends(source))
    for data in tree.find_all(nodes.TemplateData):
        data.data = str(escape(data.data))
    return Template.from_code(found, found.compile(tree), found.globals)


def environment(*, html: bool) -> Environment:
    found = ImmutableSandboxedEnvironment(
        autoescape=html,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    found.filters.clear()
    found.tests.clear()
    found.globals.clear()
    found.filters["link"] = html_link if html else plain_link
    return found


def with_line_ends(source: str) -> str:
    """trim_blocks takes the line end after every tag; `+` keeps it where the line says something besides tags."""
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines):
        kept = line.rstrip()
        if kept.endswith(("%}", "#}")):
            words = _TAGS.sub("", kept).strip()
            if not words:
                lines[number] = "".join(_TAGS.findall(kept))
            elif not words.endswith(("%}", "#}")) and kept[-3] not in "+-":
                lines[number] = f"{kept[:-2]}+{kept[-2:]}"
    return "\n".join(lines)


class Apart(str):
    """Words of another direction than the text around them, in HTML set apart from it: else an address in Latin letters
    stands in a Hebrew line with its number at the wrong end.
    """

    __slots__ = ()

    def __html__(self) -> str:
        first = next((found for one in self if (found := unicodedata.bidirectional(one)) in _LETTERS), "L")
        direction = LEFT_TO_RIGHT if first == "L" else RIGHT_TO_LEFT
        return Markup(f'<span dir="{direction}">{escape(str(self))}</span>')  # noqa: S704 - escaped here


def set_apart(text: str, direction: str) -> str:
    """A value for a template whose text runs in that direction."""
    if direction == LEFT_TO_RIGHT and text.isascii():
        return text  # nearly always
    return text if _FOREIGN[direction].isdisjoint(map(unicodedata.bidirectional, text)) else Apart(text)


def plain_link(value: str, _words: str = "") -> str:
    return value


def html_link(value: str, words: str = "") -> Markup:
    """A value as a link where it can be one: http, https, a mail address. Never javascript: or data:."""
    if value == LINK or URL.fullmatch(value):
        href = escape(str(value))
    elif MAIL.fullmatch(value):
        href = escape(f"mailto:{value}")
    else:
        href = Markup("")
    if not href or len(href) > _MAX_HREF:
        return escape(value)
    return Markup(f'<a href="{href}" style="{_LINK_STYLE}">{escape(words or value)}</a>')  # noqa: S704 - escaped here


def problems_of(source: str, names: Collection[str], *, html: bool) -> list[tuple[int, str]]:
    """What this source may not have: the line and the words for it. names: the values that there are.

    Never hangs and never raises, whatever the source.
    """
    if len(source) > MAX_SOURCE:
        return [(1, f"longer than {MAX_SOURCE} characters")]
    lines = with_line_ends(source)
    unseen = _UNSEEN.search(lines)
    if unseen is not None:
        return [(lines.count("\n", 0, unseen.start()) + 1, f"a character that cannot be seen: U+{ord(unseen[0]):04X}")]
    try:
        tree = environment(html=html).parse(lines)
    except TemplateSyntaxError as error:
        return [(error.lineno, f"not a template: {error.message}")]
    except (RecursionError, ValueError, MemoryError):
        return [(1, "not a template: nested too deep, or a number that is too long")]
    found = list(_problems(tree, names))
    if not found and sum(1 for _ in tree.find_all(nodes.Name)) > MAX_SHOWN:
        found.append((1, f"more than {MAX_SHOWN} values"))
    return found


def _problems(tree: nodes.Template, names: Collection[str]) -> Iterator[tuple[int, str]]:
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 1)]
    while waiting:
        node, depth, line = waiting.pop()
        line = node.lineno or line  # what Jinja2 makes up itself stands in no line
        problem = "nested too deep" if depth > _MAX_DEPTH else _problem(node, names)
        if problem:
            yield line, problem
        else:
            waiting += [(inner, depth + 1, line) for inner in reversed(list(node.iter_child_nodes()))]


def _problem(node: nodes.Node, names: Collection[str]) -> str:
    problem = ""
    if isinstance(node, nodes.Name):
        if node.ctx != "load" or node.name not in names:
            problem = f"there is no {node.name}{_nearest(node.name, names)}"
    elif isinstance(node, nodes.Filter):
        problem = _problem_of_filter(node)
    elif isinstance(node, nodes.Const):
        if not isinstance(node.value, (str, bool)):
            problem = "a number or none, which a footer has no use for"
    elif isinstance(node, nodes.Operand):
        if node.op not in ("eq", "ne"):
            problem = "a comparison other than == and !="
    elif not isinstance(node, _ALLOWED):
        problem = f"{type(node).__name__.lower()}: only {{{{ values }}}}, {{% if %}} and | link are understood here"
    return problem


def _problem_of_filter(node: nodes.Filter) -> str:
    if node.name != "link":
        return f"there is no filter {node.name}; the only one is link"
    one_text = not node.args or (len(node.args) == 1 and isinstance(node.args[0], nodes.Const))
    if node.kwargs or node.dyn_args or node.dyn_kwargs or not one_text or not isinstance(node.node, nodes.Name):
        return 'link is written {{ name | link }} or {{ name | link("words") }}'
    return ""


def _nearest(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(names))}"
