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
    "template select svg math object audio video canvas noscript button script style textarea title head iframe option".split()
)
#: Longer documents are not parsed again: html5lib takes minutes.
_MAX_LENGTH: Final = 600_000


@dataclass(frozen=True, slots=True)
class Placed:
    """One footer of ours. above: the elements that it stands in. swallowed, hidden: the one that keeps it from sight,
    "" for none. text: what is shown of it. links: where its links go. before, behind: text shown before and after it.
    ends: names of the </body> and </html> tags that follow, in their order. next_text: text up to the first of them.
    """

    above: tuple[str, ...]
    hidden: str
    text: str
    links: tuple[str, ...]
    before: str
    behind: str
    ends: tuple[str, ...]
    next_text: str


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
        return sum("blockquote" not in one.above for one in self.footers)


class _Tokenizer(HTMLTokenizer):  # type: ignore[misc]
    """Keeps the tokens that the tree is built from."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.kept: list[tuple[str, str, str]] = []
        for token in super().__iter__():
            data = token["data"] if isinstance(token["data"], str) else ""
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
    document = parser.parse(text)
    tokens = tuple(_tokens(parser.tokenizer.kept))
    walker = _Walker()
    walker.walk(document)
    return Shown(True, "".join(walker.text), tuple(walker.attributes), tuple(_placed(walker, tokens)), tokens)


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
    """The document's nodes in their order, without recursion: mails nest tables by the hundred."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.attributes: list[str] = []
        self.begins: list[tuple[int, list[Any]]] = []
        self.ends: list[int] = []
        self.links: list[tuple[int, str]] = []

    def walk(self, document: Any) -> None:
        stack: list[tuple[Any, list[Any], bool]] = [(document, [], True)]
        while stack:
            node, above, shown = stack.pop()
            kind = node.nodeType
            if kind == node.TEXT_NODE:
                if shown:
                    self.text.append(node.data)
                continue
            if kind == node.COMMENT_NODE:
                if node.data == BEGIN:
                    self.begins.append((len(self.text), above))
                elif node.data == END:
                    self.ends.append(len(self.text))
                continue
            if kind == node.ELEMENT_NODE:
                shown = shown and not hides(node)
                for name, value in list(node.attributes.items()):
                    self.attributes.append(value)
                    if name == "href":
                        self.links.append((len(self.text), value))
                above = [*above, node]
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


def _placed(walker: _Walker, tokens: tuple[tuple[str, str], ...]) -> list[Placed]:
    found: list[Placed] = []
    comments = [number for number, token in enumerate(tokens) if token == ("comment", END)]
    for number, (start, above) in enumerate(walker.begins):
        end = next((one for one in walker.ends if one >= start), len(walker.text))
        behind = tokens[comments[number] + 1 :] if number < len(comments) else ()
        ends = [name for kind, name in behind if kind == "end" and name in ("body", "html")]
        until = next(
            (at for at, token in enumerate(behind) if token in (("end", "body"), ("end", "html"))), len(behind)
        )
        found.append(
            Placed(
                above=tuple(str(one.tagName).lower() for one in above),
                hidden=next(filter(None, [hides(one) for one in above]), ""),
                text="".join(walker.text[start:end]),
                links=tuple(value for at, value in walker.links if start <= at < end),
                before="".join(walker.text[:start]),
                behind="".join(walker.text[end:]),
                ends=tuple(ends),
                next_text="".join(data for kind, data in behind[:until] if kind == "text"),
            )
        )
    return found
