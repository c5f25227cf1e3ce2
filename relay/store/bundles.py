"""Sorted rows of a list into bundles that one short transaction takes. Who has more than one event in the list is folded
here, as if nothing were known of them before, so that the process that writes need not.

Nothing here knows the database; whether somebody is known is for the one who writes to find out.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from relay.consent.events import NOES
from relay.consent.fold import fold_person
from relay.store.rows import Row, folded_row, no_row
from relay.store.told import GRANT, ID, KIND, PLACE, SHAPE, WIDE, Ready, Shape, Told, event_told, told_again

#: Rows of a bundle; a transaction of some 20 ms.
SIZE: Final = 4000
#: However often one address stands in a list: lists of a size have at most so many times that.
_MOST_TOGETHER: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """rows: a Ready with the number of its shape. shapes: number, whether it is the only row of its person (who then needs
    no folding), Shape. folded: of the others, a person's wide key, rows of facts and of noes. repeated: rows that stand
    in the list twice.
    """

    rows: list[Ready] = field(default_factory=list)
    shapes: list[Row] = field(default_factory=list)
    folded: list[tuple[str, list[Row], list[Row]]] = field(default_factory=list)
    repeated: list[Ready] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.repeated)

    def shape(self, row: Ready) -> Shape:
        return self.shapes[row[SHAPE]][2:]

    def told(self, row: Ready) -> Told:
        return told_again((*row[:SHAPE], self.shape(row)))


@dataclass(frozen=True, slots=True)
class Bundle:
    """noes: people who say no, whatever else they say. yeses: all others."""

    yeses: Part = field(default_factory=Part)
    noes: Part = field(default_factory=Part)

    def __len__(self) -> int:
        return len(self.yeses) + len(self.noes)


def bundles(lists: Iterable[Sequence[Ready]], size: int = SIZE) -> Iterator[Bundle]:
    """lists: in the order of people, nobody in two of them."""
    for rows in lists:
        several = {wide for wide, count in Counter([row[WIDE] for row in rows]).items() if count > 1}
        making = _Making()
        person: list[Ready] = []
        for row in rows:
            if person and row[WIDE] != person[0][WIDE]:
                making.add(person)
                person = []
            if len(making) >= size and not person:
                yield making.bundle
                making = _Making()
            if row[WIDE] in several:
                person.append(row)
            else:
                making.add_lone(row)
        if person:
            making.add(person)
        if len(making):
            yield making.bundle


def by_person(rows: Iterable[Ready], size: int) -> Iterator[list[Ready]]:
    """Rows in the order of people, in lists of some `size`; nobody in two of them, but for monsters."""
    together: list[Ready] = []
    for row in rows:
        enough = len(together) >= size and row[WIDE] != together[-1][WIDE]
        if enough or len(together) >= size * _MOST_TOGETHER:
            yield together
            together = []
        together.append(row)
    if together:
        yield together


def packed(bundle: Bundle) -> bytes:
    fields: Any = _fields(bundle.yeses), _fields(bundle.noes)
    return marshal.dumps(fields)


def unpacked(octets: bytes) -> Bundle:
    """What `packed` made, a moment ago, in a process of our own."""
    yeses, noes = marshal.loads(octets)  # noqa: S302 - see above
    return Bundle(Part(*yeses), Part(*noes))


def _fields(part: Part) -> tuple[object, ...]:
    return part.rows, part.shapes, part.folded, part.repeated


class _Making:
    def __init__(self) -> None:
        self.bundle = Bundle()
        self._numbers: dict[tuple[bool, bool, Shape], int] = {}
        # Rows from the same place share one object, which is quicker to find than one that is equal.
        self._lone: dict[int, tuple[list[Ready], int]] = {}

    def __len__(self) -> int:
        return len(self.bundle)

    def add_lone(self, row: Ready) -> None:
        shape = row[SHAPE]
        found = self._lone.get(id(shape))
        if found is None:
            kind = shape[KIND]
            if kind != GRANT and kind not in NOES:
                self.add([row])
                return
            part = self._part(says_no=kind != GRANT)
            found = self._lone[id(shape)] = part.rows, self._number(part, shape, lone=True)
        found[0].append((*row[:SHAPE], found[1]))

    def add(self, person: Sequence[Ready]) -> None:
        part = self._part(says_no=any(row[SHAPE][KIND] in NOES for row in person))
        ids: set[str] = set()
        fresh: list[Ready] = []
        for row in sorted(person, key=lambda row: int(row[PLACE])):
            with_number = (*row[:SHAPE], self._number(part, row[SHAPE], lone=False))
            if row[ID] in ids:
                part.repeated.append(with_number)
            else:
                part.rows.append(with_number)
                fresh.append(row)
            ids.add(row[ID])
        folded, noes = fold_person([event_told(told_again(row)) for row in fresh])
        facts = [folded_row(stream, address, one) for (stream, address), one in folded.items()]
        part.folded.append((person[0][WIDE], facts, [no_row(no) for no in noes]))

    def _part(self, *, says_no: bool) -> Part:
        return self.bundle.noes if says_no else self.bundle.yeses

    def _number(self, part: Part, shape: Shape, *, lone: bool) -> int:
        key = part is self.bundle.noes, lone, shape
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(part.shapes)
            part.shapes.append((number, int(lone), *shape))
        return number
