from __future__ import annotations

import asyncio

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


def test_a_deadline_moves_both_ways_and_fires_once() -> None:
    async def fired(*steps: tuple[float, float]) -> list[float]:
        loop = asyncio.get_running_loop()
        began, times = loop.time(), list[float]()
        watch = Watch(loop, 0.1, lambda: times.append(loop.time() - began))
        for at, seconds in steps:
            await asyncio.sleep(max(0, began + at - loop.time()))
            watch.allow(seconds)
        await asyncio.sleep(0.4)
        watch.stop()
        return times

    for steps, expected in (
        ((), 0.1),
        (((0.05, 0.2),), 0.25),
        (((0.0, 0.3), (0.05, 0.02)), 0.07),
        (((0.05, 0.1), (0.12, 0.1)), 0.22),
    ):
        (at,) = run(fired(*steps))
        assert expected - 0.02 < at < expected + 0.1, (steps, at)


def test_what_expires_may_be_given_more_time() -> None:
    async def fired() -> list[float]:
        loop = asyncio.get_running_loop()
        began, times = loop.time(), list[float]()

        def expired() -> None:
            times.append(loop.time() - began)
            if len(times) < 3:
                watch.allow(0.1)

        watch = Watch(loop, 0.1, expired)
        await asyncio.sleep(0.6)
        return times

    assert [round(at, 1) for at in run(fired())] == [0.1, 0.2, 0.3]


def test_a_watch_that_is_stopped_never_fires() -> None:
    async def stopped() -> list[int]:
        times = list[int]()
        watch = Watch(asyncio.get_running_loop(), 0.05, lambda: times.append(1))
        watch.stop()
        await asyncio.sleep(0.1)
        return times

    assert run(stopped()) == []
