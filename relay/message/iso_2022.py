"""ISO-2022-JP (RFC 1468): which octets are ASCII there, and which state is in force where.

Never decodes. Everything is done in stretches from one escape sequence to another: long text takes long, and one call
into C holds the interpreter's lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

TO_ASCII: Final = b"\x1b(B"
#: More escape sequences than any letter has; past that nothing is read or shown.
MAX_ESCAPES: Final = 4_000_000
_STRETCH: Final = 1 << 18
_ESCAPE: Final = re.compile(rb"\x1b(?:\([BJI]|\$[@B]|\$\(D)")
_NO_ASCII: Final = re.compile(rb"(\x1b(?:\$[@B]|\$\(D|\(I)[^\x1b]*+)")
_UNKNOWN: Final = re.compile(rb"\x1b(?!\([BJI]|\$[@B]|\$\(D)")
#: No state is left open at a line's end, but by some writers, and readers differ in what they make of the next line.
_UNCLEAR: Final = re.compile(rb"\x1b(?:(?!\([BJI]|\$[@B]|\$\(D)|(?:\$[@B]|\$\(D|\(I)[^\x1b\r\n]*+[\r\n]++[^\x1b\r\n])")


class States:
    """The escape sequence in force at one place after the other: what to write to come back to it."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._place = 0
        self._state = TO_ASCII

    def at(self, offset: int) -> bytes:
        """offset: not before the last one asked for. Of several escape sequences only the last one is looked at."""
        end = offset
        while (start := self._octets.rfind(b"\x1b", self._place, end)) >= 0:
            found = _ESCAPE.match(self._octets, start, offset)
            if found is not None:
                self._state, self._place = found[0], found.end()
                break
            end = start
        return self._state


def with_only_ascii(octets: bytes) -> bytes:
    """Everything that only looks like ASCII is an x; offsets stay."""
    if octets.count(b"\x1b") > MAX_ESCAPES:
        return b"x" * len(octets)
    pieces: list[bytes] = []
    for start, end in _stretches(octets):
        parts = _NO_ASCII.split(octets[start:end])
        parts[1::2] = [b"x" * len(one) for one in parts[1::2]]
        pieces += parts if len(parts) < 3 else (b"".join(parts),)
    return b"".join(pieces)


def has_clear_states(octets: bytes) -> bool:
    """Do all readers agree about what is in which state, and is it little enough to be read?"""
    if b"\x0e" in octets or b"\x0f" in octets:  # shifts, which ISO-2022-JP has not
        return False
    return octets.count(b"\x1b") <= MAX_ESCAPES and not _has(_UNCLEAR, octets)


def comes_back_to_ascii(octets: bytes) -> bool:
    """Does `TO_ASCII` lead every reader to ASCII, whatever stands before it?"""
    return not (b"\x0e" in octets or b"\x0f" in octets or _has(_UNKNOWN, octets))


def _has(pattern: re.Pattern[bytes], octets: bytes) -> bool:
    return any(pattern.search(octets, start, end) for start, end in _stretches(octets))


def _stretches(octets: bytes) -> Iterator[tuple[int, int]]:
    """Each begins with an escape sequence, but for the first; what is before that has none."""
    start = 0
    while start < len(octets):
        end = octets.rfind(b"\x1b", start + 1, start + _STRETCH)
        if end < 0:
            end = octets.find(b"\x1b", start + 1)
        if end < 0:
            end = len(octets)
        yield start, end
        start = end
