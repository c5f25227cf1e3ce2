"""When the queue looks at the store, what it does where the store fails, and who has its turn in memory."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from workers.at_work import receipt, while_working
from workers.yard import Yard, in_yard, until

from relay.config.settings import HostPort, NextHop
from relay.outbound.attempt import NextHops
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore
from relay.workers.queue import QueueWorker, _Room

ANN, BEN = "ann@example.org", "ben@example.org"


class Looks:
    """Counts what is asked of the store. due: what it says of whether anything is, None for the truth. failures: of the
    next claims.
    """

    def __init__(self, patch: pytest.MonkeyPatch, *, due: bool | None = None, poll: float = 0.05) -> None:
        self.looks, self.claims, self.failures = 0, list[datetime](), list[Exception]()
        next_due, claim = SqliteStore.next_due, SqliteStore.claim

        async def look(store: SqliteStore, now: datetime) -> bool:
            self.looks += 1
            return await next_due(store, now) if due is None else due

        async def claimed(store: SqliteStore, now: datetime, *arguments: Any, **more: Any) -> object:
            self.claims.append(now)
            if self.failures:
                raise self.failures.pop(0)
            return await claim(store, now, *arguments, **more)

        patch.setattr(SqliteStore, "next_due", look)
        patch.setattr(SqliteStore, "claim", claimed)
        patch.setattr("relay.workers.queue._POLL", poll)


def test_an_idle_queue_looks_a_few_times_a_second_and_claims_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Looks(monkeypatch)

    async def story(_: Yard, __: QueueWorker) -> None:
        await asyncio.sleep(0.5)
        assert 1 <= asked.looks <= 11
        assert asked.claims == []

    while_working(tmp_path, story)


def test_what_was_queued_here_is_claimed_without_a_look_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Looks(monkeypatch, due=False)

    async def story(there: Yard, worker: QueueWorker) -> None:
        await receipt(there, ANN)
        await asyncio.sleep(0.2)
        assert asked.claims == []
        worker.nudge()
        await until(lambda: there.got() == [ANN] and not there.states())
        looks = asked.looks
        await asyncio.sleep(0.3)
        assert len(asked.claims) == 1
        assert asked.looks - looks <= 7

    while_working(tmp_path, story)


def test_each_outage_of_the_store_is_told_once_and_asked_about_no_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Looks(monkeypatch, due=True)
    asked.failures = [StoreUnavailableError("locked") for _ in range(5)]

    async def story(there: Yard, _: QueueWorker) -> None:
        await asyncio.sleep(0.15)
        assert len(asked.claims) <= 4
        await until(lambda: not asked.failures and len(asked.claims) > 6)
        asked.failures = [StoreUnavailableError("disk full")]
        await until(lambda: not asked.failures)
        await receipt(there, ANN)
        await until(lambda: there.got() == [ANN])

    with capture_logs() as logged:
        while_working(tmp_path, story)
    assert [one["why"] for one in logged if one["event"] == "queue-waits"] == ["locked", "disk full"]


def test_a_bug_is_told_each_time_and_looked_at_no_more_often_than_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Looks(monkeypatch, due=True)
    asked.failures = [RuntimeError("bug") for _ in range(5)]

    async def story(_: Yard, __: QueueWorker) -> None:
        await asyncio.sleep(0.15)
        assert len(asked.claims) <= 4
        await until(lambda: len(asked.claims) > 6)

    with capture_logs() as logged:
        while_working(tmp_path, story)
    assert [one["event"] for one in logged if one["log_level"] == "error"] == ["internal-error"] * 5


def test_a_next_hop_that_was_closed_while_nothing_waited_is_tried_when_something_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.workers.backoff._FIRST_PAUSE", 0.1)
    asked = Looks(monkeypatch, due=True)

    async def story(there: Yard, _: QueueWorker) -> None:
        for _number in range(6):
            there.backoff.heard(there.next_hops.routes[-1].name, reachable=False)
        begun = len(asked.claims)
        await asyncio.sleep(0.3)
        await until(lambda: len(asked.claims) > begun + 3)
        await receipt(there, ANN)
        await until(lambda: there.got() == [ANN])

    while_working(tmp_path, story)


def test_what_waited_too_long_at_a_closed_next_hop_is_looked_for_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.workers.backoff._FIRST_PAUSE", 300.0)
    asked = Looks(monkeypatch, due=True)

    async def story(there: Yard, _: QueueWorker) -> None:
        for _number in range(6):
            there.backoff.heard(there.next_hops.routes[-1].name, reachable=False)
        before = there.clock()
        await asyncio.sleep(0.5)
        assert len([due for due in asked.claims if due < before]) == 1

    while_working(tmp_path, story)


def test_however_many_routes_there_are_each_has_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.workers.queue._MOST_COPIES", 1)

    async def story(there: Yard) -> None:
        here = HostPort("127.0.0.1", there.hop.port)
        there.next_hops = NextHops([NextHop(here, domains=("one.example",)), NextHop(here)], "relay.brand.example")
        worker = there.worker()
        worker.start()
        await receipt(there, "ann@one.example")
        await receipt(there, BEN)
        worker.nudge()
        await until(lambda: sorted(there.got()) == ["ann@one.example", BEN])
        await worker.stop(5)
        await there.next_hops.close()

    in_yard(tmp_path, story)


def test_who_needs_much_memory_is_not_passed_by_those_who_need_little() -> None:
    async def play() -> list[str]:
        room, order = _Room(100), list[str]()
        may_end = {name: asyncio.Event() for name in ("first", "second", "huge", "small")}

        async def take(name: str, octets: int) -> None:
            async with room.taken(octets):
                order.append(name)
                await may_end[name].wait()

        tasks = []
        for name, octets in (("first", 40), ("second", 60), ("huge", 1000), ("small", 1)):
            tasks.append(asyncio.create_task(take(name, octets)))
            await asyncio.sleep(0)
        may_end["first"].set()
        await asyncio.sleep(0.01)
        assert order == ["first", "second"]
        for one in may_end.values():
            one.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        async with room.taken(100):  # all of it was given back
            return order

    assert asyncio.run(play()) == ["first", "second", "huge", "small"]
