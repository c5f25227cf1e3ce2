from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from journey import NEWSLETTER
from structlog.testing import capture_logs
from workers.yard import Yard, in_yard, until

from relay.policy.model import Policies
from relay.queued import State
from relay.reason import Reason
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore
from relay.workers.holding import end_expired_holds, end_some

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
