from __future__ import annotations

import asyncio
import multiprocessing
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from faulty_hop import FaultyHop, Session, stall
from journey import ORDERS
from workers.at_work import receipt
from workers.yard import Yard, in_yard, until, yard

from relay.config.settings import HostPort, NextHop
from relay.outbound.attempt import NextHops
from relay.reason import Reason

ANN = "ann@example.org"


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


def test_a_stop_begins_no_further_copy_of_a_message_that_is_under_way(tmp_path: Path) -> None:
    async def play() -> None:
        may_end = asyncio.Event()

        async def wait(session: Session) -> None:
            await may_end.wait()
            session.say(b"250 2.0.0 ok\r\n")

        async with yard(tmp_path, dot=wait) as there:
            people = [f"p{number}@example.org" for number in range(60)]
            await there.yes(*people)
            await there.queue(*people)
            worker = there.worker()
            worker.start()
            await until(lambda: len(there.hop.messages) == 10)
            stopping = asyncio.create_task(worker.stop(20))
            await asyncio.sleep(0)
            may_end.set()
            assert await stopping == 0
            assert len(there.got()) == 10
            assert there.rows("SELECT count(*), max(attempts), max(lease IS NOT NULL) FROM copies") == [(50, 0, 0)]

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
