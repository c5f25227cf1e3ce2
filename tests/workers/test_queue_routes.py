from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faulty_hop import FaultyHop, Session, reset, say, stall
from journey import MAIL
from workers.at_work import receipt, while_working
from workers.yard import TERMS, Yard, in_yard, until

from relay.config.settings import HostPort, NextHop
from relay.outbound.attempt import NextHops
from relay.store.sqlite import SqliteStore
from relay.workers.queue import QueueWorker

ANN, BEN = "ann@example.org", "ben@example.org"


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
    monkeypatch.setattr("relay.workers.backoff._FIRST_PAUSE", 100.0)
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
        # These were no probes: the next one comes no later for it.
        assert there.backoff._states[there.next_hops.routes[-1].name].pause == 100.0

    while_working(tmp_path, story, connect=reset)
