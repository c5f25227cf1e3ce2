"""The store on SQLite: a writing thread whose commits are grouped, a reading thread beside it. Implements `port.Store`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from relay.address import Address
from relay.consent.events import NOES, Event
from relay.consent.facts import Facts
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import Decision, Outcome
from relay.log import get_logger
from relay.queued import Claimed, State, Step
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.facts import read_facts
from relay.store.grouping import Grouping
from relay.store.learning import Learning, Lessons
from relay.store.open_queue import Claiming, OpenQueue, Told
from relay.store.port import NO_TEXTS, StoreBrokenError, StoreUnavailableError, UnreadableError
from relay.store.queries import query
from relay.store.queue import Caps
from relay.store.rows import decision_row
from relay.store.settling import settle
from relay.store.thread import CallThread

#: Octets of a WAL that is not taken over because somebody keeps reading; seconds between two warnings.
_WAL_ALARM: Final = 256 << 20
_ALARM_EVERY: Final = 60.0

#: (brand, stream, addresses)
Question = tuple[str, str, tuple[Address, ...]]


def stop_at_once(error: StoreBrokenError) -> None:
    """End the process without another word to anybody: whatever it would still promise could be untrue."""
    get_logger().critical("store-broken", why=str(error))
    os._exit(70)


async def open_store(
    path: Path,
    journal: Path,
    pseudonyms: Pseudonyms,
    *,
    caps: Caps = Caps(),  # noqa: B008 - a frozen value
    on_broken: Callable[[StoreBrokenError], None] = stop_at_once,
) -> SqliteStore:
    """Open the store of this process, making or migrating it where needed.

    pseudonyms: of the key that the store was made with. caps: how much mail may wait.
    on_broken: called once, on the loop, when a write or fsync failed in a way after which nothing can be trusted; it
    has to stop the process. Raises StoreUnavailableError, StoreBehindError when withdrawals.journal has more.
    """

    def append_one(connection: sqlite3.Connection, event: Event) -> None:
        append_events(connection, [event], pseudonyms, os.urandom)

    learning = Learning(append_one, os.urandom)
    committers: list[Committer] = []
    queues: list[OpenQueue] = []

    def open_for_commits() -> sqlite3.Connection:
        committers.append(Committer(path, journal, pseudonyms))
        try:
            queues.append(OpenQueue(committers[0], caps, learning.learn_from))
        except BaseException:
            committers[0].close()
            raise
        return committers[0].connection

    writing = await CallThread("store-writer", open_for_commits).open()
    (committer,), (queue,) = committers, queues
    try:
        reading = await CallThread("store-reader", lambda: _open_for_reading(path)).open()
    except BaseException:
        await writing.call(queue.close)
        await writing.call(committer.close)
        await writing.close()
        raise
    return SqliteStore(
        writing=writing, committer=committer, queue=queue, learning=learning, reading=reading, on_broken=on_broken
    )


class SqliteStore:
    def __init__(
        self,
        *,
        writing: CallThread,
        committer: Committer,
        queue: OpenQueue,
        learning: Learning,
        reading: CallThread,
        on_broken: Callable[[StoreBrokenError], None],
    ) -> None:
        self._writing, self._reading = writing, reading
        self._committer = committer
        self._queue = queue
        self._learning = learning
        self._pseudonyms = committer.pseudonyms
        self._closed = False
        self._alarm_from = 0.0
        self._writes = Grouping(writing, self._commit, on_broken=on_broken, after=self._tidy_up)
        self._questions = Grouping(reading, self._answer, on_broken=on_broken)

    async def facts(self, brand: str, stream: str, addresses: Sequence[Address]) -> dict[Address, Facts]:
        answer: dict[Address, Facts] = await self._questions.do((brand, stream, tuple(addresses)))
        return answer

    async def record(self, decisions: Sequence[Decision]) -> None:
        rows = [decision_row(decision) for decision in decisions]
        await self._writes.do(Work(lambda connection: _insert(connection, "insert_decision", rows)))

    def settle_later(self, outcomes: Sequence[Outcome]) -> None:
        outcomes = tuple(outcomes)
        self._writes.do_later(Work(lambda connection: settle(connection, outcomes, self._learning.learn_from)))

    async def append(self, events: Sequence[Event], texts: Mapping[str, str] = NO_TEXTS) -> tuple[int, ...]:
        says_no = any(event.kind in NOES for event in events)
        events = tuple(events)
        numbers: tuple[int, ...] = await self._writes.do(
            Work(
                lambda connection: append_events(connection, events, self._pseudonyms, os.urandom, texts),
                says_no=says_no,
            )
        )
        return numbers

    async def commit(self, step: Step) -> None:
        work, given_up = self._work_of(step), threading.Event()

        def run(connection: sqlite3.Connection) -> Any:
            if given_up.is_set():
                raise StoreUnavailableError("nobody waits for it any more")
            return work.run(connection)

        try:
            await self._writes.do(replace(work, run=run))
        except BaseException:
            given_up.set()  # a client that was told 451 sends its mail again: it must not be taken over later as well
            raise

    def commit_later(self, step: Step) -> None:
        self._writes.do_later(self._work_of(step))

    def _work_of(self, step: Step) -> Work:
        return Work(self._queue.work_of(step), says_no=any(event.kind in NOES for event in step.events))

    async def claim(
        self, now: datetime, most: int, *, only: Collection[str] | None = None, skip: Collection[str] = ()
    ) -> tuple[Claimed, ...]:
        return await self._claim(self._queue.claim(now, most, only, skip))

    async def claim_failed(self, now: datetime, most: int) -> tuple[Claimed, ...]:
        return await self._claim(self._queue.claim_failed(now, most))

    async def claim_expired(self, now: datetime, most: int) -> tuple[Claimed, ...]:
        return await self._claim(self._queue.claim_expired(now, most))

    async def _claim(self, claiming: Claiming) -> tuple[Claimed, ...]:
        try:
            claimed: tuple[Claimed, ...] = await self._writes.do(Work(claiming.run))
        except BaseException:
            # Cancelled, or nobody waits any more: what was leased all the same would stay so as long as we live.
            self._writes.do_later(Work(claiming.undo))
            raise
        return claimed

    async def give_back(self, copies: Collection[int]) -> None:
        await self._writes.do(Work(self._queue.give_back(copies)))

    async def content(self, message: int) -> bytes:
        return await self._reading.call(lambda: self._content(message))

    def _content(self, message: int) -> bytes:
        """On the reading thread."""
        with errors_of_the_store():
            row = self._reading.connection.execute(query("content"), (message,)).fetchone()
        if row is None:
            raise KeyError(message)
        return bytes(row[0])

    async def next_due(self, now: datetime, state: State = State.QUEUED) -> bool:
        due, ended = await self._reading.call(lambda: self._queue.look(self._reading.connection, now, state))
        if ended:
            await self._writes.do(Work(self._queue.free))
        return due or ended

    def noes_stamp(self) -> object:
        return self._committer.journal.stamp()

    async def flush(self) -> None:
        await self._writes.do(Work(lambda _: None))

    async def close(self) -> None:
        await asyncio.gather(self._writes.close(), self._questions.close())
        if not self._closed:
            self._closed = True
            await self._writing.call(self._queue.close)
            await self._writing.call(self._committer.close)
            await asyncio.gather(self._writing.close(), self._reading.close())

    def _commit(self, works: Sequence[Work]) -> list[Any]:
        """On the writing thread."""
        results = self._committer.commit(works)
        for result in results:
            if isinstance(result, (Lessons, Told)):
                result.tell()
        return [result.answer if isinstance(result, Told) else result for result in results]

    def _tidy_up(self) -> None:
        """On the writing thread."""
        octets = self._committer.checkpoint()
        now = time.monotonic()
        if octets > _WAL_ALARM and now >= self._alarm_from:
            self._alarm_from = now + _ALARM_EVERY
            get_logger().warning("wal-grows", octets=octets, why="another program reads the store without an end")

    def _answer(self, questions: Sequence[Question]) -> list[dict[Address, Facts] | UnreadableError]:
        with errors_of_the_store():
            return [self._answer_one(question) for question in questions]

    def _answer_one(self, question: Question) -> dict[Address, Facts] | UnreadableError:
        """A row that cannot be read keeps back its own mail, not that of others asked for at the same time."""
        try:
            return read_facts(self._reading.connection, self._pseudonyms, *question)
        except UnreadableError as error:
            return error


def _open_for_reading(path: Path) -> sqlite3.Connection:
    with errors_of_the_store():
        return open_for_reading(path)


def _insert(connection: sqlite3.Connection, name: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.executemany(query(name), rows)
