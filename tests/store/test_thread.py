from __future__ import annotations

import asyncio
import threading

import pytest

from relay.store.thread import CallThread


def test_calls_run_in_order_on_one_thread_of_their_own() -> None:
    async def run() -> None:
        thread = CallThread("test")
        order: list[int] = []
        names = await asyncio.gather(
            *(thread.call(lambda n=n: (order.append(n), threading.get_ident())[1]) for n in range(5))
        )  # type: ignore[misc]
        assert order == [0, 1, 2, 3, 4]
        assert len(set(names)) == 1
        assert names[0] != threading.get_ident()
        thread.stop()

    asyncio.run(run())


def test_what_a_call_raises_reaches_its_caller_and_the_thread_goes_on() -> None:
    async def run() -> None:
        thread = CallThread("test")
        with pytest.raises(ZeroDivisionError):
            await thread.call(lambda: 1 // 0)
        assert await thread.call(lambda: 5) == 5
        thread.stop()

    asyncio.run(run())


def test_cancelling_does_not_stop_what_has_begun() -> None:
    async def run() -> None:
        thread = CallThread("test")
        gate, done = threading.Event(), threading.Event()
        call = thread.call(lambda: (gate.wait(), done.set()))
        call.cancel()
        gate.set()
        assert await thread.call(done.is_set)
        thread.stop()

    asyncio.run(run())


def test_a_call_that_outlives_its_loop_is_forgotten() -> None:
    gate = threading.Event()
    thread = CallThread("test")

    async def run() -> None:
        thread.call(gate.wait)

    asyncio.run(run())
    gate.set()

    async def again() -> None:
        assert await thread.call(lambda: 7) == 7

    asyncio.run(again())
    thread.stop()
