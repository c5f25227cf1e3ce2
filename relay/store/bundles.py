"""Sorted rows of a list into bundles that one short transaction takes. Who has more than one event in the list is folded
here, as if nothing were known of them before, so that the process that writes need not.

Nothing here knows the database; whether somebody is known is for the one who writes to find out.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from relay.consent.fold import fold_person
from relay.store.rows import Row, folded_row, no_row
from relay.store.told import GRANT, ID, KIND, NOES, PLACE, WIDE, Ready, event_told

#: Rows of a bundle; a transaction of some 30 ms.
SIZE: Final = 4000


@dataclass(frozen=True, slots=True)
class Group:
    """All rows of one person. repeated: rows that stand in the list twice. facts, noes: rows of these tables."""

    rows: list[Ready]
    repeated: list[Ready]
    facts: list[Row]
    noes: list[Row]

    @property
    def wide(self) -> str:
        return str(self.rows[0][WIDE])

    @property
    def says_no(self) -> bool:
        return any(row[KIND] in NOES for row in self.rows)


@dataclass(frozen=True, slots=True)
class Bundle:
    """grants, noes: the only event of their person, in the list. groups: everybody else."""

    grants: list[Ready] = field(default_factory=list)
    noes: list[Ready] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.grants) + len(self.noes) + sum(len(group.rows) + len(group.repeated) for group in self.groups)


def bundles(lists: Iterable[Sequence[Ready]], size: int = SIZE) -> Iterator[Bundle]:
    """lists: in the order of people, nobody in two of them."""
    for rows in lists:
        bundle, free = Bundle(), size
        for person in _people(rows):
            if len(person) == 1 and person[0][KIND] == GRANT:
                bundle.grants.append(person[0])
            elif len(person) == 1 and person[0][KIND] in NOES:
                bundle.noes.append(person[0])
            else:
                bundle.groups.append(_group(person))
            free -= len(person)
            if free <= 0:
                yield bundle
                bundle, free = Bundle(), size
        if free < size:
            yield bundle


def packed(bundle: Bundle) -> bytes:
    groups = [(group.rows, group.repeated, group.facts, group.noes) for group in bundle.groups]
    return marshal.dumps((bundle.grants, bundle.noes, groups))


def unpacked(octets: bytes) -> Bundle:
    """What `packed` made, a moment ago, in a process of our own."""
    grants, noes, groups = marshal.loads(octets)  # noqa: S302 - see above
    return Bundle(grants, noes, [Group(*group) for group in groups])


def _people(rows: Sequence[Ready]) -> Iterator[Sequence[Ready]]:
    several = {wide for wide, count in Counter([row[WIDE] for row in rows]).items() if count > 1}
    person: list[Ready] = []
    for row in rows:
        if person and row[WIDE] != person[0][WIDE]:
            yield person
            person = []
        if row[WIDE] in several:
            person.append(row)
        else:
            yield (row,)
    if person:
        yield person


def _group(person: Sequence[Ready]) -> Group:
    rows: list[Ready] = []
    repeated: list[Ready] = []
    ids: set[str] = set()
    for row in sorted(person, key=lambda row: row[PLACE]):
        (repeated if row[ID] in ids else rows).append(row)
        ids.add(row[ID])
    folded, noes = fold_person(map(event_told, rows))
    return Group(
        rows,
        repeated,
        [folded_row(stream, address, one) for (stream, address), one in folded.items()],
        [no_row(no) for no in noes],
    )
