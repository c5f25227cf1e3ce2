from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from patience import LONG

from relay.store.grouping import Grouping
from relay.store.port import StoreBrokenError, StoreUnavailableError
from relay.store.thread import CallThread


def memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


class Bench:
    """Performs by squaring; `gate` holds the thread back so that a group can grow."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken: list[StoreBrokenError] = []
        self.failure: Exception | None = None

    def perform(self, works: Sequence[int]) -> list[Any]:
        self.gate.wait()
        self.groups.append(list(works))
        if self.failure is not None:
            raise self.failure
        return [ValueError("unlucky") if work == 13 else work * work for work in works]

    def grouping(self, thread: CallThread) -> Grouping[int]:
        return Grouping(thread, self.perform, on_broken=self.broken.append)


def test_what_comes_while_a_group_is_worked_on_is_the_next_group() -> None:
    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        bench.gate.clear()
        first = asyncio.create_task(grouping.do(1))
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(grouping.do(number)) for number in range(2, 6)]
        await asyncio.sleep(0.01)
        bench.gate.set()
        assert await first == 1
        assert await asyncio.gather(*rest) == [4, 9, 16, 25]
        assert bench.groups == [[1], [2, 3, 4, 5]]
        await grouping.close()
        await thread.close()

    asyncio.run(run())


def test_one_failure_among_the_results_concerns_its_caller_alone() -> None:
    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        results = await asyncio.gather(grouping.do(2), grouping.do(13), grouping.do(3), return_exceptions=True)
        assert results[0] == 4
        assert isinstance(results[1], ValueError)
        assert results[2] == 9
        await grouping.close()
        await thread.close()

    asyncio.run(run())


def test_a_failure_of_the_group_answers_everybody_and_the_next_group_is_tried() -> None:
    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        bench.failure = StoreUnavailableError("locked")
        results = await asyncio.gather(*(grouping.do(number) for number in range(3)), return_exceptions=True)
        assert results == [bench.failure] * 3
        bench.failure = None
        assert await grouping.do(4) == 16
        await grouping.close()
        await thread.close()

    asyncio.run(run())


def test_after_a_broken_group_nothing_is_performed_any_more() -> None:
    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        bench.failure = StoreBrokenError("fsync")
        bench.gate.clear()
        first = asyncio.create_task(grouping.do(1))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(grouping.do(2))
        await asyncio.sleep(0.01)
        bench.gate.set()
        assert await asyncio.gather(first, second, return_exceptions=True) == [bench.failure] * 2
        with pytest.raises(StoreBrokenError):
            await grouping.do(3)
        assert bench.groups == [[1]]
        assert bench.broken == [bench.failure]
        await grouping.close()
        await thread.close()

    asyncio.run(run())


def test_a_cancelled_caller_leaves_its_work_and_the_others_alone() -> None:
    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        first, second = asyncio.create_task(grouping.do(1)), asyncio.create_task(grouping.do(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 4
        assert bench.groups == [[1, 2]]
        await grouping.close()
        await thread.close()

    asyncio.run(run())


def test_work_for_later_waits_for_company_and_closing_does_it() -> None:
    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        grouping.do_later(1)
        assert await grouping.do(2) == 4
        assert bench.groups == [[1, 2]]
        grouping.do_later(3)
        await grouping.close()
        assert bench.groups == [[1, 2], [3]]
        grouping.do_later(4)
        await thread.close()
        assert bench.groups == [[1, 2], [3]]

    asyncio.run(run())


@pytest.mark.parametrize("is_closed", [False, True])
def test_work_for_later_outlives_an_outage(monkeypatch: pytest.MonkeyPatch, *, is_closed: bool) -> None:
    monkeypatch.setattr("relay.store.grouping._AGAIN_AFTER", 60.0 if is_closed else 0.01)

    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        bench.failure = StoreUnavailableError("locked")
        grouping.do_later(1)
        with pytest.raises(StoreUnavailableError):
            await grouping.do(2)
        bench.failure = None
        if not is_closed:
            async with asyncio.timeout(LONG):
                while not any(1 in group for group in bench.groups[1:]):
                    await grouping.do(3)
        await grouping.close()
        assert bench.groups[0] == [1, 2]
        assert sum(group.count(1) for group in bench.groups[1:]) == 1
        await thread.close()

    asyncio.run(run())


def test_an_ending_loop_ends_the_grouping_and_answers_who_waits() -> None:
    """asyncio.run cancels every task and waits for it; one that goes on would hang the process."""

    async def run() -> None:
        bench, thread = Bench(), await CallThread("test", memory).open()
        grouping = bench.grouping(thread)
        bench.gate.clear()
        waiting = asyncio.create_task(grouping.do(1))
        await asyncio.sleep(0.01)
        grouping._task.cancel()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await waiting
        with pytest.raises(asyncio.CancelledError):
            await grouping._task
        bench.gate.set()
        await thread.close()

    asyncio.run(run())
