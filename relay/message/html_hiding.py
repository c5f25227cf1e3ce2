"""Which attributes of an HTML element keep a reader from seeing what stands in it.

Looks at the one element: its styles, however they are spelt, and the attributes that hide. What a style sheet says of
its class, what lies over it, and colours that only meet on the screen are out of reach here.
"""

from __future__ import annotations

import html
import re
from enum import Enum
from typing import Final

_ATTRIBUTE: Final = re.compile(
    rb"""([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>][^\s>]*+)))?""", re.DOTALL
)
_HIDING_NAMES: Final = frozenset({b"hidden", b"popover"})
#: Less than a tenth; less than three pixels or three tenths of a letter.
_NONE: Final = rb"(?:0+(?:\.0\d*)?|\.0\d*)(?![.\d])"
_TINY: Final = rb"(?:0*\.[0-2]\d*|0+(?!\d|\.[3-9])(?:\.[0-2]\d*)?|[12](?:\.\d*)?\s?p[xt])(?![.\d])"
_HIDING: Final = re.compile(
    rb"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all"
    rb"|(?:opacity\s*[:(=]|zoom\s*:|scale[xy3d]{0,2}\()\s*" + _NONE +
    rb"|max-(?:height|width)\s*:\s*0+(?![.\d])|clip\s*:\s*rect|clip-path\s*:\s*(?!none)"
    rb"|(?:left|right|top|bottom|indent|margin)\s*:\s*-\d{3}|margin\s*:[^;]{0,40}?\s-\d{3}"
    rb"|translate[xy3d]{0,2}\([^)]{0,40}?-\d{3}|(?<![-\w])color\s*:\s*transparent",
    re.IGNORECASE,
)  # fmt: skip
_SMALL: Final = re.compile(rb"font-size\s*:\s*" + _TINY + rb"|font\s*:[^;]{0,60}?(?<![-\w.#/])" + _TINY, re.IGNORECASE)
#: A size of its own, whatever that of the text around it.
_SIZE: Final = (
    rb"(?:(?:[3-9]|[1-9]\d{1,3})(?:\.\d*)?\s?p[xt]|(?:0*\.[3-9]\d*|[1-9]\d{0,3}(?:\.\d*)?)\s?rem|small|medium|large)"
)
_READABLE: Final = re.compile(
    rb"font-size\s*:\s*" + _SIZE + rb"|font\s*:[^;]{0,60}?(?<![-\w.#/])" + _SIZE, re.IGNORECASE
)
_NO_ROOM: Final = re.compile(rb"(?<![-\w])(?:height|width)\s*:\s*0+(?![.\d])", re.IGNORECASE)
_CUT_OFF: Final = re.compile(rb"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
#: Text and ground of one colour, as far as they are written alike.
_COLOUR: Final = re.compile(rb"(?<![-\w])color\s*:\s*([#\w]+)", re.IGNORECASE)
_GROUND: Final = re.compile(rb"(?<![-\w])background(?:-color)?\s*:\s*([#\w]+)\s*(?:[;!]|\Z)", re.IGNORECASE)
_CSS_ESCAPE: Final = re.compile(rb"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)


class Effect(Enum):
    """SMALL: what stands inside is too small to read, but where it has a size of its own. READABLE: it gets one here."""

    NONE = 1
    HIDES = 2
    SMALL = 3
    READABLE = 4


def effect_of(values: bytes) -> Effect:
    """values: the attributes of one start tag, as they are written."""
    style = b""
    for found in _ATTRIBUTE.finditer(values):
        name = found[1].lower()
        if name in _HIDING_NAMES:
            return Effect.HIDES
        if name == b"style" and not style:  # of two the first counts
            style = found[2] or found[3] or found[4] or b" "
    return _effect_of(style) if style else Effect.NONE


def is_there(values: bytes, name: bytes) -> bool:
    """Has the tag an attribute of that lower-case name?"""
    return any(found[1].lower() == name for found in _ATTRIBUTE.finditer(values))


def _effect_of(style: bytes) -> Effect:
    if b"&" in style or b"\\" in style or b"/*" in style:
        style = _plain(style)
    if _HIDING.search(style) is not None:
        return Effect.HIDES
    if _NO_ROOM.search(style) is not None and _CUT_OFF.search(style) is not None:
        return Effect.HIDES
    colour, ground = _COLOUR.search(style), _GROUND.search(style)
    if colour is not None and ground is not None and _shade(colour[1]) == _shade(ground[1]):
        return Effect.HIDES
    if b"font" not in style.lower():
        return Effect.NONE
    if _SMALL.search(style) is not None:
        return Effect.SMALL
    return Effect.READABLE if _READABLE.search(style) is not None else Effect.NONE


def _plain(style: bytes) -> bytes:
    """Without references, CSS comments and CSS escapes."""
    text = html.unescape(style.decode("latin-1")).encode("latin-1", "replace")
    first, *others = text.split(b"/*")
    return _CSS_ESCAPE.sub(_character, b"".join([first, *(one.partition(b"*/")[2] for one in others)]))


def _character(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[2]
    number = int(found[1], 16)
    return bytes([number]) if number < 256 else b"?"


def _shade(colour: bytes) -> bytes:
    name = {b"white": b"#ffffff", b"black": b"#000000"}.get(colour.lower(), colour.lower())
    return (
        b"#" + b"".join([name[at : at + 1] * 2 for at in range(1, 4)]) if len(name) == 4 and name[:1] == b"#" else name
    )
