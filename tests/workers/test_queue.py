from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faulty_hop import stall
from workers.at_work import receipt, while_working, working
from workers.yard import TERMS, Yard, in_yard, until, yard

from relay.queued import State
from relay.reason import Reason
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore
from relay.workers.clock import CheckedStore, ClockGuard, Moment
from relay.workers.queue import QueueWorker

ANN, BEN = "ann@example.org", "ben@example.org"


def test_what_this_process_has_queued_goes_out_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.workers.queue._POLL", 3600.0)

    async def story(there: Yard, worker: QueueWorker) -> None:
        await asyncio.sleep(0.1)
        await receipt(there, ANN)
        worker.nudge()
        await until(lambda: there.got() == [ANN] and not there.states())

    while_working(tmp_path, story)


def test_what_another_process_has_queued_or_let_go_is_found_soon(tmp_path: Path) -> None:
    async def story(there: Yard, _: QueueWorker) -> None:
        await receipt(there, ANN)
        await until(lambda: there.got() == [ANN])
        await there.queue(BEN, state=State.HELD, reason=Reason.STALE, due_in=timedelta(days=30))
        await there.yes(BEN, days_ago=0)
        there.later = timedelta(seconds=3)
        await until(lambda: there.got() == [ANN, BEN])
        await until(lambda: not there.states())

    while_working(tmp_path, story)


def test_two_processes_work_one_queue_and_nobody_gets_mail_twice(tmp_path: Path) -> None:
    async def play() -> None:
        async with yard(tmp_path) as one, yard(tmp_path) as other:
            people = [f"p{number}@example.org" for number in range(120)]
            await one.yes(*people)
            for start in range(0, 120, 30):
                await one.queue(*people[start : start + 30])
            async with working(one), working(other):
                await until(lambda: not one.states())
            assert sorted(one.got() + other.got()) == sorted(people)
            assert one.rows("SELECT count(*) FROM outcomes WHERE result <> 'delivered'") == [(0,)]

    asyncio.run(play())


def test_room_that_was_used_is_free_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.workers.queue._POLL", 3600.0)

    async def story(there: Yard, worker: QueueWorker) -> None:
        people = [f"p{number}@example.org" for number in range(30)]
        for _number in range(6):
            await receipt(there, *people)
        worker.nudge()
        await until(lambda: len(there.got()) == 180)

    while_working(tmp_path, story)


def test_copies_in_hand_are_bounded_by_the_routes_connections(tmp_path: Path) -> None:
    async def story(there: Yard, _: QueueWorker) -> None:
        for _number in range(100):
            await receipt(there, ANN)
        await until(lambda: there.hop.open == 20)
        await asyncio.sleep(0.6)
        assert there.hop.most_open == 20
        assert there.rows("SELECT count(*) FROM copies WHERE lease IS NOT NULL") == [(80,)]
        for session in there.hop.sessions:
            session.writer.transport.abort()

    while_working(tmp_path, story, dot=stall)


def test_contents_in_memory_are_bounded_and_a_large_message_has_its_turn_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.workers.queue._MOST_OCTETS", 300)

    async def story(there: Yard, _: QueueWorker) -> None:
        for _number in range(10):
            await receipt(there, ANN)
        await until(lambda: len(there.got()) == 10)
        assert there.hop.most_open == 1

    while_working(tmp_path, story)


def test_while_the_clock_is_wrong_nothing_goes_out(tmp_path: Path) -> None:
    ahead = timedelta(0)

    async def story(there: Yard) -> None:
        nonlocal ahead
        guard = ClockGuard(lambda: Moment(there.clock() + ahead, 1.0))
        ahead = timedelta(days=3)
        await receipt(there, ANN)
        worker = QueueWorker(
            store=CheckedStore(there.store, guard),
            deliveries=there.deliveries,
            backoff=there.backoff,
            routes=there.next_hops.routes,
            expire=TERMS.expire,
            clock=guard.now,
        )
        worker.start()
        worker.nudge()
        await asyncio.sleep(0.6)
        assert there.got() == []
        ahead = timedelta(0)
        await until(lambda: there.got() == [ANN])
        await worker.stop(5)

    in_yard(tmp_path, story)


def test_an_outage_of_the_store_or_a_bug_does_not_end_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = SqliteStore.claim
    failures = [StoreUnavailableError("locked"), RuntimeError("a bug"), StoreUnavailableError("locked")]

    async def fail_first(store: SqliteStore, *arguments: Any, **more: Any) -> object:
        if failures:
            raise failures.pop(0)
        return await claim(store, *arguments, **more)

    monkeypatch.setattr(SqliteStore, "claim", fail_first)

    async def story(there: Yard, _: QueueWorker) -> None:
        await receipt(there, ANN)
        await until(lambda: there.got() == [ANN])

    while_working(tmp_path, story)
    assert failures == []
