"""Reads HTML as the standard's tokeniser does (section 13.2.5), as far as an edit has to know.

Enough to tell a real tag from one inside a comment, a conditional comment, an attribute, a script or a style. Works on
octets; `ascii_view` has masked what is not ASCII. Builds no tree and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

# An attribute's value may hold ">" only in quotes, and only a quote after "=" opens one. Repeated groups are never
# possessive here: Python before 3.11.5, which Debian 12 has, goes on at the wrong place after them (gh-106052).
TAG: Final = re.compile(
    rb"""<(/?)([a-zA-Z][^\s/>]*+)([^>=]*+(?:=\s*+(?:"[^"]*+"|'[^']*+'|(?!["']))[^>=]*+){0,1000})>""",
    re.DOTALL,
)
#: Any other "<" is text.
MARKUP: Final = re.compile(rb"<(?=[a-zA-Z/!?])")
_ATTRIBUTE: Final = re.compile(
    rb"""([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>][^\s>]*+)))?""", re.DOTALL
)
#: Their content is text, whatever it looks like.
RAW: Final = frozenset({b"script", b"style", b"textarea", b"title", b"xmp", b"noembed", b"noframes", b"iframe"})
RAW_END: Final = {name: re.compile(rb"</" + name + rb"(?=[\s/>])", re.IGNORECASE) for name in RAW}
#: Elements without content, and so without an end tag.
VOID: Final = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
#: An end tag without a name is a comment; "</" or a tag at the end of the text swallows what is put behind it.
_BOGUS_END: Final = re.compile(rb"</[^a-zA-Z]")
_UNCLOSED: Final = re.compile(rb"<(?:/?[a-zA-Z]|/\Z)")
_COMMENT_END: Final = re.compile(rb"--!?>")


class Kind(IntEnum):
    TEXT = 1
    START = 2
    END = 3
    COMMENT = 4
    RAW = 5


class Token(NamedTuple):
    """name: of a tag, lower case. attributes: where those of a tag stand."""

    kind: Kind
    start: int
    end: int
    name: bytes = b""
    attributes: tuple[int, int] = (0, 0)


class Attribute(NamedTuple):
    """name: lower case. start, end: where the value stands, without its quotes."""

    name: bytes
    start: int
    end: int
    quoted: bool


def tokens(view: bytes) -> Iterator[Token]:
    """All of them up to the end, or to a comment, a tag or a raw text that never ends. Comments: declarations too."""
    position, size = 0, len(view)
    while position < size:
        markup = MARKUP.search(view, position)
        opening = size if markup is None else markup.start()
        if opening != position:
            yield Token(Kind.TEXT, position, opening)
        if markup is None:
            return
        found = TAG.match(view, opening)
        if found is None:
            position = end_of_markup(view, opening)
            if position < 0:
                return
            yield Token(Kind.COMMENT, opening, position)
            continue
        position, name = found.end(), found[2].lower()
        yield Token(Kind.END if found[1] else Kind.START, opening, position, name, found.span(3))
        if found[1]:
            continue
        if name == b"plaintext":
            return
        if name in RAW:
            end = RAW_END[name].search(view, position)
            if end is None:
                return
            yield Token(Kind.RAW, position, end.start(), name)
            position = end.start()


def attributes(view: bytes, token: Token) -> Iterator[Attribute]:
    """The attributes of a start tag that have a value; of two with the same name the first one counts."""
    seen: set[bytes] = set()
    for found in _ATTRIBUTE.finditer(view, *token.attributes):
        name = found[1].lower()
        if name in seen:
            continue
        seen.add(name)
        number = found.lastindex or 1
        if number > 1:
            yield Attribute(name, found.start(number), found.end(number), number < 4)


def end_of_markup(view: bytes, start: int) -> int:
    """After a comment, a declaration or a stray "<" at start; -1 when it never ends."""
    if view.startswith(b"<!--", start):
        if view.startswith((b"<!-->", b"<!--->"), start):
            return view.index(b">", start) + 1
        found = _COMMENT_END.search(view, start + 4)
        return -1 if found is None else found.end()
    if view[start + 1 : start + 2] in (b"!", b"?") or _BOGUS_END.match(view, start):
        return view.find(b">", start) + 1 or -1
    return -1 if _UNCLOSED.match(view, start) else start + 1
