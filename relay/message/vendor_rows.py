"""Japanese text with what vendors added to JIS X 0208: rows 13 and 89 to 92 (circled digits, Roman numerals, names).

Python's codecs for ISO-2022-JP and EUC-JP know none of these, nor half-width kana in ISO-2022-JP, and every mail program
reads them. Slower than the codecs, so it has a budget: text past it is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Final

from relay.message.iso_2022 import TO_ASCII

#: Stretches of one kind, between escape sequences or others, long ones more: no letter has so many, and all take a
#: second.
_BUDGET: Final = 200_000
#: Whole lines of about so many octets are tried with Python's codec first.
_LINES: Final = 1 << 14
#: One call into C takes at most so much: it holds the interpreter's lock.
_RUN: Final = 1 << 18
_VENDOR: Final = frozenset({13, 89, 90, 91, 92})
_ESCAPE: Final = re.compile(rb"\x1b(?:\([BJI]|\$[@B])")
_EUC: Final = re.compile(rb"[\x00-\x7f]++|([\xa1-\xfe]++)|\x8e([\xa1-\xdf])|\x8f[\xa1-\xfe][\xa1-\xfe]")
_NOT_KANA: Final = re.compile(rb"[\x60-\xff]")
_ROMAN: Final = str.maketrans("\\~", "\u00a5\u203e")
_TO_HALF_WIDTH: Final = bytes([one | 0x80 if 0x21 <= one <= 0x5F else one for one in range(256)])
_WITHOUT_HIGH_BIT: Final = bytes([one & 0x7F for one in range(256)])


def text_of_iso_2022_jp(octets: bytes) -> str | None:
    """None where something is no character, or there is too much of it."""
    pieces: list[str] = []
    state, budget = TO_ASCII, _BUDGET
    for lines in _lines(octets):
        try:
            pieces.append((state + lines).decode("iso2022_jp"))
        except UnicodeDecodeError:
            budget -= lines.count(b"\x1b") + len(lines) // 128 + 1
            text = _escaped_text(lines, state) if budget > 0 else None
            if text is None:
                return None
            pieces.append(text)
        escapes = _ESCAPE.findall(lines, max(lines.rfind(b"\x1b"), 0))
        state = escapes[-1] if escapes else state
    return "".join(pieces)


def text_of_euc_jp(octets: bytes) -> str | None:
    """None where something is no character, or there is too much of it."""
    pieces: list[str] = []
    budget = _BUDGET
    for lines in _lines(octets):
        try:
            pieces.append(lines.decode("euc_jp"))
        except UnicodeDecodeError:
            position = 0
            for found in _EUC.finditer(lines):
                budget -= len(found[0]) // 128 + 1
                if found.start() != position or budget < 0:
                    return None
                position = found.end()
                text = _euc_text(found)
                if text is None:
                    return None
                pieces.append(text)
            if position != len(lines):
                return None
    return "".join(pieces)


def _lines(octets: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(octets):
        end = octets.rfind(b"\n", start, start + _LINES) + 1 or octets.find(b"\n", start) + 1 or len(octets)
        yield octets[start:end]
        start = end


def _escaped_text(lines: bytes, state: bytes) -> str | None:
    pieces: list[str] = []
    position = 0
    for found in chain(_ESCAPE.finditer(lines), (None,)):
        piece = _stretch(lines[position : len(lines) if found is None else found.start()], state)
        if piece is None:
            return None
        pieces.append(piece)
        if found is not None:
            state, position = found[0], found.end()
    return "".join(pieces)


def _stretch(run: bytes, state: bytes) -> str | None:
    """Text between two escape sequences. JIS X 0212 (`ESC $ ( D`) is read by few."""
    if b"\x1b" in run:
        return None
    if state in (b"\x1b$B", b"\x1b$@"):
        pairs = run.rstrip(b"\r\n")
        text = _pairs(pairs)
        return None if text is None else text + run[len(pairs) :].decode("ascii")
    if state == b"\x1b(I":
        return None if _NOT_KANA.search(run) else run.translate(_TO_HALF_WIDTH).decode("cp932")
    if not run.isascii():
        return None
    text = run.decode("ascii")
    return text.translate(_ROMAN) if state == b"\x1b(J" else text


def _euc_text(found: re.Match[bytes]) -> str | None:
    if found[1] is not None:
        return _pairs(found[1].translate(_WITHOUT_HIGH_BIT))
    if found[2] is not None:
        return found[2].decode("cp932")
    try:
        return found[0].decode("euc_jp")
    except UnicodeDecodeError:
        return None


class _Rows(dict[int, str]):
    def __missing__(self, pair: int) -> str:
        raise ValueError(pair)


def _pairs(pairs: bytes) -> str | None:
    """Pairs of octets are read as one number each by the codec of UTF-16, and looked up."""
    try:
        return "".join(
            [pairs[at : at + _RUN].decode("utf-16-be").translate(_rows()) for at in range(0, len(pairs), _RUN)]
        )
    except ValueError:
        return None


@cache
def _rows() -> _Rows:
    """Of both octets of a pair to its character, as mail programs read JIS X 0208."""
    rows = _Rows()
    for row in range(1, 95):
        for cell in range(1, 95):
            try:
                rows[(row + 32) << 8 | cell + 32] = (
                    _shift_jis(row, cell).decode("cp932")
                    if row in _VENDOR
                    else (bytes([row + 160, cell + 160]).decode("euc_jp"))
                )
            except UnicodeDecodeError:
                continue
    return rows


def _shift_jis(row: int, cell: int) -> bytes:
    lead = (row - 1) // 2 + (0x81 if row < 63 else 0xC1)
    if row % 2 == 0:
        return bytes([lead, cell + 0x9E])
    return bytes([lead, cell + (0x3F if cell < 64 else 0x40)])
