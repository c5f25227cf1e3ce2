"""A footer's HTML, which is to stand inside a page that somebody else wrote: does it close what it opens, and keep to itself?

Far stricter than HTML: what is accepted means the same to every mail program and to every cleaner of web mail. Judges
operators' footers, never a mailer's own HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TAG: Final = re.compile(r'<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z-]+\s*=\s*"[^"<>]*")*)\s*(/?)>')
_ATTRIBUTE: Final = re.compile(r'([A-Za-z-]+)\s*=\s*"([^"<>]*)"')
_SAFE_HREF: Final = re.compile(r"\0\Z|https?://|mailto:|tel:", re.IGNORECASE)
_HARMFUL: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:|opacity\s*:|position\s*:|font(?:-size)?\s*:\s*0|(?<![-\w])(?:max-)?height\s*:"
    r"|mso-hide|(?<![-\w])transform\s*:|clip|z-index|text-indent\s*:\s*-|url\s*\(|expression|behavior|binding|@|\\|/\*",
    re.IGNORECASE,
)
_COLOUR: Final = re.compile(r"(?<![-\w])color\s*:\s*(?!inherit|currentcolor)", re.IGNORECASE)
_GROUND: Final = re.compile(r"background(?:-color)?\s*:\s*(?!none|inherit|transparent)", re.IGNORECASE)

_VOID: Final = frozenset(("br", "hr", "wbr"))
# fmt: off
_BLOCKS: Final = frozenset((
    "address", "blockquote", "center", "div", "dl", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p",
    "section", "table", "ul",
))
_INLINE: Final = frozenset((
    "a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "em", "font", "i", "q", "s", "small", "span", "strong",
    "sub", "sup", "u", "wbr",
))
_ATTRIBUTES: Final = frozenset((
    "align", "border", "cellpadding", "cellspacing", "color", "dir", "face", "height", "href", "lang", "rel", "role",
    "size", "style", "target", "title", "valign", "width",
))
# fmt: on
#: What may only stand directly inside of these.
_PARENTS: Final = {
    "li": ("ul", "ol"),
    "dt": ("dl",),
    "dd": ("dl",),
    "tbody": ("table",),
    "thead": ("table",),
    "tfoot": ("table",),
    "tr": ("table", "tbody", "thead", "tfoot"),
    "td": ("tr",),
    "th": ("tr",),
}
#: What holds only such children, and no text.
_HOLDERS: Final = frozenset(parent for parents in _PARENTS.values() for parent in parents)
#: A block inside of these ends them.
_ENDED_BY_BLOCKS: Final = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6"))


@dataclass(frozen=True, slots=True)
class _Open:
    """An element. coloured, grounded: is its text's colour set, its background's?"""

    name: str
    start: int
    coloured: bool = False
    grounded: bool = False


def problem_of(markup: str) -> tuple[int, str] | None:
    """What is wrong first: the offset and the words for it; None for HTML that can stand anywhere."""
    stack = [_Open("", 0)]
    position = 0
    while (start := markup.find("<", position)) >= 0:
        if stack[-1].name in _HOLDERS and markup[position:start].strip():
            return position, f"text directly inside <{stack[-1].name}>, which programs move out of it"
        tag = _TAG.match(markup, start)
        if tag is None:
            return start, _no_tag(markup[start : start + 4])
        problem = _end_tag(tag, stack) if tag[1] else _start_tag(tag, stack)
        if problem:
            return start, problem
        position = tag.end()
    if len(stack) > 1:
        return stack[-1].start, f"<{stack[-1].name}> is never closed"
    return None


def _no_tag(beginning: str) -> str:
    if beginning == "<!--":
        return "a comment; write {# ... #}, which nobody is sent"
    return 'no tag that all programs read alike; write <name attribute="value">, or &lt; for the character'


def _end_tag(tag: re.Match[str], stack: list[_Open]) -> str:
    name = tag[2].lower()
    if tag[3] or tag[4]:
        return f"</{name}> has more than its name"
    if name != stack[-1].name:
        return f"</{name}> where {f'<{stack[-1].name}>' if stack[-1].name else 'nothing'} is open"
    stack.pop()
    return ""


def _start_tag(tag: re.Match[str], stack: list[_Open]) -> str:
    name, attributes = tag[2].lower(), [(key.lower(), value) for key, value in _ATTRIBUTE.findall(tag[3])]
    if tag[4] and name not in _VOID:
        return f"<{name}/> does not close itself in HTML"
    problem = _problem_of_place(name, stack) or _problem_of_attributes(name, attributes)
    if problem:
        return problem
    style = dict(attributes).get("style", "")
    coloured = stack[-1].coloured or "color" in dict(attributes) or _COLOUR.search(style) is not None
    grounded = stack[-1].grounded or _GROUND.search(style) is not None
    if coloured != grounded:
        return "a colour without a background, or the other way round: in a dark theme nobody may be able to read it"
    if name not in _VOID:
        stack.append(_Open(name, tag.start(), coloured, grounded))
    return ""


def _problem_of_place(name: str, stack: list[_Open]) -> str:
    parent, around = stack[-1].name, {one.name for one in stack}
    if name not in _BLOCKS | _INLINE | _PARENTS.keys():
        return f"<{name}> has no place in a footer"
    if (parent in _HOLDERS or name in _PARENTS) and parent not in _PARENTS.get(name, ()):
        return f"<{name}> directly inside {f'<{parent}>' if parent else 'the footer'}, which programs move elsewhere"
    if name in _BLOCKS and not around.isdisjoint(_ENDED_BY_BLOCKS):
        return f"<{name}> inside <{min(around & _ENDED_BY_BLOCKS)}>, which it would end"
    return "<a> inside <a>" if name == "a" and "a" in around else ""


def _problem_of_attributes(name: str, attributes: list[tuple[str, str]]) -> str:
    seen = set()
    for key, value in attributes:
        if key not in _ATTRIBUTES:
            return f"the attribute {key} has no place in a footer; styles stand in style"
        if key in seen:
            return f"the attribute {key} twice in one tag"
        seen.add(key)
        if key == "href" and not _SAFE_HREF.match(value):
            return "a link to something else than https:, mailto: or tel:"
        found = _HARMFUL.search(value) if key == "style" else None
        if found is not None:
            return f"the style {found[0]!r}, which can hide the footer or load something"
    return "" if name != "a" or "href" in seen else "<a> without href"
