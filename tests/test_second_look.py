from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from journey import NOW, PSEUDONYMS, Stage, stage

from relay.address import Address, address_from_text
from relay.policy.files import load_policies
from relay.reply import Reply
from relay.second_look import SecondLook, Sight
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import open_store

HANAKO = address_from_text("hanako@example.org")
TARO = address_from_text("taro@example.org")
OUTAGE = Reply(451, "4.3.0", "store-unavailable: nothing can be known")


class Clock:
    """Stands, until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def look(on: Stage, clock: Clock, between: Callable[[], Awaitable[object]], *addresses: Address) -> Reply | None:
    """The answer of the look after something happened since the facts were read."""
    for address in addresses:
        await on.yes(str(address))
    stream = load_policies(on.path.parent / "policies", NOW).by_id["newsletter"]
    seen = Sight(on.store, clock)
    await on.store.facts("brand", "newsletter", addresses)
    await between()
    second = SecondLook(store=on.store, stream=stream, seen=seen, clock=clock, outage=lambda _: OUTAGE)
    return await second(addresses)


def played(folder: Path, story: Callable[[Stage, Clock], Awaitable[Reply | None]]) -> Reply | None:
    async def play() -> Reply | None:
        async with stage(folder) as on:
            return await story(on, Clock())

    return asyncio.run(play())


def test_whoever_has_said_no_since_does_not_get_it_in_the_same_instant(tmp_path: Path) -> None:
    found = played(tmp_path, lambda on, clock: look(on, clock, lambda: on.no("hanako@example.org"), HANAKO))
    assert str(found).startswith("550 5.7.1 withdrawn: ")


def test_a_no_of_another_process_counts_and_so_does_one_for_another_spelling(tmp_path: Path) -> None:
    async def story(on: Stage, clock: Clock) -> Reply | None:
        async def elsewhere() -> None:
            other = await open_store(on.path, tmp_path / "withdrawals.journal", PSEUDONYMS)
            here, on.store = on.store, other
            await on.no("Hanako+news@example.org")
            on.store = here
            await other.close()

        return await look(on, clock, elsewhere, HANAKO)

    assert str(played(tmp_path, story)).startswith("550 5.7.1 withdrawn: ")


@pytest.mark.parametrize(("seconds", "reads"), [(0.0, 0), (0.9, 0), (1.0, 1), (-1.0, 1)])
def test_facts_are_read_again_after_a_second_or_when_the_clock_went_back(
    tmp_path: Path, seconds: float, reads: int
) -> None:
    async def story(on: Stage, clock: Clock) -> Reply | None:
        count = 0
        facts = on.store.facts

        class Counting:
            noes_stamp = on.store.noes_stamp

            async def facts(self, *question: object) -> object:
                nonlocal count
                count += 1
                return await facts(*question)  # type: ignore[arg-type]

        await on.yes("hanako@example.org")
        stream = load_policies(on.path.parent / "policies", NOW).by_id["newsletter"]
        store = Counting()
        seen = Sight(store, clock)  # type: ignore[arg-type]
        clock.now += timedelta(seconds=seconds)
        second = SecondLook(store=store, stream=stream, seen=seen, clock=clock, outage=lambda _: OUTAGE)  # type: ignore[arg-type]
        assert await second([HANAKO]) is None
        assert await second([HANAKO]) is None  # what was just read is fresh
        assert count == reads
        return None

    assert played(tmp_path, story) is None


def test_one_copy_for_several_waits_as_a_whole_and_is_asked_for_again(tmp_path: Path) -> None:
    found = played(tmp_path, lambda on, clock: look(on, clock, lambda: on.no("taro@example.org"), HANAKO, TARO))
    assert str(found).startswith("451 4.7.1 withdrawn: ")


def test_nobody_is_looked_for_where_no_policy_claims_the_mail(tmp_path: Path) -> None:
    async def story(on: Stage, clock: Clock) -> Reply | None:
        seen = Sight(on.store, clock)
        clock.now += timedelta(hours=1)
        await on.no("hanako@example.org")
        return await SecondLook(store=on.store, stream=None, seen=seen, clock=clock, outage=lambda _: OUTAGE)([HANAKO])

    assert played(tmp_path, story) is None


def test_what_cannot_be_known_is_not_sent(tmp_path: Path) -> None:
    async def story(on: Stage, clock: Clock) -> Reply | None:
        async def away() -> None:
            clock.now += timedelta(seconds=5)
            await on.store.close()

        return await look(on, clock, away, HANAKO)

    assert played(tmp_path, story) == OUTAGE


def test_a_stamp_that_cannot_be_taken_is_an_outage(tmp_path: Path) -> None:
    async def story(on: Stage, clock: Clock) -> Reply | None:
        class Lost:
            def __init__(self) -> None:
                self.stamps = iter([1])

            def noes_stamp(self) -> object:
                for stamp in self.stamps:
                    return stamp
                raise StoreUnavailableError("the disk is gone")

        stream = load_policies(on.path.parent / "policies", NOW).by_id["newsletter"]
        lost = Lost()
        seen = Sight(lost, clock)  # type: ignore[arg-type]
        return await SecondLook(store=lost, stream=stream, seen=seen, clock=clock, outage=lambda _: OUTAGE)([HANAKO])  # type: ignore[arg-type]

    assert played(tmp_path, story) == OUTAGE
