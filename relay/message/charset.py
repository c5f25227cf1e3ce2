"""Charsets: how text of ours is written so that every reader of the part finds the same characters in it.

Where it can be put is for others to say; `ascii_view` shows them the part's octets with everything masked that is not
ASCII, and `appendable` whether text can follow octets that nobody could read.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Final

from relay.message.charset_labels import UTF_8, Charset, Shape, charset_of
from relay.message.decoding import is_doubtful, is_readable, text_of
from relay.message.iso_2022 import comes_back_to_ascii, with_only_ascii

__all__ = [
    "UTF_8",
    "Charset",
    "Shape",
    "appendable",
    "ascii_view",
    "charset_of",
    "is_readable",
    "octet_offset",
    "settled",
    "text_of",
    "written",
    "written_in_html",
]

#: What users type for what a charset has at the same place under another name.
_JIS_NAMES: Final = dict(
    zip("\uff5e\uff0d\u2014\u2225\uffe0\uffe1\uffe2", "\u301c\u2212\u2015\u2016\u00a2\u00a3\u00ac", strict=True)
)
_NAMES: Final = {
    "iso2022_jp": _JIS_NAMES,
    "euc_jp": _JIS_NAMES,
    "shift_jis": _JIS_NAMES,
    "cp932": {"\u2014": "\u2015"} | {there: here for here, there in _JIS_NAMES.items() if there != "\u2015"},
    "gb2312": {"\u00b7": "\u30fb", "\u2014": "\u2015"},
}
_HALF_WIDTH: Final = re.compile("[\uff61-\uff9f]+")
_PIECE: Final = 1 << 16
#: A brace after octets that may begin a character: it is the second half of one after an odd number of them.
_BRACES: Final = re.compile(rb"(?<![\x81-\xfe])[\x81-\xfe]++[{}]")
_SHIFT_JIS_BRACES: Final = re.compile(rb"(?<![\x81-\x9f\xe0-\xfc])[\x81-\x9f\xe0-\xfc]++[{}]")
_MAX_BRACES: Final = 200_000
_NO_BRACES: Final = bytes.maketrans(b"{}", b"xx")
#: Of the high octet of a code unit: which bits of the low one are shown.
_SHOWN: Final = bytes([255]) + bytes(255)
_NOT_ASCII_AS_X: Final = bytes(range(128)) + b"x" * 128
_WIDE_LINE_END: Final = {"utf_16_le": b"\n\0", "utf_16_be": b"\0\n"}
_MARKS: Final = {b"\xff\xfe": "utf_16_le", b"\xfe\xff": "utf_16_be"}


def settled(octets: bytes, charset: Charset) -> Charset | None:
    """UTF-16 with its byte order, None where readers may differ about that; any other charset is settled by its label.

    A mark says it, as long as it does not contradict the label; without one (RFC 2781 section 4.3, and the encoding
    standard says the opposite) the line ends of the text itself do.
    """
    if charset.shape is not Shape.WIDE:
        return charset
    if len(octets) % 2:
        return None
    marked = _MARKS.get(octets[:2])
    if charset.codec != "utf_16":
        return charset if marked in (None, charset.codec) else None
    if marked is None:
        found = [codec for codec, line_end in _WIDE_LINE_END.items() if _has_unit(octets[:_PIECE], line_end)]
        marked = found[0] if len(found) == 1 else None
    return None if marked is None else replace(charset, codec=marked)


def written(text: str, charset: Charset) -> bytes | None:
    """Text of ours in a part's charset, None where that lacks a character or readers would differ about one."""
    codec = charset.codec
    if charset.shape is Shape.WIDE:
        return None if codec == "utf_16" else _encoded(text, codec)
    if text.isascii():
        return text.encode("ascii")
    if codec == UTF_8:
        return _encoded(text, codec)
    if charset.shape is Shape.ESCAPED:
        text = _HALF_WIDTH.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    writers = charset.writers or (codec,)
    names = _NAMES.get(writers[0], {})
    text = _renamed(unicodedata.normalize("NFC", text), names)
    octets = _encoded(text, writers[0])
    if octets is None or is_doubtful(text, codec) or (codec == "euc_jp" and b"\x8f" in octets):
        return None
    return octets if all(_reads(octets, one, text, names) for one in writers) else None


def written_in_html(text: str, charset: Charset, *, only_ascii: bool) -> bytes:
    """HTML of ours in a part's charset; numeric character references for what that lacks."""
    octets = None if only_ascii else written(text, charset)
    if octets is not None:
        return octets
    references = text.encode("ascii", "xmlcharrefreplace")
    return references if charset.shape is not Shape.WIDE else references.decode("ascii").encode(charset.codec)


def ascii_view(octets: bytes, charset: Charset) -> bytes:
    """The octets with everything masked that only looks like ASCII. Offsets stay; of UTF-16 (settled) it shows an octet
    for each code unit.

    Halves of characters that may be braces are masked where there are two braces together; no half is one of `<>"'&=`.
    """
    if charset.shape is Shape.WIDE:
        return b"".join([_units(octets[at : at + _PIECE], charset.codec) for at in range(0, len(octets), _PIECE)])
    if charset.shape is Shape.ESCAPED and b"\x1b" in octets:
        return with_only_ascii(octets)
    if charset.shape is Shape.PAIRED and (b"{{" in octets or b"}}" in octets):
        return _without_half_braces(octets, _SHIFT_JIS_BRACES if charset.codec == "cp932" else _BRACES)
    return octets


def octet_offset(offset: int, charset: Charset) -> int:
    """Of an offset in `ascii_view`."""
    return offset * 2 if charset.shape is Shape.WIDE else offset


def appendable(octets: bytes, charset: Charset) -> bool:
    """Can text in that charset (settled) follow octets that are not readable, after a line end and an empty line?

    Where it can, the reader of these octets finds the text unharmed, whatever they are to him; where it cannot, a state
    that they leave behind might turn it into something else.
    """
    if charset.shape is Shape.ESCAPED:
        return comes_back_to_ascii(octets)
    return charset.shape is not Shape.WIDE or len(octets) % 2 == 0


def _without_half_braces(octets: bytes, braces: re.Pattern[bytes]) -> bytes:
    """Past a bound of them no brace at all is shown."""
    pieces: list[bytes] = []
    start = 0
    for count, found in enumerate(braces.finditer(octets)):
        if count > _MAX_BRACES:
            return octets.translate(_NO_BRACES)
        if (found.end() - found.start()) % 2 == 0:
            pieces += (octets[start : found.end() - 1], b"x")
            start = found.end()
    pieces.append(octets[start:])
    return b"".join(pieces)


def _encoded(text: str, codec: str) -> bytes | None:
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


def _reads(octets: bytes, codec: str, text: str, names: dict[str, str]) -> bool:
    try:
        read = octets.decode(codec)
    except UnicodeDecodeError:
        return False
    return read == text or _renamed(read, names) == text


def _renamed(text: str, names: dict[str, str]) -> str:
    for name, other in names.items():
        if name in text:
            text = text.replace(name, other)
    return text


def _has_unit(octets: bytes, unit: bytes) -> bool:
    place = octets.find(unit)
    while place % 2 and place >= 0:
        place = octets.find(unit, place + 1)
    return place >= 0


def _units(octets: bytes, codec: str) -> bytes:
    """The low octets of code units where the high ones are zero, else an x; all units at once, as one long number."""
    low, high = (octets[::2], octets[1::2]) if codec == "utf_16_le" else (octets[1::2], octets[::2])
    shown = int.from_bytes(high.translate(_SHOWN), "little")
    hidden = int.from_bytes(b"x" * len(high), "little") & ~shown
    return (int.from_bytes(low, "little") & shown | hidden).to_bytes(len(high), "little").translate(_NOT_ASCII_AS_X)
