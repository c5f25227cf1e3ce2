"""Held copies: let go when their person says yes, looked at when they say no, replaced by newer ones. Runs inside the
caller's transaction.

Letting go is not sending: the copy is queued, and decided anew with the facts of then. Each gets a slot, so that a list
of people who all said yes does not flood the next hop.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.config.settings import HoldSettings
from relay.consent.events import NOES, Event, EventKind
from relay.consent.fold import is_active_yes
from relay.consent.ledger import microseconds, moment_of
from relay.policy.holding import end_of_answer
from relay.store.queries import query
from relay.store.queue_rows import replaced_row
from relay.store.rows import stored

#: Rows of `meta`: when the next copy may be let go (microseconds), and how many a second, as the relay was told last.
_CURSOR: Final = "next-release"
_RATE: Final = "release-rate"
_SECOND: Final = 1_000_000
#: Until a copy whose yes came while it was decided on is decided anew.
_OVERTAKEN: Final = timedelta(seconds=2)


def keep_release_rate(connection: sqlite3.Connection, copies_a_second: int) -> None:
    """So that commands let go as fast as the relay does."""
    connection.execute(query("set_meta"), (_RATE, str(copies_a_second)))


def release_for(connection: sqlite3.Connection, events: Iterable[Event]) -> int:
    """Let go what waits for a yes that is among these lines of the ledger, just added; how many copies that were.

    That the mailbox works is said of no stream, and lets go whatever is held for the address.
    """
    yeses = [event for event in events if event.kind is EventKind.DELIVERABLE or is_active_yes(event)]
    if not yeses or not any_held(connection):
        return 0
    return release(
        connection,
        [("" if event.kind is EventKind.DELIVERABLE else event.stream, event.address) for event in yeses],
        max(event.recorded_at for event in yeses),
    )


def release_staged(connection: sqlite3.Connection, now: datetime) -> int:
    """The same for the lone rows of a list (relay/store/taking.py)."""
    if not any_held(connection):
        return 0
    return release_copies(connection, [number for (number,) in connection.execute(query("held_for_staged"))], now)


def look_again(connection: sqlite3.Connection, events: Iterable[Event]) -> int:
    """Have what is held for people who say no, among these lines of the ledger, just added, decided anew at once; how many
    copies that are. Of every stream and spelling: which of them the no covers, whoever decides finds out.
    """
    noes = [event for event in events if event.kind in NOES]
    if not noes or not any_held(connection):
        return 0
    people = json.dumps(sorted({event.address.wide for event in noes}))
    at = microseconds(max(event.recorded_at for event in noes))
    return connection.execute(query("held_after_noes"), (at, people)).rowcount


def look_again_at_staged(connection: sqlite3.Connection, now: datetime) -> int:
    """The same for the rows of a list (relay/store/taking.py)."""
    if not any_held(connection):
        return 0
    return connection.execute(query("held_after_staged_noes"), (microseconds(now),)).rowcount


def look_again_if_overtaken(connection: sqlite3.Connection, copy: int, at: datetime, seen: int) -> None:
    """Of a copy that has just become held, when a no of its person came behind this line of the ledger: whoever decided
    may not have seen it, and it found nothing held.
    """
    connection.execute(query("held_after_unseen_no"), {"at": microseconds(at), "seen": seen, "copy": copy})


def any_held(connection: sqlite3.Connection) -> bool:
    return connection.execute(query("any_held")).fetchone() is not None


def release(connection: sqlite3.Connection, people: Iterable[tuple[str, Address]], now: datetime) -> int:
    """Let go what is held for these (stream, address), who have said yes; how many copies that were. "": every stream.

    An address as it was given: a yes counts for no other spelling.
    """
    numbers = [
        number
        for stream, address in people
        for (number,) in connection.execute(query("held_of_address"), _of(stream, address)).fetchall()
    ]
    return release_copies(connection, numbers, now)


def release_copies(
    connection: sqlite3.Connection, numbers: Iterable[int], now: datetime, *, said_yes: bool = True
) -> int:
    """Let go these held copies, each at its slot; how many that were. One that somebody works on is left alone.

    said_yes: False where it is an operator's wish alone; then a copy keeps the reason for which it was held.
    """
    numbers = list(numbers)
    if not numbers:
        return 0
    at = microseconds(now)
    step = _SECOND // _meta(connection, _RATE, HoldSettings().release) or 1
    slot = max(at, _sensible(connection, at, step))
    released = 0
    for number in numbers:
        if connection.execute(query("release_copy"), (said_yes, at, slot, number)).rowcount:
            released += 1
            slot += step
    connection.execute(query("set_meta"), (_CURSOR, str(slot)))
    return released


def release_overtaken(connection: sqlite3.Connection, copy: int, at: datetime, seen: int) -> None:
    """Let go a copy that has just become held, when a yes to it came behind this line of the ledger: whoever decided may
    not have seen it, and it found nothing held. A little later, for the same yes may be found once more.
    """
    if connection.execute(query("yes_behind"), (seen, copy)).fetchone() is not None:
        release_copies(connection, [copy], at + _OVERTAKEN)


def take_over_question(connection: sqlite3.Connection, copy: int) -> None:
    """Of a copy that has become held, when its person was asked already: about an older one, or before one was held, or
    between the look at what they had said and now. Then it waits for that answer.
    """
    for put, within, asked, came, since in connection.execute(query("question_to"), (copy,)).fetchall():
        if asked is not None and asked >= put:
            return
        end = None
        if within is not None:
            moments = moment_of(put), moment_of(since if asked is None else came), timedelta(microseconds=within)
            end = end_of_answer(*moments)
        connection.execute(query("take_over_question"), (put, stored(end), copy))


def replace_older(connection: sqlite3.Connection, copy: int, at: datetime) -> list[str]:
    """Only the newest held message of a person and stream is kept; this copy has become held. Ids of the decisions on
    the copies that are over with that; each becomes a line of the report.
    """
    if connection.execute(query("held_since"), (copy,)).fetchone() is not None:
        # It was queued while a newer one was held; what is newest of the two decides, not which came here last.
        gone = connection.execute(query("held_itself"), (copy,)).fetchall()
    else:
        gone = connection.execute(query("held_before"), {"copy": copy}).fetchall()
    for row in gone:
        connection.execute(query("insert_report"), replaced_row(row, at))
        connection.execute(query("delete_copy"), (row[0],))
        if row[0] != copy:  # the same person's mail of the same stream waits no shorter than it would have
            connection.execute(query("hold_longer"), (row[-1], copy))
    return [row[1] for row in gone]


def _sensible(connection: sqlite3.Connection, now: int, step: int) -> int:
    """The next slot that is free. It cannot be further ahead than the copies that wait take: then a wrong clock set it."""
    cursor = _meta(connection, _CURSOR, 0)
    (queued,) = connection.execute(query("queued_count")).fetchone()
    return cursor if cursor <= now + (queued + 1) * step else now


def _of(stream: str, address: Address) -> dict[str, str]:
    return {"wide": address.wide, "address": str(address), "stream": stream}


def _meta(connection: sqlite3.Connection, name: str, default: int) -> int:
    row = connection.execute(query("get_meta"), (name,)).fetchone()
    return default if row is None else int(row[0])
