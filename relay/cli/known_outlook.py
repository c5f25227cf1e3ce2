"""What rows of a list come to today with all that is known of their people: reason and verdict, quickly.

As in `relay.cli.outlook`, most people are alike but for their times, and whole days are judged at once; whoever is not
like that, and the days on which something changes, row by row. Decides nothing of its own.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from relay.cli.outlook import key_of
from relay.consent.events import EventKind
from relay.consent.ledger import microseconds
from relay.consent.pseudonyms import Pseudonyms
from relay.policy.evaluate import evaluate
from relay.policy.model import Policies, Stream
from relay.store.facts import facts_in_rows, rows_of_facts
from relay.store.rows import Row, address_of
from relay.store.told import Told

#: Addresses asked for in one query.
_TOGETHER: Final = 500
_DAY: Final = 86_400_000_000
_MOST_REMEMBERED: Final = 200_000
#: Places in a row of queries/facts.sql: times that may be moved within their day (of the yes, its renewal, contacts, the
#: no), and those of which nothing may be there.
_TIMES: Final = (4, 9, 11, 16, 22)
_REQUESTED: Final = 1
_LIVE: Final = 6
_FREED: Final = 10
_ASKED: Final = 15
_NO: Final = 17
_NO_OF_PEOPLE: Final = (None, EventKind.WITHDRAW.value, EventKind.COMPLAIN.value)


class KnownOutlook:
    def __init__(self, policies: Policies, pseudonyms: Pseudonyms, now: datetime) -> None:
        self._streams = dict(policies.by_id)
        self._pseudonyms = pseudonyms
        self._now = now
        self._today = microseconds(now)
        self._days: dict[tuple[object, ...], str | None] = {}

    def judged(self, connection: sqlite3.Connection, rows: Sequence[Told]) -> Iterator[tuple[str, int]]:
        """How many come to what; those that stand for no row of the list, or whose stream has no policy, to nothing."""
        by_stream: dict[str, Counter[tuple[str, str]]] = {}
        for row in rows:
            wide, address, stream, alone = row[0], row[3], row[5], row[-1]
            if alone is not None and stream in self._streams:
                by_stream.setdefault(stream, Counter())[address, wide] += 1
        for name, counted in by_stream.items():
            stream = self._streams[name]
            people = list(counted)
            for start in range(0, len(people), _TOGETHER):
                some = people[start : start + _TOGETHER]
                found = rows_of_facts(connection, self._pseudonyms, stream.brand, stream.id, some)
                for place, person in enumerate(some):
                    yield self._key(stream, person[0], found[place]), counted[person]

    def _key(self, stream: Stream, address: str, rows: Sequence[Row]) -> str:
        if len(rows) > 1 or stream.internal or not _is_plain(rows[0]):
            return self._judged(stream, address, rows)
        row = rows[0]
        asked = (
            stream.id, row[2], row[3], row[_NO], row[20], row[21],
            *(None if row[place] is None else row[place] // _DAY for place in _TIMES),
        )  # fmt: skip
        try:
            known = self._days[asked]
        except KeyError:
            known = self._of_whole_day(stream, address, row)
            if len(self._days) < _MOST_REMEMBERED:
                self._days[asked] = known
        return self._judged(stream, address, rows) if known is None else known

    def _of_whole_day(self, stream: Stream, address: str, row: Row) -> str | None:
        """None when it is not the same at the days' beginning and at their end."""
        first, last = list(row), list(row)
        for place in _TIMES:
            if row[place] is not None:
                first[place] = row[place] // _DAY * _DAY
                last[place] = max(row[place], min(first[place] + _DAY - 1, self._today))
        judged = self._judged(stream, address, [tuple(first)])
        return judged if judged == self._judged(stream, address, [tuple(last)]) else None

    def _judged(self, stream: Stream, address: str, rows: Sequence[Row]) -> str:
        return key_of(evaluate(stream, facts_in_rows(stream.id, rows), address_of(address), self._now))


def _is_plain(row: Row) -> bool:
    """Nothing there whose times are compared with each other: an open question, a yes just given, a no that was lifted."""
    return (
        row[_REQUESTED] is None
        and not row[_LIVE]
        and not row[_ASKED]
        and row[_NO] in _NO_OF_PEOPLE
        and (row[_FREED] is None or row[_NO] is None)
    )
