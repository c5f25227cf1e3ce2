"""Which rows of the store may no longer be kept, by the policies' periods (`relay.consent.retention`). Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from relay.consent.events import Event
from relay.consent.facts import Status
from relay.consent.ledger import PLAIN, Line, line_of_row, moment_of
from relay.consent.pseudonyms import Pseudonyms
from relay.consent.retention import Record, Retention, person_may_go, strictest, technical_may_go
from relay.policy.evaluate import evaluate
from relay.policy.model import Policies
from relay.store.facts import read_facts
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.rows import event_of

#: A consent holds, or an answer is still awaited.
_HOLDING = frozenset({Status.CONFIRMED, Status.PENDING})


@dataclass(frozen=True, slots=True)
class Periods:
    """decisions: how long these are kept ([retention] of relay.toml); people's data as each policy says. now: aware UTC."""

    policies: Policies
    decisions: timedelta
    now: datetime

    @property
    def figures(self) -> str:
        """Changes when a period does; what was passed over is then looked at again."""
        told = [(stream.id, stream.brand, astuple(stream.retention)) for stream in self.policies.streams]
        return sha256(repr(told).encode()).hexdigest()[:16]

    @property
    def technical_before(self) -> datetime | None:
        """No technical evidence recorded later is due; None: none at all."""
        periods = [stream.retention.technical for stream in self.policies.streams]
        return self._before(min((one for one in periods if one is not None), default=None))

    @property
    def evidence_before(self) -> datetime | None:
        """Nobody of whom something was recorded later is due; None: nobody at all."""
        periods = [stream.retention.evidence for stream in self.policies.streams]
        return self._before(min((one for one in periods if one is not None), default=None))

    def of(self, stream: str, brand: str) -> Retention:
        """Of the stream; else of what may be meant: all streams of the brand, or all there are."""
        known = self.policies.by_id.get(stream)
        if known is not None:
            return known.retention
        of_brand = [one.retention for one in self.policies.streams if not stream and one.brand == brand]
        return strictest(of_brand or [one.retention for one in self.policies.streams])

    def _before(self, period: timedelta | None) -> datetime | None:
        return None if period is None else self.now - period


def due_people(
    connection: sqlite3.Connection, wides: Sequence[str], pseudonyms: Pseudonyms, periods: Periods
) -> set[str]:
    """Those of these people (wide keys) of whom nothing need be kept any more."""
    people: defaultdict[str, list[Event]] = defaultdict(list)
    unread = set()
    for row in connection.execute(query("events_of_people"), (json.dumps(list(wides)),)):
        try:
            people[row[1]].append(event_of(row))
        except UnreadableError:
            unread.add(row[1])  # who has to mend the line needs what is there
    for wide in unread:
        people.pop(wide, None)
    records = {
        wide: [Record(periods.of(one.stream, one.brand), False, max(one.recorded_at, one.acted_at)) for one in events]
        for wide, events in people.items()
    }
    addresses = {event.address: wide for wide, events in people.items() for event in events}
    for stream in periods.policies.streams:
        known = read_facts(connection, pseudonyms, stream.brand, stream.id, list(addresses))
        for address, facts in known.items():
            holds = stream.is_commercial and evaluate(stream, facts, address, periods.now).status in _HOLDING
            if holds or facts.last_contact_at is not None:
                record = Record(stream.retention, holds, facts.last_contact_at or periods.now)
                records[addresses[address]].append(record)
    return {wide for wide in people if person_may_go(records[wide], periods.now)}


def due_lines(connection: sqlite3.Connection, stretch: tuple[int, int], periods: Periods) -> tuple[list[Line], bool]:
    """Lines of a stretch of the ledger (first excluded, last included) whose IP address and browser may go; and whether
    others have to wait.
    """
    due, waiting = [], False
    for row in connection.execute(query("technical_of_stretch"), stretch).fetchall():
        line = line_of_row(row)
        plain = dict(zip(PLAIN, line.plain, strict=True))
        retention = periods.of(str(plain["stream"]), str(plain["brand"]))
        if technical_may_go(moment_of(int(plain["recorded_at"] or 0)), retention, periods.now):
            due.append(line)
        elif retention.technical is not None:
            waiting = True
    return due, waiting
