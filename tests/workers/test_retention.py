from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from store.keeping import SHIPPED, Keeping, keeping
from store.samples import ANN, NOW, PSEUDONYMS
from structlog.testing import capture_logs

from relay.policy.files import load_policies
from relay.store.retention import Purged
from relay.workers.retention import Keeper, keep_retention


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Keeping]:
    with keeping(tmp_path) as opened:
        opened.yes(ANN, 2000)
        for days in (100, 95, 1):
            opened.mail(ANN, days)
        yield opened


class Clock:
    def __init__(self) -> None:
        self.now, self.trouble = NOW, ""

    def keeper(self, folder: Path) -> Keeper:
        policies = load_policies(SHIPPED)
        return Keeper(
            store=folder / "relay.db",
            journal=folder / "withdrawals.journal",
            pseudonyms=PSEUDONYMS,
            policies=lambda: policies,
            decisions=timedelta(days=90),
            clock=lambda: self.now,
            trouble=lambda: self.trouble,
        )


def test_once_a_day_what_is_due_goes(store: Keeping) -> None:
    clock = Clock()
    keeper = clock.keeper(store.folder)
    assert keeper.purge_when_it_is_time(lambda: True, 0.5) == Purged(decisions=2, outcomes=4, technical=1)
    for hours in (1, 24, 24.4):
        clock.now = NOW + timedelta(hours=hours)
        assert keeper.purge_when_it_is_time(lambda: True, 0.5) is None
    clock.now = NOW + timedelta(hours=24.6)
    assert keeper.purge_when_it_is_time(lambda: True, 0.5) == Purged()


def test_of_several_processes_one_does_it(store: Keeping) -> None:
    clock = Clock()
    keepers = [clock.keeper(store.folder) for _ in range(4)]

    async def all_at_once() -> list[Purged | None]:
        calls = [asyncio.to_thread(one.purge_when_it_is_time, lambda: True, 0.0) for one in keepers]
        return await asyncio.gather(*calls)

    done = asyncio.run(all_at_once())
    assert [one for one in done if one is not None] == [Purged(decisions=2, outcomes=4, technical=1)]


def test_a_clock_in_doubt_purges_nothing_and_is_looked_at_all_the_time(store: Keeping) -> None:
    clock = Clock()
    keeper = clock.keeper(store.folder)
    clock.trouble = "the clock has jumped"
    assert keeper.purge_when_it_is_time(lambda: True, 0.0) is None
    clock.trouble = ""

    def go_on() -> bool:
        clock.trouble = "now it has"
        return True

    assert keeper.purge_when_it_is_time(go_on, 0.0) == Purged()
    assert len(store.rows("SELECT 1 FROM decisions")) == 3


def test_a_time_set_by_a_clock_that_was_ahead_does_not_put_it_off_for_years(store: Keeping) -> None:
    clock = Clock()
    keeper = clock.keeper(store.folder)
    clock.now = NOW + timedelta(days=5000)
    clock.trouble = ""
    keeper.purge_when_it_is_time(lambda: False, 0.0)
    clock.now = NOW
    assert keeper.purge_when_it_is_time(lambda: True, 0.0) is not None


def looks(number: int) -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """Sleeps that take no time; the last one never ends."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > number:
            await asyncio.Event().wait()

    return slept, sleep


async def watched(keeper: Keeper, number: int) -> list[float]:
    slept, sleep = looks(number)
    task = asyncio.create_task(keep_retention(keeper, Random(7), sleep=sleep))
    while len(slept) <= number:  # noqa: ASYNC110 - a condition of the test's own
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return slept


def test_the_log_says_what_went_and_each_look_is_at_another_minute(store: Keeping) -> None:
    with capture_logs() as logged:
        slept = asyncio.run(watched(Clock().keeper(store.folder), 3))
    assert [one for one in logged if one["event"] == "purged"] == [
        {
            "event": "purged",
            "log_level": "info",
            "decisions": 2,
            "outcomes": 4,
            "technical": 1,
            "people": 0,
            "lines": 0,
            "contacts": 0,
            "failures": 0,
            "reports": 0,
        }
    ]
    assert len(set(slept)) == len(slept)
    assert all(600 <= one <= 1200 for one in slept)


def test_an_outage_of_the_store_is_logged_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "relay.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with capture_logs() as logged:
        asyncio.run(watched(Clock().keeper(tmp_path), 2))
    assert [one["event"] for one in logged] == ["purge-failed", "purge-failed"]
