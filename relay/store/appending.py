"""Adds events to the ledger and folds the facts of the people concerned; a yes lets go what was held for it, after a no
that is decided anew. Runs inside the caller's transaction.

A line of the person that cannot be read any more (edited by hand, or by a version with other rules) stops nothing: it may
have said no, so it counts as a no to everything, which only a later yes of the person's own lifts.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from relay.address import Address
from relay.consent.events import NOES, Event
from relay.consent.fold import Folded, No, fold_person, said_at
from relay.consent.ledger import SALT_OCTETS, microseconds
from relay.consent.pseudonyms import Pseudonyms
from relay.log import get_logger
from relay.store.holds import look_again, release_for
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.rows import event_of, event_row, folded_row, no_of_unreadable, no_or_wider, no_row

_NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(slots=True)
class _Person:
    """What was known of a person before. numbers: line of each event. erased: noes kept when the person was erased.
    unread: a no for each line that cannot be read.
    """

    events: list[Event] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    erased: list[No] = field(default_factory=list)
    unread: list[No] = field(default_factory=list)


def append_events(
    connection: sqlite3.Connection,
    events: Sequence[Event],
    pseudonyms: Pseudonyms,
    randomness: Callable[[int], bytes],
    texts: Mapping[str, str] = _NO_TEXTS,
) -> tuple[int, ...]:
    """The sequence number of each event. One that its person has already (by id) keeps its old number and changes
    nothing. texts: words by their hash, for the wordings that the events name.
    """
    told = [(event.address.wide, event) for event in events]
    people = _known(connection, {wide for wide, _ in told}, pseudonyms)
    fresh: dict[tuple[str, str], Event] = {}
    for wide, event in told:
        if event.id not in people[wide].numbers and (wide, event.id) not in fresh:
            fresh[wide, event.id] = _after_what_was_said(event, people[wide].events)
    if fresh:
        added = [(wide, event) for (wide, _), event in fresh.items()]
        first = _add(connection, added, randomness, texts)
        for number, (wide, event) in enumerate(added, first):
            people[wide].numbers[event.id] = number
            people[wide].events.append(event)
        _refold(connection, added, people)
        release_for(connection, fresh.values())
        look_again(connection, fresh.values())
    return tuple(people[wide].numbers[event.id] for wide, event in told)


def _after_what_was_said(event: Event, history: Iterable[Event]) -> Event:
    """A no that comes now follows every yes that stands in the ledger, even when the clock was set back in between."""
    if event.kind not in NOES or event.acted_at != event.recorded_at:
        return event
    newest = max((said_at(before) for before in history if before.says_yes), default=event.recorded_at)
    if newest <= event.recorded_at:
        return event
    return replace(event, at=None if event.at is None else newest, recorded_at=newest)


def _known(connection: sqlite3.Connection, wides: Iterable[str], pseudonyms: Pseudonyms) -> dict[str, _Person]:
    people = {wide: _Person() for wide in wides}
    for row in connection.execute(query("events_of_people"), (json.dumps(list(people)),)):
        person = people[row[1]]
        person.numbers[row[2]] = row[0]
        try:
            person.events.append(event_of(row))
        except UnreadableError as error:  # a no must be taken all the same, and nothing be sent meanwhile
            person.unread.append(no_of_unreadable(row))
            get_logger().error("ledger-line-unreadable", line=row[0], why=error.why)
    tombstones = {pseudonyms.tombstone(wide): wide for wide in people}
    for row in connection.execute(query("noes_of_people"), (json.dumps(list(tombstones)),)):
        people[tombstones[row[1]]].erased.append(no_or_wider(row))
    return people


def _add(
    connection: sqlite3.Connection,
    events: Sequence[tuple[str, Event]],
    randomness: Callable[[int], bytes],
    texts: Mapping[str, str],
) -> int:
    """Write the events (with the wide key of each) behind the last line; the number of the first of them."""
    shown = (
        (event.evidence.wording, event.evidence.language, microseconds(event.acted_at))
        for _, event in events
        if event.evidence.wording
    )
    wordings = count_wordings(connection, shown, texts)
    (last,) = connection.execute(query("last_line")).fetchone()
    octets = randomness(SALT_OCTETS * len(events))
    connection.executemany(
        query("insert_event"),
        (
            event_row(
                last + 1 + place,
                event,
                wide,
                wordings.get(event.evidence.wording),
                octets[place * SALT_OCTETS : (place + 1) * SALT_OCTETS],
            )
            for place, (wide, event) in enumerate(events)
        ),
    )
    return int(last) + 1


def count_wordings(
    connection: sqlite3.Connection, named: Iterable[tuple[str, str, int]], texts: Mapping[str, str]
) -> dict[str, int]:
    """The number of each wording that is named (hash, language, time of the act in microseconds), its uses counted."""
    uses: dict[str, list[tuple[str, int]]] = {}
    for wording, language, at in named:
        uses.setdefault(wording, []).append((language, at))
    numbers = {}
    for wording, found in uses.items():
        language = next((language for language, _ in found if language), "")
        moments = [at for _, at in found]
        values = (wording, texts.get(wording), language, min(moments), max(moments), len(found))
        ((numbers[wording],),) = connection.execute(query("put_wording"), values).fetchall()
    return numbers


def _refold(connection: sqlite3.Connection, fresh: Sequence[tuple[str, Event]], people: Mapping[str, _Person]) -> None:
    """Write anew what the events touch: a no every row of the person, a yes its own."""
    said_no = {wide for wide, event in fresh if event.kind in NOES}
    touched = {(event.stream, event.address) for _, event in fresh}
    facts: list[tuple[str, Address, Folded]] = []
    noes: list[No] = []
    for wide in {wide for wide, _ in fresh}:
        rows, person_noes = fold_person(people[wide].events, people[wide].erased, people[wide].unread)
        noes.extend(person_noes)
        everything = wide in said_no or people[wide].unread
        facts.extend((*key, row) for key, row in rows.items() if everything or key in touched)
    connection.executemany(query("put_facts"), [folded_row(*fact) for fact in facts])
    connection.executemany(query("put_no"), [no_row(no) for no in noes])
