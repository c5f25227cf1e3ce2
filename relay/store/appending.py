"""Adds events to the ledger and folds the facts of the people concerned. Runs inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from relay.address import Address
from relay.consent.events import Event, EventKind
from relay.consent.fold import Folded, No, fold_person, said_at
from relay.consent.ledger import GENESIS, RANDOMNESS_OCTETS, line_of, link
from relay.store.queries import query
from relay.store.rows import event_of, event_row, folded_row, no_row

#: What has to stand in withdrawals.journal.
NOES = frozenset({EventKind.WITHDRAW, EventKind.COMPLAIN})


def append_events(
    connection: sqlite3.Connection, events: Sequence[Event], randomness: Callable[[int], bytes]
) -> tuple[int, ...]:
    """The sequence number of each event. One whose id is known keeps its old number and changes nothing."""
    ids = json.dumps([event.id for event in events])
    known: dict[str, int] = dict(connection.execute(query("known_events"), (ids,)).fetchall())
    fresh = [event for event in {event.id: event for event in events}.values() if event.id not in known]
    if fresh:
        history = _history(connection, {event.address.wide for event in fresh})
        fresh = [_after_what_was_said(event, history.get(event.address.wide, ())) for event in fresh]
        known.update(_chain(connection, fresh, randomness))
        for event in fresh:
            history.setdefault(event.address.wide, []).append(event)
        _refold(connection, fresh, history)
    return tuple(known[event.id] for event in events)


def _after_what_was_said(event: Event, history: Iterable[Event]) -> Event:
    """A no that comes now follows every yes that stands in the ledger, even when the clock was set back in between."""
    if event.kind not in NOES or event.at != event.recorded_at:
        return event
    newest = max((said_at(before) for before in history if before.says_yes), default=event.recorded_at)
    return event if newest <= event.recorded_at else replace(event, at=newest, recorded_at=newest)


def _history(connection: sqlite3.Connection, people: Iterable[str]) -> dict[str, list[Event]]:
    rows = connection.execute(query("events_of_people"), (json.dumps(list(people)),)).fetchall()
    history: dict[str, list[Event]] = {}
    for row in rows:
        event = event_of(row)
        history.setdefault(event.address.wide, []).append(event)
    return history


def _chain(
    connection: sqlite3.Connection, events: Sequence[Event], randomness: Callable[[int], bytes]
) -> dict[str, int]:
    """Link the events to the end of the ledger."""
    sequence, previous = connection.execute(query("last_line")).fetchone() or (0, GENESIS)
    rows = []
    octets = randomness(RANDOMNESS_OCTETS * len(events))
    numbers: dict[str, int] = {}
    for place, event in enumerate(events):
        sequence += 1
        line = line_of(sequence, event, octets[place * RANDOMNESS_OCTETS : (place + 1) * RANDOMNESS_OCTETS])
        previous = link(previous, line)
        rows.append(event_row(event, line, previous))
        numbers[event.id] = sequence
    connection.executemany(query("insert_event"), rows)
    return numbers


def _refold(connection: sqlite3.Connection, fresh: Sequence[Event], history: dict[str, list[Event]]) -> None:
    """Write anew what the events touch: a no every row of the person, a yes its own."""
    said_no = {event.address.wide for event in fresh if event.kind in NOES}
    touched = {(event.stream, event.address) for event in fresh}
    facts: list[tuple[str, Address, Folded]] = []
    noes: list[No] = []
    for wide, events in history.items():
        rows, person_noes = fold_person(events)
        noes.extend(person_noes)
        facts.extend((*key, row) for key, row in rows.items() if wide in said_no or key in touched)
    connection.executemany(query("put_facts"), [folded_row(*fact) for fact in facts])
    connection.executemany(query("put_no"), [no_row(no) for no in noes])
