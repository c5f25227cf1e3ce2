"""What a reader of an HTML part sees, by html5lib, the parser that follows the HTML standard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import html5lib
from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import tokenTypes

BEGIN: Final = "consent-relay:footer"
END: Final = "/consent-relay:footer"
_TOKENS: Final = {number: name for name, number in tokenTypes.items()}
#: What stands inside is not shown as text of the message.
_SWALLOWING: Final = frozenset(
    "template select svg math object audio video canvas noscript button script style textarea title head iframe option noframes noembed".split()
)
#: Longer documents are not parsed again: html5lib takes minutes.
_MAX_LENGTH: Final = 600_000


@dataclass(frozen=True, slots=True)
class Placed:
    """One footer of ours. around: the elements that its first mark stands in; above: those that its first word is shown
    in, which is elsewhere where a table was left open. quoted: one of them is a quotation that ends behind it. hidden:
    what keeps it from sight, "" for nothing. links: where its links go. behind: the text shown behind it. ends: names of
    the </body> and </html> tags that follow, in their order. last_text: text behind the first of them.
    """

    around: tuple[str, ...]
    above: tuple[str, ...]
    quoted: bool
    hidden: str
    links: tuple[str, ...]
    behind: str
    ends: tuple[str, ...]
    last_text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A document as shown. readable: False where it was too long to look at. tokens: its tags, comments and text."""

    readable: bool
    text: str = ""
    attributes: tuple[str, ...] = ()
    footers: tuple[Placed, ...] = ()
    tokens: tuple[tuple[str, str], ...] = field(default=())

    @property
    def unquoted_footers(self) -> int:
        return sum(not one.quoted for one in self.footers)


_FOOTER: Final = re.compile(f"(<!--{BEGIN}-->.*?<!--{END}-->)", re.DOTALL)
#: Characters of nobody's; each footer has two.
_FIRST: Final = 0xE000
_MAX_FOOTERS: Final = 1000
_SIGN: Final = re.compile("[\ue000-\ue7ff]")


class _Tokenizer(HTMLTokenizer):  # type: ignore[misc]
    """Keeps the tokens that the tree is built from."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.kept: list[tuple[str, str, str]] = []
        for token in super().__iter__():
            data = token["data"] if isinstance(token.get("data"), str) else ""
            self.kept.append((_TOKENS[token["type"]], data, str(token.get("name") or "")))
            yield token


class _Parser(html5lib.HTMLParser):  # type: ignore[misc]
    def mainLoop(self) -> None:  # noqa: N802 - html5lib's name
        self.tokenizer.__class__ = _Tokenizer
        super().mainLoop()


@lru_cache(maxsize=16)
def read_html(text: str) -> Shown:
    if len(text) > _MAX_LENGTH:
        return Shown(readable=False)
    parser = _Parser(tree=html5lib.getTreeBuilder("dom"), namespaceHTMLElements=False)
    pieces = _FOOTER.split(text)[:_MAX_FOOTERS]
    for number in range(1, len(pieces), 2):
        pieces[number] = _with_signs(pieces[number], number)
    document = parser.parse("".join(pieces))
    tokens = tuple(_tokens(parser.tokenizer.kept))
    walker = _Walker()
    walker.walk(document)
    placed = tuple(_placed(walker, tokens, number) for number in range(1, len(pieces), 2))
    shown = _SIGN.sub("", "".join(walker.text))
    return Shown(True, shown, tuple(walker.attributes), placed, tokens)


def _with_signs(footer: str, number: int) -> str:
    """A footer with a sign before its first word and one behind its last, that are found again in the document."""
    footer = re.sub(r"(>\s*)(?=[^<\s])", lambda found: found[1] + chr(_FIRST + number), footer, count=1)
    words = list(re.finditer(r"[^>\s](?=\s*<)", footer))
    end = words[-1].end() if words else len(footer)
    return footer[:end] + chr(_FIRST + number + 1) + footer[end:]


def _tokens(kept: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Neighbouring text in one piece; names of tags in lower case."""
    found: list[tuple[str, str]] = []
    for kind, data, name in kept:
        if kind in ("Characters", "SpaceCharacters"):
            if found and found[-1][0] == "text":
                found[-1] = ("text", found[-1][1] + data)
            else:
                found.append(("text", data))
        elif kind == "Comment":
            found.append(("comment", data))
        elif kind in ("StartTag", "EndTag", "EmptyTag"):
            found.append(("end" if kind == "EndTag" else "start", name.lower()))
    return found


class _Walker:
    """The document's nodes in their order, without recursion: mails nest tables by the hundred.

    text: what is shown. signs: where in it a sign stands, with the elements above it. marks: elements above each first
    mark, in the order of the document.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self.attributes: list[str] = []
        self.links: list[tuple[int, str]] = []
        self.signs: dict[int, tuple[int, list[Any]]] = {}
        self.marks: list[list[Any]] = []

    def walk(self, document: Any) -> None:
        stack: list[tuple[Any, list[Any], bool]] = [(document, [], True)]
        while stack:
            node, above, shown = stack.pop()
            kind = node.nodeType
            if kind == node.TEXT_NODE:
                for sign in _SIGN.findall(node.data):
                    self.signs[ord(sign)] = (len(self.text), above)
                if shown:
                    self.text.append(node.data)
                continue
            if kind == node.COMMENT_NODE and node.data == BEGIN:
                self.marks.append(above)
            if kind == node.ELEMENT_NODE:
                shown = shown and not hides(node)
                above = [*above, node]
                for name, value in list(node.attributes.items()):
                    self.attributes.append(value)
                    if name == "href":
                        self.links.append((len(self.text), value))
            stack += [(child, above, shown) for child in reversed(node.childNodes)]


def hides(element: Any) -> str:
    """Why nothing of an element is seen, "" when it is: its name, or how its style hides it."""
    name = str(element.tagName).lower()
    if name in _SWALLOWING:
        return name
    if element.hasAttribute("hidden"):
        return f"{name} hidden"
    style = element.getAttribute("style").lower()
    for declaration in style.split(";"):
        what, _, value = declaration.partition(":")
        what, value = what.strip(), value.replace("!important", "").strip()
        if (what, value) in (("display", "none"), ("visibility", "hidden"), ("mso-hide", "all")):
            return f"{name} {what}"
        if (
            what in ("font-size", "opacity", "max-height")
            and re.fullmatch(r"0*\.?0*(?:px|em|pt|%)?", value)
            and "0" in value
        ):
            return f"{name} {what}"
    return ""


def _placed(walker: _Walker, tokens: tuple[tuple[str, str], ...], number: int) -> Placed:
    """The footer whose signs have this number."""
    start, above = walker.signs.get(_FIRST + number, (-1, []))
    end, _ = walker.signs.get(_FIRST + number + 1, (-1, []))
    at = next((at for at, token in enumerate(tokens) if chr(_FIRST + number + 1) in token[1]), len(tokens))
    behind = tokens[at + 1 :]
    ends = [name for kind, name in behind if kind == "end" and name in ("body", "html")]
    until = next((at for at, token in enumerate(behind) if token in (("end", "body"), ("end", "html"))), len(behind))
    mark = walker.marks[number // 2] if number // 2 < len(walker.marks) else []
    return Placed(
        around=tuple(str(one.tagName).lower() for one in mark),
        above=tuple(str(one.tagName).lower() for one in above),
        quoted=any(one.tagName == "blockquote" for one in above) and ("end", "blockquote") in behind,
        hidden=next(
            filter(None, [hides(one) for one in above]), "" if start >= 0 and end >= 0 else "nothing that is shown"
        ),
        links=tuple(value for place, value in walker.links if start <= place <= end),
        behind=_SIGN.sub("", "".join(walker.text[end + 1 :])),
        ends=tuple(ends),
        last_text="".join(data for kind, data in behind[until:] if kind == "text"),
    )
