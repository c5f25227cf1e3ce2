"""What waits in the store: taken over, moved on, claimed. Every function runs inside the caller's transaction.

Decides nothing: who may get mail, when it is tried again and who is told, others say. Here a copy is never in two
states, never handed to two processes, and never gone without a trace.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Self

from relay.config.settings import HoldSettings, QueueSettings
from relay.consent.ledger import microseconds
from relay.consent.pseudonyms import Pseudonyms
from relay.queued import Claimed, Copy, Message, Move, NewMessage, Origin, ReportLine, State, Step
from relay.reason import Reason
from relay.store.appending import append_events
from relay.store.holds import look_again_if_overtaken, release_overtaken, replace_older, take_over_question
from relay.store.learning import Lessons
from relay.store.notices import keep_notice
from relay.store.port import AlreadyToldError, QueueFullError, UnreadableError
from relay.store.queries import query
from relay.store.queue_rows import copy_of, copy_row, message_of, message_row, move_values, report_row
from relay.store.rows import decision_row
from relay.store.settling import Learn, settle, unknown_among

#: A message that was begun so often without an end is handed out no more.
_MOST_STARTS: Final = 3
_NO_LINES: Final[Mapping[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caps:
    """How much may wait. octets: of all messages. copies, stream_copies: held, in all and of one stream. release: copies
    that are let go in one second.
    """

    octets: int = QueueSettings().octets
    copies: int = HoldSettings().copies
    stream_copies: int = HoldSettings().stream_copies
    release: int = HoldSettings().release

    @classmethod
    def of(cls, queue: QueueSettings, hold: HoldSettings) -> Self:
        return cls(queue.octets, hold.copies, hold.stream_copies, hold.release)


#: Why a step was not taken; the caller's to raise.
Unfit = QueueFullError | AlreadyToldError


@dataclass(slots=True)
class Done:
    """What a step came to, for the log. lost: numbers of copies whose lease was not ours any more. replaced: ids of
    decisions on held copies that newer ones took the place of. lessons: from the outcomes.
    """

    lost: list[int] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    lessons: Lessons = field(default_factory=Lessons)


def take_step(
    connection: sqlite3.Connection,
    step: Step,
    lease: str,
    caps: Caps,
    pseudonyms: Pseudonyms,
    *,
    seen: int | None = None,
    seen_by: Mapping[int, int] = _NO_LINES,
    learn: Learn = lambda *_: Lessons(),
) -> Done | Unfit:
    """All of the step. A cap that would be passed is an answer: nothing was written then, and the other steps of the
    transaction stay. seen: a line of the ledger that was known when the step was decided, None for all of it.
    seen_by: a newer such line, by copy that is moved. learn: from its outcomes.
    """
    unfit = why_full(connection, step.messages, caps) or _why_told(connection, step.told)
    if unfit is not None:
        return unfit
    done = Done()
    connection.executemany(query("insert_decision"), [decision_row(decision) for decision in step.decisions])
    connection.executemany(query("are_harmless"), [(number, lease) for number in step.harmless])
    # Moves before messages: when none can be made, what the messages and reports tell of is not so any more.
    for one in step.moves:
        move(connection, one, lease, done, seen_by.get(one.copy, seen))
    if not step.moves or len(done.lost) < len(step.moves):
        for new in step.messages:
            accept(connection, new, done, seen)
        report(connection, step.reports)
        _tell(connection, step)
        if step.events:
            append_events(connection, step.events, pseudonyms, os.urandom)
        done.lessons = settle(connection, step.outcomes, learn)
    else:
        done.lessons = settle(connection, unknown_among(connection, step.outcomes), learn)
    return done


def why_full(connection: sqlite3.Connection, messages: Sequence[NewMessage], caps: Caps) -> QueueFullError | None:
    """Which cap these would pass; None when there is room. The relay's own mail is let in: it tells what became of mail
    that waits, and lets go of that.
    """
    messages = [new for new in messages if new.origin is Origin.CLIENT]
    if not messages:
        return None
    ((_, octets),) = connection.execute(query("stock")).fetchall()
    if octets + sum(len(new.content) for new in messages) > caps.octets:
        return QueueFullError(f"{octets} octets of mail wait, [queue] octets allows {caps.octets}")
    wanted = Counter(new.stream for new in messages for copy in new.copies if copy.state is State.HELD)
    if not wanted:
        return None
    held: dict[str, int] = dict(connection.execute(query("held_of_streams")).fetchall())
    if sum(held.values()) + wanted.total() > caps.copies or any(
        held.get(stream, 0) + count > caps.stream_copies for stream, count in wanted.items()
    ):
        wanted -= _replaced(connection, messages)
    if sum(held.values()) + wanted.total() > caps.copies:
        return QueueFullError(f"{sum(held.values())} copies are held, [hold] copies allows {caps.copies}")
    for stream, count in wanted.items():
        if held.get(stream, 0) + count > caps.stream_copies:
            return QueueFullError(
                f'{held.get(stream, 0)} copies of "{stream}" are held, [hold] stream_copies allows {caps.stream_copies}'
            )
    return None


def _replaced(connection: sqlite3.Connection, messages: Iterable[NewMessage]) -> Counter[str]:
    """How many held copies of each stream these take the place of."""
    people = {
        (copy.recipient.address.wide, new.stream) for new in messages for copy in new.copies if copy.state is State.HELD
    }
    replaced: Counter[str] = Counter()
    for wide, stream in people:
        ((count,),) = connection.execute(query("would_be_replaced"), (wide, stream)).fetchall()
        replaced[stream] += count
    return replaced


def accept(connection: sqlite3.Connection, new: NewMessage, done: Done, seen: int | None = None) -> int:
    """Take a message over; its number. Its content is stored once."""
    message = connection.execute(query("insert_message"), message_row(new)).lastrowid
    if message is None:
        raise RuntimeError("SQLite gave the message no number")
    connection.execute(query("insert_content"), (message, new.content))
    keep_notice(connection, new)
    for copy in new.copies:
        number = connection.execute(query("insert_copy"), copy_row(message, new, copy)).lastrowid
        if copy.state is State.HELD and number is not None:
            _is_held(connection, number, new.tx.started, done, seen)
    return message


def move(connection: sqlite3.Connection, one: Move, lease: str, done: Done, seen: int | None = None) -> None:
    """Let a copy go on or end, if this lease is still on it."""
    if one.state is None:
        rows = connection.execute(query("end_copy"), (one.copy, lease)).fetchall()
    else:
        rows = connection.execute(query("move_copy"), move_values(one, lease)).fetchall()
    if not rows:
        done.lost.append(one.copy)
        return
    if one.state is None and rows[0][1] == State.FAILED:
        connection.execute(query("end_telling"), (rows[0][0],))
    if one.reason is not Reason.INTERNAL_ERROR:  # our own code failed on it: that it was begun stays counted
        connection.execute(query("end_start"), {"message": rows[0][0]})
    if one.state is State.HELD:
        _is_held(connection, one.copy, one.at, done, seen)


def _is_held(connection: sqlite3.Connection, copy: int, at: datetime, done: Done, seen: int | None) -> None:
    take_over_question(connection, copy)
    done.replaced += replace_older(connection, copy, at)
    if seen is not None:
        look_again_if_overtaken(connection, copy, at, seen)
        release_overtaken(connection, copy, at, seen)


def report(connection: sqlite3.Connection, lines: Iterable[ReportLine]) -> None:
    connection.executemany(query("insert_report"), [report_row(line) for line in lines])


def _why_told(connection: sqlite3.Connection, told: Sequence[int]) -> AlreadyToldError | None:
    if not told:
        return None
    ((untold,),) = connection.execute(query("untold_among"), (json.dumps(told),)).fetchall()
    return (
        None
        if untold == len(set(told))
        else AlreadyToldError("another mail tells some of these lines, or they are gone")
    )


def _tell(connection: sqlite3.Connection, step: Step) -> None:
    if step.told:
        (new,) = step.messages
        connection.execute(query("tell_reports"), (microseconds(new.tx.started), new.tx.id, json.dumps(step.told)))


@dataclass(frozen=True, slots=True)
class Handed:
    """What a claim came to. aside: ids of messages of which copies were set aside."""

    claimed: tuple[Claimed, ...] = ()
    aside: tuple[str, ...] = ()


def claim(
    connection: sqlite3.Connection,
    lease: str,
    now: datetime,
    most: int,
    *,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
) -> Handed:
    """As `port.Store.claim`."""
    values = {
        "now": microseconds(now),
        "most": most,
        "only": None if only is None else json.dumps(sorted(only)),
        "skip": json.dumps(sorted(skip)),
    }
    due = _by_message(connection.execute(query("due_copies"), values))
    starts = {
        message: (count, bool(under_way))
        for message, count, under_way in connection.execute(query("starts_of"), (json.dumps(list(due)),))
    }
    aside: list[int] = []
    taken: list[int] = []
    for message in due:
        count, under_way = starts[message]
        if count == 0 or (count == 1 and under_way):
            taken.append(message)
        elif under_way:  # somebody tries it alone
            continue
        elif count >= _MOST_STARTS:
            aside.append(message)
            connection.execute(query("set_aside"), (microseconds(now), message))
        elif not taken:
            taken.append(message)
            break
    for message in taken:
        if not starts[message][1]:
            connection.execute(query("count_start"), (message,))
    numbers = [number for message in taken for number in due[message]]
    names = [row[1] for row in connection.execute(query("messages_numbered"), (json.dumps(aside),))]
    handed = _leased(connection, lease, now, numbers)
    return Handed(handed.claimed, (*names, *handed.aside))


def claim_failed(connection: sqlite3.Connection, lease: str, now: datetime, most: int) -> Handed:
    """As `port.Store.claim_failed`."""
    found = _by_message(connection.execute(query("failed_copies"), {"now": microseconds(now), "most": most}))
    deadly = {number for (number,) in connection.execute(query("telling_failed"), (json.dumps(list(found)),))}
    numbers: list[int] = []
    for message, of_message in found.items():
        if numbers and len(numbers) + len(of_message) > most:
            break
        if numbers and message in deadly:  # alone, the next time
            continue
        numbers += of_message
        connection.execute(query("count_telling"), (message,))
        if message in deadly:
            break
    return _leased(connection, lease, now, numbers)


def claim_expired(connection: sqlite3.Connection, lease: str, now: datetime, most: int) -> Handed:
    """As `port.Store.claim_expired`."""
    rows = connection.execute(query("expired_copies"), {"now": microseconds(now), "most": most}).fetchall()
    return _leased(connection, lease, now, [number for number, _, _ in rows])


def give_back(connection: sqlite3.Connection, lease: str, copies: Collection[int] | None = None) -> None:
    """End leases as if nothing had been claimed; all of this lease without `copies`."""
    if copies is None:
        copies = [number for (number,) in connection.execute(query("copies_leased_to"), (lease,)).fetchall()]
    rows = connection.execute(query("give_back_copies"), (lease, json.dumps(list(copies)))).fetchall()
    for message in {message for message, state in rows if state == State.QUEUED}:
        connection.execute(query("uncount_start"), {"message": message})
    for message in {message for message, state in rows if state == State.FAILED}:
        connection.execute(query("uncount_telling"), (message,))


def free(connection: sqlite3.Connection, lease: str) -> int:
    """The process of this lease is no more; how many copies it had. What it had begun stays counted."""
    return connection.execute(query("end_leases_of"), (lease,)).rowcount


def _by_message(rows: Iterable[tuple[int, int]]) -> Mapping[int, list[int]]:
    """Numbers of copies by message, in the order of the rows (number, message)."""
    found: dict[int, list[int]] = {}
    for number, message in rows:
        found.setdefault(message, []).append(number)
    return found


def _leased(connection: sqlite3.Connection, lease: str, now: datetime, numbers: Sequence[int]) -> Handed:
    """These copies for this lease, with their messages, in the order of `numbers`. What cannot be read goes aside."""
    if not numbers:
        return Handed()
    chosen = json.dumps(list(numbers))
    connection.execute(query("lease_copies"), (lease, chosen))
    rows = connection.execute(query("copies_numbered"), (chosen,)).fetchall()
    wanted = json.dumps(sorted({row[1] for row in rows}))
    messages = {row[0]: row for row in connection.execute(query("messages_numbered"), (wanted,))}
    known: dict[int, Message] = {}
    copies: dict[int, list[Copy]] = {}
    aside: list[str] = []
    place = {number: index for index, number in enumerate(numbers)}
    for row in sorted(rows, key=lambda row: place[row[0]]):
        number, message = row[:2]
        try:
            if message not in known:
                known[message] = message_of(messages[message])
            copies.setdefault(message, []).append(copy_of(row))
        except UnreadableError:
            connection.execute(query("set_copy_aside"), (microseconds(now), number))
            aside.append(messages[message][1])
    return Handed(tuple(Claimed(known[message], tuple(found)) for message, found in copies.items()), tuple(aside))
