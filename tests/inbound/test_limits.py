from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from inbound.stage import quick, run

from relay.inbound import replies
from relay.inbound.limits import Admission, Tally, Watch


def test_connections_are_limited_by_address_and_in_all() -> None:
    admission = Admission(quick(connections=3, connections_per_address=2))
    assert admission.enter("a") is None
    assert admission.enter("a") is None
    assert admission.enter("a") == replies.TOO_MANY_FROM_ADDRESS
    assert admission.enter("b") is None
    assert admission.enter("c") == replies.TOO_MANY_CONNECTIONS
    admission.leave("a")
    assert admission.enter("c") is None


def test_addresses_that_left_leave_nothing_behind() -> None:
    admission = Admission(quick(connections=1000))
    for number in range(100):
        assert admission.enter(str(number)) is None
        admission.leave(str(number))
    assert not admission._by_address


def test_an_accepted_message_forgives_errors_and_commands_but_not_logins() -> None:
    tally = Tally(quick(errors=1, commands=1, logins=2))
    assert tally.error() is None
    assert tally.command() is None
    assert tally.failed_login() is None
    tally.message()
    assert tally.error() is None
    assert tally.error() == replies.TOO_MANY_ERRORS
    assert tally.command() is None
    assert tally.command() == replies.TOO_MANY_COMMANDS
    assert tally.failed_login() == replies.TOO_MANY_LOGINS


class Clock:
    """What a Watch needs of a loop, with time that moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.timers.append(asyncio.TimerHandle(when, callback, (), self))  # type: ignore[arg-type]
        return self.timers[-1]

    def move_to(self, seconds: float) -> None:
        """`seconds` after the beginning, with every timer that is due on the way."""
        while due := [one for one in self.timers if one.when() <= 100 + seconds and not one.cancelled()]:
            first = min(due, key=asyncio.TimerHandle.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when())
            first._run()
        self.now = 100 + seconds

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, _handle: asyncio.TimerHandle) -> None:
        pass


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], 10),
        ([(5, 20)], 25),
        ([(0, 30), (5, 2)], 7),
        ([(5, 10), (12, 10)], 22),
        ([(9, 1)], 10),
    ],
)
def test_a_deadline_moves_both_ways_and_fires_once(steps: list[tuple[float, float]], expected: float) -> None:
    clock, times = Clock(), list[float]()
    watch = Watch(clock, 10, lambda: times.append(clock.now - 100))  # type: ignore[arg-type]
    for at, seconds in steps:
        clock.move_to(at)
        watch.allow(seconds)
    clock.move_to(1000)
    assert times == [expected]


def test_many_steps_take_few_timers() -> None:
    clock = Clock()
    watch = Watch(clock, 300, lambda: None)  # type: ignore[arg-type]
    for second in range(1000):
        clock.move_to(second / 10)
        watch.allow(300 + second % 2)
    assert len(clock.timers) == 1


def test_what_expires_may_be_given_more_time() -> None:
    clock, times = Clock(), list[float]()

    def expired() -> None:
        times.append(clock.now - 100)
        if len(times) < 3:
            watch.allow(10)

    watch = Watch(clock, 10, expired)  # type: ignore[arg-type]
    clock.move_to(1000)
    assert times == [10, 20, 30]


def test_a_watch_that_is_stopped_never_fires() -> None:
    clock, times = Clock(), list[float]()
    for stop_first in (True, False):
        watch = Watch(clock, 10, lambda: times.append(1))  # type: ignore[arg-type]
        if not stop_first:
            watch.allow(20)
        watch.stop()
    clock.move_to(1000)
    assert times == []


def test_a_watch_works_on_a_real_loop() -> None:
    async def fired() -> float:
        loop = asyncio.get_running_loop()
        began, expired = loop.time(), asyncio.Event()
        Watch(loop, 0.05, expired.set).allow(0.1)
        await expired.wait()
        return loop.time() - began

    assert run(fired()) > 0.09
