"""What an operator does to copies that wait: try them now, let go, take out. Every function runs inside the caller's
transaction, and leaves a copy alone that a process works on just then.

Nothing goes without a trace: a copy that is taken out becomes a line of the report, or its sender is told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from relay.consent.ledger import microseconds
from relay.queued import State
from relay.store.holds import release_copies
from relay.store.leases import ended
from relay.store.queries import query
from relay.store.queue import free


@dataclass(frozen=True, slots=True)
class Done:
    """changed: copies that it was done to, by `numbers`. busy: those that a process works on. unfit: those in a state for which it
    means nothing, or gone meanwhile.
    """

    changed: int = 0
    busy: int = 0
    unfit: int = 0
    numbers: tuple[int, ...] = field(default=(), compare=False)

    def __add__(self, other: Done) -> Done:
        return Done(
            self.changed + other.changed,
            self.busy + other.busy,
            self.unfit + other.unfit,
            self.numbers + other.numbers,
        )


def free_ended(connection: sqlite3.Connection, database: Path) -> None:
    """Copies that a process had which is no more are free, as they are for the relay. database: the store's path."""
    for (lease,) in connection.execute(query("lease_owners")).fetchall():
        with ended(database, lease) as is_so:
            if is_so:
                free(connection, lease)


def retry(connection: sqlite3.Connection, numbers: Iterable[int], now: datetime, *, aside: bool) -> Done:
    """Queued copies are due now. aside: those that were set aside are queued again, with a clean slate."""
    states = [State.QUEUED, State.ASIDE] if aside else [State.QUEUED]

    def again(number: int, message: int, state: State) -> None:
        connection.execute(query("retry_copy"), {"copy": number, "now": microseconds(now)})
        if state is State.ASIDE:
            connection.execute(query("forget_starts"), (message,))

    return _each(connection, numbers, states, again)


def release(connection: sqlite3.Connection, numbers: Iterable[int], now: datetime) -> Done:
    """Held copies are queued, each at its slot, and decided anew there."""
    chosen: list[int] = []
    done = _each(connection, numbers, [State.HELD], lambda number, _message, _state: chosen.append(number))
    release_copies(connection, chosen, now, said_yes=False)
    return done


def drop(
    connection: sqlite3.Connection, numbers: Iterable[int], now: datetime, *, states: Collection[State], bounce: bool
) -> Done:
    """Take copies out that are in these states. bounce: their senders get a delivery report; else it is the report to
    the client's owner that tells of them.
    """
    values = {"now": microseconds(now)}

    def out(number: int, _message: int, _state: State) -> None:
        if bounce:
            connection.execute(query("fail_copy"), values | {"copy": number})
        else:
            connection.execute(query("report_dropped"), values | {"copy": number})
            connection.execute(query("delete_copy"), (number,))

    return _each(connection, numbers, states, out)


def _each(
    connection: sqlite3.Connection,
    numbers: Iterable[int],
    states: Collection[State],
    do: Callable[[int, int, State], None],
) -> Done:
    """do: gets the number of the copy, that of its message, and its state."""
    changed: list[int] = []
    busy = unfit = 0
    for number in numbers:
        row = connection.execute(query("copy_state"), (number,)).fetchone()
        if row is None or row[1] not in states:
            unfit += 1
        elif row[2] is not None:
            busy += 1
        else:
            do(number, row[0], State(row[1]))
            changed.append(number)
    return Done(len(changed), busy, unfit, tuple(changed))
