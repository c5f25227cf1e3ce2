"""Charsets: can a part's octets be read without a doubt, and how is the footer written so that they stay readable?

Only charsets that contain ASCII as ASCII, and ISO-2022-JP. UTF-7, UTF-16, HZ and the like have no place in mail, or
no safe place for an insertion; what is not in the table is not edited.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Final

UTF_8: Final = "utf-8"


class Shape(Enum):
    """How octets below 0x80 may be understood.

    ASCII: always as ASCII. PAIRED: as ASCII, or as the second half of a character, which only decoding tells; never
    one of `<>"'&=`. ESCAPED: as ISO 2022 says, between escape sequences.
    """

    ASCII = 1
    PAIRED = 2
    ESCAPED = 3


@dataclass(frozen=True, slots=True)
class Charset:
    """codec: Python's name. label: as written in mail."""

    label: str
    codec: str
    shape: Shape


_ASCII_CODECS: Final = {
    "us-ascii": "ascii",
    "ascii": "ascii",
    "ansi_x3.4-1968": "ascii",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "euc-jp": "euc_jp",
    "x-euc-jp": "euc_jp",
    "euc-kr": "euc_kr",
    "ks_c_5601-1987": "euc_kr",
    "gb2312": "gb2312",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    **{f"iso-8859-{number}": f"iso8859_{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    "latin1": "iso8859_1",
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"cp{number}": f"cp{number}" for number in range(1250, 1259)},
    "windows-874": "cp874",
    "tis-620": "tis_620",
}
_PAIRED_CODECS: Final = {
    "shift_jis": "cp932",  # as every mail program reads it
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "cp949": "cp949",
}
_ESCAPED_CODECS: Final = {"iso-2022-jp": "iso2022_jp", "cp50220": "iso2022_jp", "cp50221": "iso2022_jp"}

#: What users type for what JIS X 0208 has at the same place.
_JIS_TWINS: Final = str.maketrans({"\uff5e": "\u301c", "\uff0d": "\u2212", "\u2014": "\u2015", "\u2225": "\u2016"})
_HALF_WIDTH: Final = re.compile("[\uff61-\uff9f]+")
_ESCAPE: Final = re.compile(rb"\x1b(?:\([BJI]|\$[@B]|\$\(D)")
_TWO_OCTET_RUN: Final = re.compile(rb"\x1b(?:\$[@B]|\$\(D|\(I)[^\x1b]*+")
#: A line end leaves the two-octet state (RFC 1468) for some readers and not for others.
_AFTER_OPEN_LINE: Final = re.compile(rb"\x1b(?:\$[@B]|\$\(D)[^\x1b\r]*+\r\n[\r\n]*+[^\x1b\r\n]")
_EIGHT_BIT: Final = re.compile(rb"[\x80-\xff]")
_KANA: Final = re.compile(rb"[\x21-\x5f]")
_TO_ASCII: Final = b"\x1b(B"
_MASK: Final = bytes([octet if octet in b"\r\n" else 0x78 for octet in range(256)])  # x, but line ends stay


def charset_of(label: str) -> Charset | None:
    """The charset of that label (US-ASCII for ""), None where it is not ours to edit."""
    name = label.strip().strip("'").lower() or "us-ascii"
    for codecs, shape in (
        (_ASCII_CODECS, Shape.ASCII),
        (_PAIRED_CODECS, Shape.PAIRED),
        (_ESCAPED_CODECS, Shape.ESCAPED),
    ):
        codec = codecs.get(name)
        if codec is not None:
            return Charset(name, codec, shape)
    return None


def text_of(octets: bytes, charset: Charset) -> str | None:
    """Strictly decoded, None where any octet does not belong or a different one could have been meant."""
    if charset.shape is Shape.ESCAPED and _AFTER_OPEN_LINE.search(octets):
        return None
    try:
        text = octets.decode(charset.codec)
    except UnicodeDecodeError:
        return _jis_with_vendor_rows(octets) if charset.shape is Shape.ESCAPED else None
    if charset.shape is Shape.ESCAPED:
        return text
    if charset.codec in ("utf-8", "ascii", "iso8859_1"):
        return text
    try:
        return text if text.encode(charset.codec) == octets else None
    except UnicodeEncodeError:
        return None


def written(text: str, charset: Charset) -> bytes | None:
    """Text of ours in a part's charset, None where that lacks a character."""
    if charset.shape is Shape.ESCAPED:
        text = _HALF_WIDTH.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text.translate(_JIS_TWINS))
    try:
        octets = text.encode(charset.codec)
    except UnicodeEncodeError:
        return None
    return octets if charset.codec == "utf-8" or octets.decode(charset.codec) == text else None


def written_in_html(text: str, charset: Charset, *, only_ascii: bool) -> bytes:
    """HTML of ours in a part's charset; numeric character references for what that lacks."""
    if not only_ascii:
        octets = written(text, charset)
        if octets is not None:
            return octets
    return text.encode("ascii", "xmlcharrefreplace")


def ascii_view(octets: bytes, charset: Charset) -> bytes:
    """The octets with everything masked that only looks like ASCII; every offset stays."""
    if charset.shape is Shape.ESCAPED and b"\x1b" in octets:
        return _TWO_OCTET_RUN.sub(lambda found: found[0].translate(_MASK), octets)
    return octets


def escape_state(octets: bytes, offset: int) -> bytes:
    """The escape sequence in force at that place of ISO-2022-JP text: what to write to come back to it."""
    state = _TO_ASCII
    for found in _ESCAPE.finditer(octets, max(octets.rfind(b"\x1b", 0, offset), 0), offset):
        state = found[0]
    return state


def around_insertion(octets: bytes, offset: int, charset: Charset) -> tuple[bytes, bytes]:
    """What to write before and after an insertion, so that it begins in ASCII and the text after it is unharmed.

    Two escape sequences next to each other are an error for some decoders (WHATWG encoding issue 115): the insertion
    has a line end at both sides.
    """
    if charset.shape is not Shape.ESCAPED:
        return b"", b""
    state = escape_state(octets, offset)
    if state == _TO_ASCII:
        return b"", b""
    return _TO_ASCII, state if offset < len(octets) else b""


def _jis_with_vendor_rows(octets: bytes) -> str | None:
    """ISO-2022-JP with the NEC and IBM characters (circled digits) and half-width kana that mail programs write."""
    if _EIGHT_BIT.search(octets):
        return None
    pieces: list[str] = []
    state = _TO_ASCII
    position = 0
    for found in chain(_ESCAPE.finditer(octets), (None,)):  # never all at once: there may be millions
        piece = _decoded_run(octets[position : len(octets) if found is None else found.start()], state)
        if piece is None:
            return None
        pieces.append(piece)
        if found is not None:
            state, position = found[0], found.end()
    return "".join(pieces)


def _decoded_run(run: bytes, state: bytes) -> str | None:
    """Text between two escape sequences; JIS X 0212 (`ESC $ ( D`) is left to Python's own codecs."""
    try:
        if b"\x1b" in run or state == b"\x1b$(D":
            return None
        if state == b"\x1b(I":
            return _KANA.sub(lambda found: bytes([found[0][0] | 0x80]), run).decode("cp932")
        if state in (_TO_ASCII, b"\x1b(J"):
            return run.decode("ascii")
        pairs = run.rstrip(b"\r\n")
        return _pairs_as_shift_jis(pairs).decode("cp932") + run[len(pairs) :].decode("ascii")
    except ValueError:
        return None


def _pairs_as_shift_jis(pairs: bytes) -> bytes:
    """JIS X 0208 pairs, shifted to where Shift_JIS has them."""
    if len(pairs) % 2:
        raise ValueError("half a character")
    shifted = bytearray()
    for row, cell in zip(pairs[::2], pairs[1::2], strict=True):
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            raise ValueError("no character")
        lead = (row - 0x21) >> 1
        shifted.append(lead + (0x81 if lead < 31 else 0xC1))
        if row % 2:
            shifted.append(cell + (0x1F if cell < 0x60 else 0x20))
        else:
            shifted.append(cell + 0x7E)
    return bytes(shifted)
