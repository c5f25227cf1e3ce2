"""Learns from what next hops answer: an address that two of them have called wrong becomes an event `undeliverable`.

Runs inside the transaction that settles outcomes. What it comes to is decided in `relay.consent.undeliverable`; here
stands only what that needs to be told. Mail that was delivered costs nothing: whether a delivery came in between is
asked when an address fails again, not written down each time one succeeds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.consent.events import Event, EventKind
from relay.consent.fold import is_active_yes, said_at
from relay.consent.ledger import microseconds, moment_of
from relay.consent.undeliverable import (
    RECENT_ATTEMPTS,
    RECENT_WITHIN,
    AddressFailure,
    Attempt,
    Nothing,
    Recent,
    Remember,
    is_address_failure,
    learn,
    recent_of,
)
from relay.decision import Outcome, Result, new_id
from relay.log import get_logger
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.rows import event_of, loaded

#: Outcomes that are looked through for attempts of one next hop: enough where several take turns.
_LOOKED_THROUGH: Final = 5 * RECENT_ATTEMPTS
#: A next hop that fails is believed to fail for so long: a storm of refusals must not make the store count each time.
_FAILING_FOR: Final = timedelta(seconds=10)
#: Who says so in the ledger.
RECORDER: Final = "relay"

#: Adds an event to the ledger, within the transaction.
Append = Callable[[sqlite3.Connection, Event], None]


@dataclass(frozen=True, slots=True)
class Learnt:
    """An address that gets no more mail. event: as it stands in the ledger. code: what the next hop said, twice."""

    event: Event
    code: str
    next_hop: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a transaction came to, to be told once it is on disk."""

    learnt: tuple[Learnt, ...] = ()

    def tell(self) -> None:
        for one in self.learnt:
            get_logger().warning(
                "undeliverable-learned",
                id=one.event.id,
                recipient=str(one.event.address),
                code=one.code,
                next_hop=one.next_hop,
                why=one.event.source,
            )


class Learning:
    """Of one process. append: into the ledger. randomness: n -> n octets."""

    def __init__(self, append: Append, randomness: Callable[[int], bytes]) -> None:
        self._append = append
        self._randomness = randomness
        self._failing_until: dict[str, datetime] = {}

    def learn_from(self, connection: sqlite3.Connection, outcomes: Sequence[Outcome]) -> Lessons:
        """What these outcomes, which are in the store already, come to. Inside the caller's transaction."""
        found = (self._learn(connection, outcome.address, outcome) for outcome in outcomes if tells_of_address(outcome))
        return Lessons(tuple(one for one in found if one is not None))

    def _learn(self, connection: sqlite3.Connection, address: Address | None, outcome: Outcome) -> Learnt | None:
        if address is None or self._is_known_to_fail(outcome):
            return None
        history = [one for one in _history(connection, address) if one.address == address]
        # Strangers' addresses have no place in a ledger that is kept for ever; without a yes they get nothing anyway.
        if not history:
            return None
        good_at = _known_good_at(connection, address, history)
        if any(one.kind is EventKind.UNDELIVERABLE and _is_after(one.acted_at, good_at) for one in history):
            return None
        recent = _recent(connection, outcome)
        if recent.is_failing:
            self._failing_until[outcome.next_hop] = outcome.at + _FAILING_FOR
        remembered = _remembered(connection, address)
        what = learn(remembered, outcome.at, outcome.reply.enhanced, recent, good_at)
        if isinstance(what, Nothing):
            return None
        if isinstance(what, Remember):
            failure = what.failure
            connection.execute(query("put_failure"), (str(address), microseconds(failure.at), failure.code))
            return None
        connection.execute(query("forget_failure"), (str(address),))
        event = Event(
            id=new_id(outcome.at, self._randomness(10)),
            kind=EventKind.UNDELIVERABLE,
            address=address,
            brand="",
            stream="",
            at=what.second.at,
            recorded_at=outcome.at,
            source=f"refused with {_told(what.first)} and {_told(what.second)}",
            recorder=RECORDER,
            live=True,
        )
        self._append(connection, event)
        return Learnt(event, what.second.code, outcome.next_hop)

    def _is_known_to_fail(self, outcome: Outcome) -> bool:
        until = self._failing_until.get(outcome.next_hop)
        return until is not None and until - _FAILING_FOR <= outcome.at < until


def tells_of_address(outcome: Outcome) -> bool:
    """Did a next hop refuse this copy because of its address?"""
    return (
        outcome.result is Result.REFUSED
        and outcome.reply.code >= 500
        and bool(outcome.next_hop)
        and outcome.address is not None
        and is_address_failure(outcome.reply.enhanced)
    )


def _told(failure: AddressFailure) -> str:
    return f"{failure.code} on {failure.at:%Y-%m-%d %H:%M} UTC"


def _history(connection: sqlite3.Connection, address: Address) -> list[Event]:
    """All events of the person, under whatever spelling; none when one of them cannot be read."""
    rows = connection.execute(query("events_of_people"), (json.dumps([address.wide]),)).fetchall()
    try:
        return [event_of(row) for row in rows]
    except UnreadableError:  # nothing is learnt then; what became of the mail is written down all the same
        return []


def _known_good_at(connection: sqlite3.Connection, address: Address, history: Sequence[Event]) -> datetime | None:
    """The newest delivery to exactly this address, its newest yes by an active act, or an operator's word for it."""
    streams = sorted({one.stream for one in history if one.stream})
    (delivered,) = connection.execute(query("last_delivery"), (str(address), json.dumps(streams))).fetchone()
    moments = [said_at(one) for one in history if is_active_yes(one)]
    moments += [one.acted_at for one in history if one.kind is EventKind.DELIVERABLE]
    if delivered is not None:
        moments.append(moment_of(delivered))
    return max(moments, default=None)


def _recent(connection: sqlite3.Connection, outcome: Outcome) -> Recent:
    address = str(outcome.address)
    since, until = microseconds(outcome.at - RECENT_WITHIN), microseconds(outcome.at)
    asked = (outcome.next_hop, _LOOKED_THROUGH, address, since, until, RECENT_ATTEMPTS)
    rows = connection.execute(query("recent_attempts"), asked)
    attempts = (Attempt(recipient, moment_of(at), bool(failed)) for recipient, at, failed in rows)
    return recent_of(attempts, address, outcome.at)


def _remembered(connection: sqlite3.Connection, address: Address) -> AddressFailure | None:
    row = connection.execute(query("failure_of"), (str(address),)).fetchone()
    at = None if row is None else loaded(row[0])
    return None if at is None else AddressFailure(at, row[1])


def _is_after(moment: datetime, other: datetime | None) -> bool:
    return other is None or moment > other
