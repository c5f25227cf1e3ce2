"""Puts the rows of a list into the order of people, however long the list: sorted runs in a file, merged when all is read.

Rows that come in the order of the tables' keys fill each page of the database once; in the order of a list they would
rewrite a page for every row. Knows rows only as tuples that begin with the key; nothing of the database.
"""

from __future__ import annotations

import marshal
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, BinaryIO, Final

#: Rows that are sorted together and written as one run: some 70 MB of memory.
RUN: Final = 100_000
#: Rows of one piece of a run; pieces are what is read back.
_PIECE: Final = 256
#: Fewest pieces that are read back at once.
_FEWEST: Final = 16

_key = itemgetter(0)


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """Some rows of a run, in order. first, last: keys. file: which of the files, start: where in it."""

    first: str
    last: str
    file: int
    start: int
    octets: int


@dataclass(slots=True)
class Spill:
    """Writes runs to a file. number: of this file among those that are merged. run: rows of one run."""

    file: BinaryIO
    number: int = 0
    run: int = RUN
    pieces: list[Piece] = field(default_factory=list)
    _rows: list[tuple[Any, ...]] = field(default_factory=list)
    _end: int = 0

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows += rows
        if len(self._rows) >= self.run:
            self.write()

    def write(self) -> None:
        """What was added and not written yet; raises OSError where there is no room."""
        rows, self._rows = self._rows, []
        rows.sort(key=_key)
        for start in range(0, len(rows), _PIECE):
            part = rows[start : start + _PIECE]
            octets = marshal.dumps(part)
            self.file.write(octets)
            self.pieces.append(Piece(part[0][0], part[-1][0], self.number, self._end, len(octets)))
            self._end += len(octets)
        self.file.flush()


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several that merge at the same time takes: all rows from a key up to, but without, another."""

    pieces: tuple[Piece, ...]
    low: str = ""
    high: str | None = None


def shared_out(pieces: Sequence[Piece], count: int) -> list[Share]:
    """In the order of keys; some `count` of them, as large as each other."""
    first = sorted({piece.first for piece in pieces})
    limits = [first[len(first) * place // count] for place in range(1, count)] if len(first) >= count else []
    lows, highs = ["", *limits], [*limits, None]
    return [
        Share(tuple(one for one in pieces if one.last >= low and (high is None or one.first < high)), low, high)
        for low, high in zip(lows, highs, strict=True)
    ]


def merged(share: Share, files: Sequence[BinaryIO]) -> Iterator[list[tuple[Any, ...]]]:
    """Its rows in the order of their keys, in lists; rows with the same key are always in the same list.

    In the order of first keys, whatever lies below the first key of the next piece has been read.
    """
    ordered = sorted(share.pieces)
    step = max(_FEWEST, len(ordered) * _PIECE // RUN)
    waiting: list[tuple[Any, ...]] = []
    for start in range(0, len(ordered), step):
        for piece in ordered[start : start + step]:
            files[piece.file].seek(piece.start)
            rows = marshal.loads(files[piece.file].read(piece.octets))  # noqa: S302 - written by ourselves, just now
            if piece.first < share.low or (share.high is not None and piece.last >= share.high):
                rows = [row for row in rows if row[0] >= share.low and (share.high is None or row[0] < share.high)]
            waiting += rows
        waiting.sort(key=_key)
        following = ordered[start + step : start + step + 1]
        end = bisect_left(waiting, following[0].first, key=_key) if following else len(waiting)
        if end:
            yield waiting[:end]
            waiting = waiting[end:]
