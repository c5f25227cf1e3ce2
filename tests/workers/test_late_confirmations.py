from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from store.keeping import SHIPPED, Keeping, keeping
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, event
from structlog.testing import capture_logs

from relay.address import Address
from relay.consent.events import RELAY, EventKind
from relay.policy.files import load_policies
from relay.policy.model import Policies, Stream
from relay.store.connection import open_for_reading
from relay.store.queries import query
from relay.workers.late_confirmations import Late, Watch, late_in, watch_confirmations

DAY = timedelta(days=1)
NEWSLETTER = load_policies(SHIPPED).by_id["newsletter"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Keeping]:
    with keeping(tmp_path) as opened:
        yield opened


def asks(store: Keeping, person: Address, days: float, **more: object) -> None:
    fields = {"at": ago(days), "recorded_at": ago(days), "live": True, "stream": "newsletter"}
    store.add(event(EventKind.REQUEST, person, **{**fields, **more}))


def late(store: Keeping, stream: Stream = NEWSLETTER) -> Late | None:
    with closing(open_for_reading(store.folder / "relay.db")) as reading:
        return late_in(reading, stream, NOW)


def test_who_asked_for_mail_and_was_not_sent_the_link_in_time_is_counted(store: Keeping) -> None:
    asks(store, ANN, 3)
    asks(store, BOB, 2)
    assert late(store) == Late("newsletter", 2, ago(3), DAY)


@pytest.mark.parametrize(("days", "is_late"), [(0.5, False), (1, False), (1.001, True), (6.9, True), (7.1, False)])
def test_it_is_late_after_the_senders_time_and_until_the_persons_is_over(
    store: Keeping, days: float, is_late: bool
) -> None:
    asks(store, ANN, days)
    assert (late(store) is not None) == is_late


def test_whoever_was_sent_the_link_said_yes_or_said_no_waits_no_longer(store: Keeping) -> None:
    asks(store, ANN, 3)
    asks(store, ANN, 3, recorded_at=ago(2.5), mail_sent_at=ago(2.5))
    asks(store, BOB, 3)
    store.yes(BOB, 2)
    carl = Address("carl", "example.com")
    asks(store, carl, 3)
    store.no(carl, 2)
    assert late(store) is None


def test_what_a_list_tells_of_and_what_the_relay_asks_is_no_promise_of_today(store: Keeping) -> None:
    asks(store, ANN, 3, live=False)
    store.yes(BOB, 900)
    asks(store, BOB, 3, recorder=RELAY)
    assert late(store) is None


def test_other_streams_and_internal_people_are_not_counted(store: Keeping) -> None:
    asks(store, ANN, 3, stream="other")
    asks(store, BOB, 3)
    assert late(store, replace(NEWSLETTER, internal=("bob@example.com",))) is None
    asks(store, TAGGED, 3)
    found = late(store, replace(NEWSLETTER, internal=("bob@example.com",)))
    assert found is not None
    assert found.people == 1


def test_a_policy_without_the_promise_breaks_none(store: Keeping) -> None:
    asks(store, ANN, 3)
    freshness = replace(NEWSLETTER.consent.freshness, confirmation_sent_within=None)
    assert late(store, replace(NEWSLETTER, consent=replace(NEWSLETTER.consent, freshness=freshness))) is None


def test_the_look_is_led_by_its_index(store: Keeping) -> None:
    with closing(open_for_reading(store.folder / "relay.db")) as reading:
        plan = reading.execute(f"EXPLAIN QUERY PLAN {query('unsent_confirmations')}", ("newsletter", 0, 1)).fetchall()
    assert "facts_unsent" in str(plan)


class Clock:
    def __init__(self, store: Keeping, streams: Sequence[Stream] = (NEWSLETTER,)) -> None:
        self.now, self.trouble = NOW, ""
        self.watch = Watch(
            store=store.folder / "relay.db",
            journal=store.folder / "withdrawals.journal",
            pseudonyms=PSEUDONYMS,
            policies=lambda: Policies(tuple(streams), ""),
            clock=lambda: self.now,
            trouble=lambda: self.trouble,
        )


def test_once_an_hour_one_process_looks(store: Keeping) -> None:
    asks(store, ANN, 3)
    clocks = [Clock(store) for _ in range(3)]
    for hours, found in ((0, 1), (0.9, 0), (1, 1)):
        for clock in clocks:
            clock.now = NOW + timedelta(hours=hours)
        assert sum(len(clock.watch.look_when_it_is_time()) for clock in clocks) == found


def test_a_clock_in_doubt_raises_no_alarm(store: Keeping) -> None:
    asks(store, ANN, 3)
    clock = Clock(store)
    clock.trouble = "it has jumped"
    assert clock.watch.look_when_it_is_time() == ()
    clock.trouble = ""
    assert len(clock.watch.look_when_it_is_time()) == 1


def test_streams_that_need_no_consent_are_passed_over(store: Keeping) -> None:
    asks(store, ANN, 3, stream="receipts")
    assert Clock(store, load_policies(SHIPPED).streams).watch.look_when_it_is_time() == ()


async def looked(watch: Watch) -> None:
    slept = asyncio.Event()

    async def sleep(_: float, *, turns: list[int] = [0]) -> None:  # noqa: B006 - counts
        turns[0] += 1
        if turns[0] > 1:
            slept.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(watch_confirmations(watch, Random(7), sleep=sleep))
    await slept.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_alarm_says_how_many_of_which_stream_and_nobodys_address(store: Keeping) -> None:
    asks(store, ANN, 3)
    with capture_logs() as logged:
        asyncio.run(looked(Clock(store).watch))
    assert logged == [
        {
            "event": "confirmation-late",
            "log_level": "warning",
            "stream": "newsletter",
            "people": 1,
            "oldest": "2026-02-26T12:00:00+00:00",
            "within": "24h",
        }
    ]


def test_a_store_that_cannot_be_read_is_told_and_looked_at_again(tmp_path: Path, store: Keeping) -> None:
    clock = Clock(store)
    (tmp_path / "bad.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with capture_logs() as logged:
        asyncio.run(looked(replace(clock.watch, store=tmp_path / "bad.db")))
    assert [line["event"] for line in logged] == ["confirmations-not-looked-at"]
