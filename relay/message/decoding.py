"""The octets of a part read as text, strictly: by the codec, and only what all mail programs read the same.

Long text is read in pieces: one call into C holds the interpreter's lock. Never guesses a charset.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from typing import Final

from relay.message.charset_labels import Charset, Shape
from relay.message.iso_2022 import has_clear_states
from relay.message.vendor_rows import text_of_euc_jp, text_of_iso_2022_jp

_PIECE: Final = 1 << 14
#: UTF-16 that is not settled.
_NO_ORDER: Final = "utf_16"
#: What vendors and users have put where the standard has nothing, and what later editions have moved.
_PRIVATE: Final = re.compile("[\x80-\x9f\ue000-\uf8ff]")
_MOVED: Final = re.compile(
    "[\x80-\x9f\ue000-\uf8ff\u1e3f\ufe10-\ufe19\u9fb4-\u9fbb"
    "\U00020087\U00020089\U000200cc\U000215d7\U0002298f\U000241fe]"
)
_CONTROL: Final = re.compile("[\x80-\x9f]")
#: What readers of this codec differ in.
_DOUBTFUL: Final = {
    "iso8859_1": _CONTROL,
    "iso8859_9": _CONTROL,
    "iso8859_11": _CONTROL,
    "tis_620": _CONTROL,
    "koi8_u": re.compile("[\u255d\u256c]"),
    "cp932": _PRIVATE,
    "euc_jp": _PRIVATE,
    "cp949": _PRIVATE,
    "big5hkscs": _PRIVATE,
    "gb18030": _MOVED,
}
#: Mail programs read these instead, which have characters for the controls.
_WINDOWS: Final = {"iso8859_1": "cp1252", "iso8859_9": "cp1254", "iso8859_11": "cp874", "tis_620": "cp874"}
#: Hong Kong's edition of Big5 names some characters otherwise than Microsoft's and the encoding standard.
_BIG5_OTHERS: Final = "\u2022\uff64\u203e\u223c\u2641\u2609\u00a5\u00a2\u00a3"
_BIG5_NAMES: Final = str.maketrans(_BIG5_OTHERS, "\u2027\ufe51\u00af\uff5e\u2295\u2299\uffe5\uffe0\uffe1")
_VENDOR: Final[dict[str, Callable[[bytes], str | None]]] = {
    "iso2022_jp": text_of_iso_2022_jp,
    "euc_jp": text_of_euc_jp,
}


def is_readable(octets: bytes, charset: Charset) -> bool:
    """Is every octet part of a character, so that nothing can be swallowed by what stands before it?"""
    if octets.isascii() and charset.shape in (Shape.ASCII, Shape.PAIRED):
        return True
    if charset.shape is Shape.ESCAPED or charset.codec == _NO_ORDER:
        return text_of(octets, charset) is not None
    try:
        for _ in _pieces(octets, charset.codec):
            pass
    except UnicodeDecodeError:
        vendor = _VENDOR.get(charset.codec)
        return vendor is not None and vendor(octets) is not None
    return True


def text_of(octets: bytes, charset: Charset) -> str | None:
    """None where any octet does not belong, or a different character could have been meant."""
    codec = charset.codec
    if codec == _NO_ORDER or (charset.shape is Shape.ESCAPED and not has_clear_states(octets)):
        return None
    text = _decoded(octets, codec)
    if text is None and codec in _WINDOWS:
        return _decoded(octets, _WINDOWS[codec])
    if text is None and codec in _VENDOR:
        return _VENDOR[codec](octets)
    if text is not None and codec == "big5hkscs" and any(one in text for one in _BIG5_OTHERS):
        return text.translate(_BIG5_NAMES)
    return text


def is_doubtful(text: str, codec: str) -> bool:
    """Do readers differ in characters of this text?"""
    pattern = _DOUBTFUL.get(codec)
    return pattern is not None and pattern.search(text) is not None


def _decoded(octets: bytes, codec: str) -> str | None:
    pieces: list[str] = []
    try:
        for piece in _pieces(octets, codec):
            if not piece.isascii() and is_doubtful(piece, codec):
                return None
            pieces.append(piece)
    except UnicodeDecodeError:
        return None
    return pieces[0] if len(pieces) == 1 else "".join(pieces)


def _pieces(octets: bytes, codec: str) -> Iterator[str]:
    if len(octets) <= _PIECE:
        yield octets.decode(codec)
        return
    decoder = getincrementaldecoder(codec)("strict")
    for start in range(0, len(octets), _PIECE):
        yield decoder.decode(octets[start : start + _PIECE], start + _PIECE >= len(octets))
