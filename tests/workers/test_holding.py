from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from journey import CLIENT, NEWSLETTER
from structlog.testing import capture_logs
from workers.yard import Yard, in_yard, until

from relay.address import Address
from relay.envelope import Refusal
from relay.policy.model import Policies
from relay.queued import State
from relay.reason import Reason
from relay.store.port import StoreUnavailableError, UnreadableError
from relay.store.sqlite import SqliteStore
from relay.workers.holding import end_expired_holds, end_some

pytestmark = pytest.mark.usefixtures("yeses_of_long_ago")
ANN, BEN = "ann@example.org", "ben@example.org"
DAYS = timedelta(days=14)
BY_DSN = NEWSLETTER + '[hold]\nexpired = "dsn"\n'


async def held(there: Yard, *addresses: str) -> None:
    await there.queue(*addresses, state=State.HELD, reason=Reason.STALE, due_in=DAYS)


def test_held_mail_ends_in_the_report_when_its_time_is_over_and_not_before(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await held(there, ANN)
        there.later = DAYS - timedelta(seconds=1)
        assert await end_some(there.store, there.policies, there.clock()) == 0
        there.later = DAYS
        assert await end_some(there.store, there.policies, there.clock()) == 1
        assert there.states() == []
        assert there.reported() == [(ANN, "expired", "stale")]
        assert await end_some(there.store, there.policies, there.clock()) == 0

    in_yard(tmp_path, story)


def test_by_the_policys_wish_its_sender_is_told_as_well(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await held(there, ANN)
        await there.queue(BEN, sender=None, state=State.HELD, reason=Reason.STALE, due_in=DAYS)
        there.later = DAYS + timedelta(hours=1)
        assert await end_some(there.store, there.policies, there.clock()) == 2
        assert there.states() == [(ANN, "failed", "hold-expired")]
        assert there.rows("SELECT code, enhanced FROM copies") == [(451, "4.7.1")]
        assert there.reported() == [(ANN, "expired", "stale"), (BEN, "expired", "stale")]

    in_yard(tmp_path, story, newsletter=BY_DSN)


def test_the_log_tells_of_each_copy_that_ended(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        messages = [await there.queue(who, state=State.HELD, reason=Reason.STALE, due_in=DAYS) for who in (ANN, BEN)]
        decisions = [text for (text,) in there.rows("SELECT decision FROM copies ORDER BY number")]
        there.later = DAYS + timedelta(hours=1)
        now = there.clock()
        with capture_logs() as logs:
            assert await end_some(there.store, there.policies, now) == 2
        told = [one for one in logs if one["event"] == "hold-expired"]
        assert [(one["message"], one["id"], one["stream"], one["reason"]) for one in told] == [
            (message, decision, "newsletter", Reason.STALE)
            for message, decision in zip(messages, decisions, strict=True)
        ]

    in_yard(tmp_path, story)


def test_without_its_policy_held_mail_ends_in_the_report(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await held(there, ANN)
        there.later = DAYS + timedelta(hours=1)
        assert await end_some(there.store, Policies((), ""), there.clock()) == 1
        assert there.reported() == [(ANN, "expired", "stale")]

    in_yard(tmp_path, story, newsletter=BY_DSN)


def test_what_cannot_be_written_is_held_on(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await held(there, ANN)
        there.later = DAYS

        async def away(*_: object) -> None:
            raise StoreUnavailableError("locked")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteStore, "commit", away)
            with pytest.raises(StoreUnavailableError):
                await end_some(there.store, there.policies, there.clock())
        assert there.rows("SELECT state, lease FROM copies") == [("held", None)]
        assert await end_some(there.store, there.policies, there.clock()) == 1

    in_yard(tmp_path, story)


def test_the_worker_goes_on_after_an_outage_and_ends_what_is_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("relay.workers.holding._AT_ONCE", 2)

    async def story(there: Yard) -> None:
        await held(there, *(f"p{number}@example.org" for number in range(5)))
        there.later = DAYS
        claim = SqliteStore.claim_expired
        failures = [StoreUnavailableError("locked"), RuntimeError("a bug")]
        failed = [str(one) for one in failures]

        async def fail_first(store: SqliteStore, *arguments: object) -> object:
            if failures:
                raise failures.pop(0)
            return await claim(store, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(SqliteStore, "claim_expired", fail_first)
        worker = asyncio.create_task(
            end_expired_holds(there.store, lambda: there.policies, there.clock, sleep=lambda _: asyncio.sleep(0))
        )
        said: list[str] = []

        def told() -> int:
            said.append(capsys.readouterr().out)
            return "".join(said).count("] hold-expired ")

        await until(lambda: told() == 5)
        worker.cancel()
        assert there.states() == []
        assert len(there.reported()) == 5
        assert all(words in "".join(said) for words in ("holds-not-ended", "internal-error", *failed))

    in_yard(tmp_path, story)


def asked_for_nothing(there: Yard) -> bool:
    return there.got() == [] and all(state != "queued" for _, state, _ in there.states())


async def old(there: Yard, *addresses: str) -> None:
    """Mail is held for people whose yes is too old."""
    await there.yes(*addresses, days_ago=400)
    await there.store.next_due(there.clock())
    await held(there, *addresses)


async def look(there: Yard) -> int:
    return await end_some(there.store, there.policies, there.clock(), there.clients)


@pytest.mark.parametrize("spelling", [ANN, "Ann@example.org"])
def test_after_a_no_held_mail_is_refused_at_once_and_its_sender_is_told_so(tmp_path: Path, spelling: str) -> None:
    async def story(there: Yard) -> None:
        await old(there, ANN, BEN)
        assert await look(there) == 0
        await there.no(spelling)
        with capture_logs() as logs:
            assert await look(there) == 1
        assert there.states() == [(ANN, "failed", "withdrawn"), (BEN, "held", "stale")]
        ((code, reply),) = there.rows("SELECT code, reply FROM copies WHERE state = 'failed'")
        assert code == 550
        assert reply.startswith("withdrawn: ")
        assert there.reported() == []
        (verdict, reasons) = there.decided()[-1]
        assert (verdict, "withdrawn" in reasons) == ("reject", True)
        assert [one["event"] for one in logs] == ["decision", "failed"]
        assert asked_for_nothing(there)
        assert await look(there) == 0

    in_yard(tmp_path, story, newsletter=BY_DSN)


def test_after_a_no_the_report_tells_it_where_nobody_else_is_to_be_told(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, days_ago=400)
        await there.store.next_due(there.clock())
        await there.queue(ANN, sender=None, state=State.HELD, reason=Reason.STALE, due_in=DAYS)
        await there.no(ANN)
        assert await look(there) == 1
        assert there.states() == []
        assert there.reported() == [(ANN, "unreported", "withdrawn")]

    in_yard(tmp_path, story)


def test_a_client_that_cannot_stand_refusals_reads_of_the_no_in_the_report(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await old(there, ANN)
        there.clients = [replace(CLIENT, refusal=Refusal.ACCEPT_AND_REPORT)]
        await there.no(ANN)
        assert await look(there) == 1
        assert there.states() == []
        assert there.reported() == [(ANN, "discarded", "withdrawn")]

    in_yard(tmp_path, story)


def test_a_no_to_another_stream_leaves_held_mail_as_it_was(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await old(there, ANN)
        before = there.rows("SELECT state, reason, decision, since, due_at, asked_at FROM copies")
        decided = there.decided()
        await there.no(ANN, stream="receipts")
        with capture_logs() as logs:
            assert await look(there) == 1
        assert there.rows("SELECT state, reason, decision, since, due_at, asked_at FROM copies") == before
        assert (there.decided(), logs) == (decided, [])
        assert await look(there) == 0
        there.later = DAYS
        assert await look(there) == 1
        assert there.reported() == [(ANN, "expired", "stale")]

    in_yard(tmp_path, story)


def test_what_is_to_be_looked_at_is_never_sent_whatever_the_policy_says_by_now(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, days_ago=1)
        await there.store.next_due(there.clock())
        await held(there, ANN)
        await there.no(ANN, stream="receipts")
        assert await look(there) == 1
        assert there.states() == [(ANN, "held", "stale")]
        assert asked_for_nothing(there)

    in_yard(tmp_path, story)


def test_a_no_that_nobody_looked_at_before_the_end_is_still_told_as_one(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.no(ANN)
        await there.store.next_due(there.clock())
        await held(there, ANN)
        assert there.rows("SELECT no_at FROM copies") == [(None,)]
        there.later = DAYS
        assert await look(there) == 1
        assert there.states() == [(ANN, "failed", "withdrawn")]

    in_yard(tmp_path, story, newsletter=BY_DSN)


def test_nobody_waits_for_a_person_of_whom_nothing_can_be_read(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await old(there, ANN, BEN)
        for who in (ANN, BEN):
            await there.no(who)
        facts = SqliteStore.facts

        async def unreadable(store: SqliteStore, brand: str, stream: str, addresses: Sequence[Address]) -> object:
            if str(addresses[0]) == ANN:
                raise UnreadableError("a fact", "ValueError")
            return await facts(store, brand, stream, addresses)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteStore, "facts", unreadable)
            assert await look(there) == 2
        assert there.states() == [(ANN, "held", "stale"), (BEN, "failed", "withdrawn")]
        there.later = DAYS
        assert await look(there) == 1
        assert there.states()[0] == (ANN, "failed", "withdrawn")

    in_yard(tmp_path, story)


def test_the_worker_ends_what_a_no_has_ended_without_waiting_for_its_time(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await old(there, ANN)
        worker = asyncio.create_task(
            end_expired_holds(there.store, lambda: there.policies, there.clock, sleep=lambda _: asyncio.sleep(0))
        )
        await there.no(ANN)
        await until(lambda: there.states() == [(ANN, "failed", "withdrawn")])
        worker.cancel()

    in_yard(tmp_path, story)
