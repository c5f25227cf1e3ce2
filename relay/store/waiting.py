"""Reads mail that was accepted and is not over yet: which copies wait for what, how many, how long. For the commands.

Never writes and never takes a lock of the store: a relay that runs beside it notices nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from relay.consent.ledger import microseconds, moment_of
from relay.queued import Copy, Message, State
from relay.reason import Reason
from relay.store.connection import errors_of_the_store
from relay.store.leases import ended, folder_of
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.queue_rows import copy_of, message_of
from relay.store.rows import loaded

#: Columns of a copy in waiting_copies; then those of its message, then the lease.
_COPY_COLUMNS: Final = 20
#: Outcomes that are looked through for next hops that take nothing.
_NEWEST_OUTCOMES: Final = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A copy that waits, with its message. worked_on: does a process that lives work on it just now?"""

    copy: Copy
    message: Message
    worked_on: bool


@dataclass(frozen=True, slots=True)
class WantedCopies:
    """Which copies; () and "" do not choose. wide: of the recipient, whatever the spelling. identity: id of a message or
    of a copy's newest decision.
    """

    states: tuple[State, ...] = ()
    stream: str = ""
    client: str = ""
    domain: str = ""
    reason: Reason | None = None
    wide: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Copies of one state and stream. octets: of each copy its whole message."""

    state: State
    stream: str
    copies: int
    octets: int


@dataclass(frozen=True, slots=True)
class Together:
    """Copies of one state and stream among those wanted. oldest: when the first was accepted; since: when the first came
    into this state.
    """

    state: State
    stream: str
    copies: int
    oldest: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class HeldTogether:
    """Held copies of one stream and reason. asked: how many of their people were asked. oldest: when the first
    was accepted. asked_first, asked_last; given_up_first, given_up_last: None where there is none.
    """

    stream: str
    reason: Reason
    copies: int
    octets: int
    oldest: datetime
    asked: int
    asked_first: datetime | None
    asked_last: datetime | None
    given_up_first: datetime | None
    given_up_last: datetime | None


@dataclass(frozen=True, slots=True)
class Ages:
    """Of the copies in one state. oldest: when the first was accepted; since: when the first came into this state.
    next_due: the earliest due time of those that nobody works on. late: how many of those are due for longer than the
    caller allows. worked_on: leased, by a process that lives or not. attempted: with an attempt behind them.
    """

    state: State
    copies: int
    oldest: datetime
    since: datetime
    next_due: datetime | None
    late: int
    worked_on: int
    attempted: int


@dataclass(frozen=True, slots=True)
class Deferring:
    """A next hop that could not take copies that wait. answer: to one of them, the newest in the queue."""

    next_hop: str
    copies: int
    answer: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What waits on the disk: messages, and the octets of their contents, each once."""

    messages: int
    octets: int


class WaitingMail:
    """database: its path, beside which the leases are. Every method raises StoreUnavailableError."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        self._connection = connection
        self._database = database

    def copies(self, wanted: WantedCopies, limit: int | None = None, *, newest: bool = False) -> list[Waiting]:
        """In the order in which they were accepted, or the other way round; at most `limit`."""
        return list(self._read(wanted, -1 if limit is None else limit, "DESC" if newest else "ASC"))

    def count(self, wanted: WantedCopies) -> int:
        where, values = _conditions(wanted)
        ((count,),) = self._all(f"{query('count_waiting')} WHERE {where}", values)
        return int(count)

    def numbers(self, wanted: WantedCopies) -> list[int]:
        """Of the wanted copies, the oldest first."""
        where, values = _conditions(wanted)
        sql = f"{query('waiting_numbers')} WHERE {where} ORDER BY c.number"
        return [number for (number,) in self._all(sql, values)]

    def content(self, message: int) -> bytes:
        """As it came from the client. Raises KeyError when it is gone."""
        rows = self._all(query("content"), (message,))
        if not rows:
            raise KeyError(message)
        return bytes(rows[0][0])

    def tallies(self) -> list[Tally]:
        return [Tally(State(state), *rest) for state, *rest in self._all(query("tallies"))]

    def stock(self) -> Stock:
        (row,) = self._all(query("stock"))
        return Stock(*row)

    def together(self, wanted: WantedCopies) -> list[Together]:
        """By state and stream."""
        where, values = _conditions(wanted)
        sql = f"{query('waiting_together')} WHERE {where} GROUP BY c.state, c.stream ORDER BY 4, 1, 2"
        return [
            Together(State(state), stream, copies, moment_of(oldest), moment_of(since))
            for state, stream, copies, oldest, since in self._all(sql, values)
        ]

    def held(self, wanted: WantedCopies) -> list[HeldTogether]:
        """By stream and reason, most copies first."""
        where, values = _conditions(wanted)
        sql = f"{query('held_together')} WHERE {where} GROUP BY c.stream, c.reason ORDER BY 3 DESC, 1, 2"
        return [_held(row) for row in self._all(sql, values)]

    def ages(self, late_before: datetime) -> list[Ages]:
        """Of every state that a copy is in. late_before: what was due before then is late."""
        return [_ages(row) for row in self._all(query("waiting_ages"), (microseconds(late_before),))]

    def deferring(self, most: int) -> list[Deferring]:
        """Next hops with the most copies that wait for another attempt."""
        return [
            Deferring(next_hop or "none reached", copies, f"{code} {enhanced} {reply}".strip() if code else "no answer")
            for next_hop, copies, _, code, enhanced, reply in self._all(query("waiting_deferred"), (most,))
        ]

    def failing(self, since: datetime) -> dict[str, int]:
        """By next hop ("" where none was reached): how many of its newest attempts it could not take, up to the last one that
        it settled; 0 where that was the newest. Of what was attempted since then.
        """
        return dict(self._all(query("failing_next_hops"), (_NEWEST_OUTCOMES, microseconds(since))))

    def first_due(self) -> Waiting | None:
        """The queued copy that is due first and that nobody works on."""
        sql = f"{query('waiting_copies')} WHERE c.state = 'queued' AND c.lease IS NULL ORDER BY c.due_at LIMIT 1"
        for row in self._all(sql):
            return Waiting(copy_of(row[:_COPY_COLUMNS]), message_of(row[_COPY_COLUMNS:-1]), worked_on=False)
        return None

    def last_decided(self) -> datetime | None:
        ((at,),) = self._all("SELECT max(at) FROM decisions")
        return loaded(at)

    def processes(self) -> int:
        """How many processes of the relay are at work on this store."""
        folder = folder_of(self._database)
        try:
            names = [entry.name for entry in os.scandir(folder)]
        except FileNotFoundError:
            return 0
        return sum(map(self.is_alive, names))

    def is_alive(self, lease: str) -> bool:
        """Does the process of this lease live? Where nobody may ask, it counts as alive."""
        try:
            with ended(self._database, lease, keep=True) as is_so:
                return not is_so
        except OSError:
            return True

    def _read(self, wanted: WantedCopies, limit: int, order: str) -> Iterator[Waiting]:
        where, values = _conditions(wanted)
        sql = f"{query('waiting_copies')} WHERE {where} ORDER BY c.number {order} LIMIT :limit"
        alive = _remembering(self.is_alive)
        for row in self._all(sql, values | {"limit": limit}):
            lease = row[-1]
            yield Waiting(
                copy_of(row[:_COPY_COLUMNS]), message_of(row[_COPY_COLUMNS:-1]), lease is not None and alive(lease)
            )

    def _all(self, sql: str, values: Mapping[str, object] | Sequence[object] = ()) -> list[Any]:
        with errors_of_the_store():
            return self._connection.execute(sql, values).fetchall()


def _remembering(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    answers: dict[str, bool] = {}

    def remembered(lease: str) -> bool:
        if lease not in answers:
            answers[lease] = ask(lease)
        return answers[lease]

    return remembered


def _conditions(wanted: WantedCopies) -> tuple[str, dict[str, object]]:
    """A WHERE clause made of fixed words, and its values."""
    choices: tuple[tuple[str, str, object], ...] = (
        (
            "c.state IN (SELECT value FROM json_each(:states))",
            "states",
            json.dumps([*map(str, wanted.states)]) if wanted.states else "",
        ),
        ("c.stream = :stream", "stream", wanted.stream),
        ("m.client = :client", "client", wanted.client),
        ("c.domain = :domain", "domain", wanted.domain),
        ("c.reason = :reason", "reason", wanted.reason and wanted.reason.value),
        ("c.wide = :wide", "wide", wanted.wide),
        (f"c.number IN ({query('copies_of_id')})", "identity", wanted.identity),
    )
    taken = [choice for choice in choices if choice[2] not in ("", None)]
    return " AND ".join(["1", *(condition for condition, _, _ in taken)]), {name: value for _, name, value in taken}


def _held(row: Sequence[Any]) -> HeldTogether:
    stream, reason, copies, octets, oldest, asked, *times = row
    asked_first, asked_last, given_up_first, given_up_last = map(loaded, times)
    return HeldTogether(
        stream,
        _reason(reason),
        copies,
        octets,
        moment_of(oldest),
        asked,
        asked_first,
        asked_last,
        given_up_first,
        given_up_last,
    )


def _ages(row: Sequence[Any]) -> Ages:
    state, copies, oldest, since, next_due, late, worked_on, attempted = row
    return Ages(State(state), copies, moment_of(oldest), moment_of(since), loaded(next_due), late, worked_on, attempted)


def _reason(text: str) -> Reason:
    try:
        return Reason(text)
    except ValueError:
        raise UnreadableError("a held copy", "its reason is none of this version") from None
