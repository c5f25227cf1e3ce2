"""Files of lines that only grow, read from their end. Knows nothing of what stands in the lines, decides nothing."""

from __future__ import annotations

import os
from typing import BinaryIO, Final

#: Octets read from the end at first; nearly always the last line is in them.
_TAIL: Final = 1 << 14


def last_line(file: BinaryIO) -> bytes:
    """The last line that has its end, with it; b"" when there is none."""
    size = file.seek(0, os.SEEK_END)
    length = _TAIL
    while True:
        start = max(0, size - length)
        file.seek(start)
        octets = file.read(size - start)
        end = octets.rfind(b"\n")
        begin = octets.rfind(b"\n", 0, max(end, 0))
        if start == 0 or begin >= 0:
            return octets[begin + 1 : end + 1] if end >= 0 else b""
        length *= 4


def end_of_whole_lines(file: int) -> int:
    """Octets up to the last line end; what follows was left half written by a crash."""
    size = os.lseek(file, 0, os.SEEK_END)
    length = _TAIL
    while True:
        start = max(0, size - length)
        end = os.pread(file, size - start, start).rfind(b"\n")
        if start == 0 or end >= 0:
            return start + end + 1
        length *= 4


def copy(file: BinaryIO, into: BinaryIO, octets: int) -> None:
    """So many octets from where `file` stands. Raises EOFError when it has fewer."""
    while octets:
        piece = file.read(min(octets, 1 << 20))
        if not piece:
            raise EOFError(f"{octets} octets are missing")
        into.write(piece)
        octets -= len(piece)


def write_all(file: int, octets: bytes) -> None:
    """The kernel may take less than it is given."""
    while octets:
        octets = octets[os.write(file, octets) :]
