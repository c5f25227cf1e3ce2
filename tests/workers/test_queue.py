from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faulty_hop import FaultyHop, Session, reset, say, stall
from journey import MAIL, ORDERS
from workers.yard import TERMS, Yard, in_yard, until, yard

from relay.config.settings import HostPort, NextHop
from relay.outbound.attempt import NextHops
from relay.queued import State
from relay.reason import Reason
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore
from relay.workers.clock import CheckedStore, ClockGuard, Moment
from relay.workers.queue import QueueWorker

ANN, BEN = "ann@example.org", "ben@example.org"


@asynccontextmanager
async def working(there: Yard) -> AsyncIterator[QueueWorker]:
    worker = there.worker()
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(5)


def while_working(folder: Path, story: Callable[[Yard, QueueWorker], Awaitable[None]], **options: Any) -> None:
    async def play(there: Yard) -> None:
        async with working(there) as worker:
            await story(there, worker)

    in_yard(folder, play, **options)


async def receipt(there: Yard, *addresses: str) -> str:
    return await there.queue(*addresses, stream="receipts", sender=ORDERS, reason=Reason.TRANSACTIONAL)


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


def test_room_that_was_used_is_free_again(tmp_path: Path) -> None:
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


def test_a_route_that_stands_still_takes_no_room_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, asked = SqliteStore.claim, set()

    async def noted(store: SqliteStore, *arguments: Any, only: Any, skip: Any) -> object:
        asked.add((only, skip))
        return await claim(store, *arguments, only=only, skip=skip)

    monkeypatch.setattr(SqliteStore, "claim", noted)
    monkeypatch.setattr("relay.workers.queue._MOST_OCTETS", 9 * len(MAIL))  # nor does it take the memory
    monkeypatch.setattr("relay.workers.queue._MOST_COPIES", 16)

    async def story(there: Yard) -> None:
        async with FaultyHop(dot=stall) as slow:
            there.next_hops = NextHops(
                [
                    NextHop(HostPort("127.0.0.1", slow.port), domains=("slow.example",), connections=2),
                    NextHop(HostPort("127.0.0.1", there.hop.port)),
                ],
                "relay.brand.example",
            )
            for number in range(30):
                await receipt(there, f"p{number}@slow.example")
            worker = there.worker()
            worker.start()
            await until(lambda: slow.open == 2)
            await receipt(there, ANN)
            worker.nudge()
            await until(lambda: there.got() == [ANN])
            await until(lambda: there.rows("SELECT count(*) FROM copies WHERE lease IS NOT NULL") == [(8,)])
            slow_ones = frozenset({"slow.example"})
            assert asked == {(slow_ones, frozenset()), (None, slow_ones)}
            assert await worker.stop(0.1) > 0
            await there.next_hops.close()

    in_yard(tmp_path, story)


def test_a_next_hop_that_is_gone_is_left_alone_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only those that found out have lost an attempt; the rest waits, and flows when a probe comes through."""
    monkeypatch.setattr("relay.workers.backoff._FIRST_PAUSE", 0.2)
    is_down = True

    async def connect(session: Session) -> None:
        await (reset if is_down else say("220 hop.test ESMTP"))(session)

    async def story(there: Yard, worker: QueueWorker) -> None:
        nonlocal is_down
        for _ in range(6):
            await receipt(there, ANN)
        await until(lambda: there.backoff.room(there.next_hops.routes[-1].name, 9) < 9)
        await until(lambda: not there.rows("SELECT 1 FROM copies WHERE lease IS NOT NULL"))
        for _ in range(200):
            await receipt(there, BEN)
        worker.nudge()
        await asyncio.sleep(0.5)
        attempts = there.rows("SELECT count(*) FROM copies WHERE attempts = 0")
        assert attempts[0][0] > 190
        is_down = False
        await until(lambda: len(there.got()) >= attempts[0][0] - 3)
        await until(lambda: not there.rows("SELECT 1 FROM copies WHERE attempts = 0"))

    while_working(tmp_path, story, connect=connect)
    said = capsys.readouterr().out
    assert "next-hop-closed" in said
    assert "next-hop-open" in said


def test_a_route_whose_claims_are_dear_and_find_nothing_leaves_the_store_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, claims = SqliteStore.claim, 0

    async def dear(store: SqliteStore, *arguments: Any, **more: Any) -> object:
        nonlocal claims
        claims += 1
        await asyncio.sleep(0.1)
        return await claim(store, *arguments, **more)

    async def always(*_: object) -> bool:
        return True

    monkeypatch.setattr(SqliteStore, "claim", dear)
    monkeypatch.setattr(SqliteStore, "next_due", always)
    monkeypatch.setattr("relay.workers.queue._POLL", 0.01)

    async def story(there: Yard, worker: QueueWorker) -> None:
        await asyncio.sleep(0.8)
        assert claims == 1
        await receipt(there, ANN)
        worker.nudge()
        await until(lambda: there.got() == [ANN])

    while_working(tmp_path, story)


def test_a_message_for_many_loses_few_attempts_to_a_next_hop_that_is_gone(tmp_path: Path) -> None:
    async def story(there: Yard, worker: QueueWorker) -> None:
        people = [f"p{number}@example.org" for number in range(70)]
        await there.yes(*people)
        await there.queue(*people)
        worker.nudge()
        await until(lambda: there.backoff.room(there.next_hops.routes[-1].name, 9) < 9)
        await until(lambda: not there.rows("SELECT 1 FROM copies WHERE lease IS NOT NULL"))
        ((lost,),) = there.rows("SELECT count(*) FROM copies WHERE attempts > 0")
        assert 5 <= lost <= 20
        assert there.rows("SELECT starts FROM messages") == [(0,)]

    while_working(tmp_path, story, connect=reset)


def test_what_waits_for_a_next_hop_that_is_gone_expires_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.workers.backoff._FIRST_PAUSE", 300.0)
    monkeypatch.setattr("relay.workers.queue._EXPIRY_LOOK", 0.1)

    async def story(there: Yard, _: QueueWorker) -> None:
        for _number in range(6):
            there.backoff.heard(there.next_hops.routes[-1].name, reachable=False)
        for _number in range(30):
            await receipt(there, ANN)
        await asyncio.sleep(0.6)
        assert there.rows("SELECT max(attempts) FROM copies") == [(0,)]
        there.later = TERMS.expire + timedelta(minutes=1)
        await receipt(there, BEN)
        await until(lambda: there.rows("SELECT count(*) FROM copies WHERE state = 'failed'") == [(30,)])
        assert there.states()[-1] == (BEN, "queued", "transactional")

    while_working(tmp_path, story, connect=reset)


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


def test_a_stop_finishes_what_is_under_way_and_begins_nothing_new(tmp_path: Path) -> None:
    async def play() -> None:
        may_end = asyncio.Event()

        async def wait(session: Session) -> None:
            await may_end.wait()
            session.say(b"250 2.0.0 ok\r\n")

        async with yard(tmp_path, dot=wait) as there:
            for _ in range(100):
                await receipt(there, ANN)
            worker = there.worker()
            worker.start()
            await until(lambda: len(there.hop.messages) == 20)
            stopping = asyncio.create_task(worker.stop(10))
            await asyncio.sleep(0.1)
            assert not stopping.done()
            may_end.set()
            assert await stopping == 0
            assert there.rows("SELECT max(lease IS NOT NULL), max(starts) FROM copies JOIN messages") == [(0, 0)]
            assert len(there.got()) + len(there.states()) == 100
            assert 20 <= len(there.got()) < 100

    asyncio.run(play())


def test_a_stop_waits_no_longer_than_it_may_and_loses_nothing(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await receipt(there, ANN)
        worker = there.worker()
        worker.start()
        await until(lambda: len(there.hop.messages) == 1)
        assert await worker.stop(0.1) == 1
        await there.store.flush()
        assert there.states() == [(ANN, "queued", "outcome-unknown")]

    in_yard(tmp_path, story, dot=stall)


def killed_by_a_message(folder: Path, port: int) -> None:
    """A whole worker process, whose rewriting falls over one message."""

    async def play() -> None:
        async with yard(folder) as there:
            there.later = timedelta(minutes=1)
            there.next_hops = NextHops([NextHop(HostPort("127.0.0.1", port))], "relay.brand.example")
            plan = type(there.rewriter).plan

            def fatal(rewriter: Any, tx: Any, stream: Any, message: Any, only: Any) -> Any:
                if b"poison" in message.content:
                    os._exit(9)
                return plan(rewriter, tx, stream, message, only)

            type(there.rewriter).plan = fatal  # type: ignore[method-assign]
            worker = there.worker()
            worker.start()
            await until(lambda: not there.rows("SELECT 1 FROM copies WHERE state = 'queued'"))
            await worker.stop(5)

    asyncio.run(play())


def test_a_message_that_kills_its_worker_is_set_aside_and_the_rest_goes_out(tmp_path: Path) -> None:
    async def play() -> None:
        async with FaultyHop() as hop:
            async with yard(tmp_path) as there:
                people = [f"p{number}@example.org" for number in range(12)]
                for person in people[:6]:
                    await receipt(there, person)
                await there.queue(
                    "ann@example.org",
                    stream="receipts",
                    sender=ORDERS,
                    reason=Reason.TRANSACTIONAL,
                    content=b"From: x@brand.example\r\n\r\npoison\r\n",
                )
                for person in people[6:]:
                    await receipt(there, person)
            spawn = multiprocessing.get_context("spawn")
            codes = []
            for _ in range(8):
                process = spawn.Process(target=killed_by_a_message, args=(tmp_path, hop.port))
                process.start()
                await asyncio.to_thread(process.join, 60)
                codes.append(process.exitcode)
                if process.exitcode == 0:
                    break
            assert codes == [9, 9, 9, 0]
            async with yard(tmp_path) as there:
                assert there.states() == [(ANN, "aside", "internal-error")]
            got = {one for message in hop.messages for one in message.commands if one.startswith(b"RCPT")}
            assert len(got) == 12

    asyncio.run(play())
