from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journey import NOW, stage
from store.samples import ANN, contact, decision
from structlog.testing import capture_logs

from relay.consent.events import Event, EventKind
from relay.decision import Outcome
from relay.store.port import ClockWrongError
from relay.workers.clock import CheckedStore, ClockGuard, Moment, moment

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Clock:
    """Time passes for both clocks; the wall clock is also set."""

    def __init__(self) -> None:
        self.wall, self.boottime = NOW, 1000.0

    def __call__(self) -> Moment:
        return Moment(self.wall, self.boottime)

    def passes(self, time: timedelta) -> None:
        self.wall += time
        self.boottime += time.total_seconds()

    def is_set(self, by: timedelta) -> None:
        self.wall += by


def test_the_machines_own_clocks_are_looked_at() -> None:
    first, second = moment(), moment()
    assert abs(first.wall - datetime.now(UTC)) < HOUR
    assert second.boottime >= first.boottime > 0
    assert ClockGuard().trouble() == ""


@given(st.lists(st.timedeltas(timedelta(0), 400 * DAY), max_size=20))
def test_time_that_passes_is_no_trouble(steps: Sequence[timedelta]) -> None:
    clock = Clock()
    guard = ClockGuard(clock, newest=NOW)
    for step in steps:
        clock.passes(step)
        assert guard.trouble() == ""
        assert guard.now() == clock.wall


@pytest.mark.parametrize("by", [5 * MINUTE, timedelta(0), -400 * DAY])
def test_a_clock_not_far_behind_the_newest_record_is_believed(by: timedelta) -> None:
    assert ClockGuard(Clock(), newest=NOW + by).trouble() == ""


def test_a_clock_behind_the_newest_record_is_wrong_until_it_has_caught_up() -> None:
    clock = Clock()
    guard = ClockGuard(clock, newest=NOW + HOUR)
    assert "records were made until 2026-05-04T13:00:00Z" in guard.trouble()
    clock.passes(54 * MINUTE)
    assert guard.trouble()
    clock.passes(MINUTE)
    assert guard.trouble() == ""


def test_a_clock_set_back_while_running_is_behind_what_was_done_meanwhile() -> None:
    clock = Clock()
    guard = ClockGuard(clock)
    clock.passes(HOUR)
    assert guard.trouble() == ""
    clock.is_set(-6 * MINUTE)
    assert "set it right" in guard.trouble()
    clock.is_set(6 * MINUTE)
    assert guard.trouble() == ""


@pytest.mark.parametrize(("by", "words"), [(26 * HOUR, "forward by 1 d 2 h"), (-400 * DAY, "back by 400 d 0 h")])
def test_a_jump_of_more_than_a_day_is_wrong_until_it_is_taken_back(by: timedelta, words: str) -> None:
    clock = Clock()
    guard = ClockGuard(clock)
    clock.passes(HOUR)
    assert guard.trouble() == ""
    clock.is_set(by)
    assert words in guard.trouble()
    clock.passes(DAY)
    assert guard.trouble()  # time alone does not mend it
    clock.is_set(-by)
    assert guard.trouble() == ""


def test_a_jump_forward_of_less_than_a_day_is_believed() -> None:
    clock = Clock()
    guard = ClockGuard(clock, newest=NOW)
    clock.is_set(23 * HOUR)
    assert guard.trouble() == ""


@pytest.mark.parametrize("by", [400 * DAY, -400 * DAY])
def test_what_is_under_way_at_a_jump_is_dated_as_if_there_was_none(by: timedelta) -> None:
    clock = Clock()
    guard = ClockGuard(clock)
    clock.is_set(HOUR)
    assert guard.steady() == guard.now() == NOW + HOUR
    clock.is_set(by - HOUR)
    clock.passes(MINUTE)
    assert guard.steady() == NOW + MINUTE
    assert guard.now() == NOW + by + MINUTE


def test_many_small_steps_come_to_one_jump() -> None:
    clock = Clock()
    guard = ClockGuard(clock)
    for _ in range(3):
        clock.is_set(9 * HOUR)
        clock.passes(MINUTE)
    assert "forward" in guard.trouble()


def test_a_process_that_takes_anothers_place_knows_of_the_jump() -> None:
    clock = Clock()
    since = clock()
    clock.passes(HOUR)
    clock.is_set(30 * DAY)
    assert ClockGuard(clock, since=since).trouble()
    assert ClockGuard(clock).trouble() == ""  # after a restart nobody can know


def test_the_alarm_is_raised_at_once_then_hourly_and_taken_back() -> None:
    clock = Clock()
    guard = ClockGuard(clock)
    with capture_logs() as log:
        clock.is_set(2 * DAY)
        for _ in range(121):
            guard.trouble()
            clock.passes(MINUTE)
        clock.is_set(-2 * DAY)
        guard.trouble()
        guard.trouble()
        clock.is_set(2 * DAY)
        guard.trouble()
    told = [(line["event"], line["log_level"]) for line in log]
    alarm = ("clock-wrong", "critical")
    assert told == [alarm, alarm, alarm, ("clock-right", "warning"), alarm]


def test_the_alarm_comes_without_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.workers.clock._LOOK_EVERY", 0.01)
    clock = Clock()
    guard = ClockGuard(clock)
    clock.is_set(2 * DAY)

    async def play() -> None:
        watching = asyncio.create_task(guard.watch())
        await asyncio.sleep(0.05)
        watching.cancel()

    with capture_logs() as log:
        asyncio.run(play())
    assert [line["event"] for line in log] == ["clock-wrong"]


def test_nobody_is_judged_by_a_wrong_clock_and_what_people_say_is_taken(tmp_path: Path) -> None:
    async def play() -> None:
        clock = Clock()
        async with stage(tmp_path) as on_stage:
            store = CheckedStore(on_stage.store, ClockGuard(clock))
            assert (await store.facts("brand", "newsletter", [ANN]))[ANN].withdrawn_at is None
            await store.record([decision()])
            clock.is_set(2 * DAY)
            with pytest.raises(ClockWrongError):
                await store.facts("brand", "newsletter", [ANN])
            with pytest.raises(ClockWrongError):
                await store.record([decision()])
            event = Event("ID", EventKind.WITHDRAW, ANN, "brand", "newsletter", None, NOW, "", "test")
            assert await store.append([event]) == (1,)
            await store.flush()
            clock.is_set(-2 * DAY)
            assert (await store.facts("brand", "newsletter", [ANN]))[ANN].withdrawn_at == NOW

    asyncio.run(play())


def test_what_was_under_way_is_written_but_dates_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        clock = Clock()
        async with stage(tmp_path) as on_stage:
            store = CheckedStore(on_stage.store, ClockGuard(clock))
            settled: list[Outcome] = []
            reached = contact(decision(), ANN)
            store.settle_later([reached])
            await store.flush()
            assert (await store.facts("brand", "newsletter", [ANN]))[ANN].last_contact_at == reached.at
            on_stage.store.settle_later = settled.extend  # type: ignore[method-assign]
            one = contact(decision())
            store.settle_later([one])
            clock.is_set(2 * DAY)
            store.settle_later([one])
            assert [(outcome.contact, outcome.address) for outcome in settled] == [(True, ANN), (False, None)]
            assert settled[1].decision == one.decision

    asyncio.run(play())
