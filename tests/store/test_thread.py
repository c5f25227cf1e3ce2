from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator

import pytest

from relay.store.thread import CallThread


def memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[CallThread]:
    thread = await CallThread("test", memory).open()
    try:
        yield thread
    finally:
        await thread.close()


def test_calls_run_in_order_on_one_thread_of_their_own() -> None:
    async def run() -> None:
        async with opened() as thread:
            order: list[int] = []

            def note(number: int) -> int:
                order.append(number)
                return threading.get_ident()

            names = await asyncio.gather(*(thread.call(lambda n=n: note(n)) for n in range(5)))  # type: ignore[misc]
            assert order == [0, 1, 2, 3, 4]
            assert len(set(names)) == 1
            assert names[0] != threading.get_ident()

    asyncio.run(run())


def test_the_connection_is_at_the_hand_of_a_call() -> None:
    async def run() -> None:
        async with opened() as thread:
            rows = await thread.call(lambda: thread.connection.execute("SELECT 7").fetchall())
            assert rows == [(7,)]

    asyncio.run(run())


def test_what_a_call_raises_reaches_its_caller_and_the_thread_goes_on() -> None:
    async def run() -> None:
        async with opened() as thread:
            with pytest.raises(ZeroDivisionError):
                await thread.call(lambda: 1 // 0)
            assert await thread.call(lambda: 5) == 5

    asyncio.run(run())


def test_what_opening_raises_reaches_whoever_opens() -> None:
    def fail() -> sqlite3.Connection:
        raise sqlite3.OperationalError("no such place")

    async def run() -> None:
        with pytest.raises(sqlite3.OperationalError, match="no such place"):
            await CallThread("test", fail).open()

    asyncio.run(run())


def test_cancelling_does_not_stop_what_has_begun() -> None:
    async def run() -> None:
        async with opened() as thread:
            gate, begun, done = threading.Event(), threading.Event(), threading.Event()
            call = asyncio.create_task(thread.call(lambda: (begun.set(), gate.wait(), done.set())))
            await asyncio.to_thread(begun.wait)
            call.cancel()
            gate.set()
            assert await thread.call(done.is_set)

    asyncio.run(run())


def test_a_call_that_never_returns_does_not_keep_the_process_alive() -> None:
    thread = CallThread("test", memory)
    assert thread._thread.daemon
    thread.stop()
