"""Who says no between the decision and the attempt gets nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from journey import NEWSLETTER, ORDERS, PSEUDONYMS, Stage, on_stage, said

from relay.decision import Decision, Result
from relay.disposal import Forwarder
from relay.envelope import Client, Refusal
from relay.reason import Reason, Verdict
from relay.store.reading import Wanted, open_reader
from relay.store.sqlite import SqliteStore, open_store


def withdrawing_after_the_decision(
    on: Stage, monkeypatch: pytest.MonkeyPatch, person: str, stream: str = "newsletter"
) -> None:
    """The decision that lets it pass is on disk; then the person says no, and is told so; then the mail would go out."""
    record = SqliteStore.record

    async def record_then_withdraw(store: SqliteStore, decisions: Sequence[Decision]) -> None:
        await record(store, decisions)
        monkeypatch.setattr(SqliteStore, "record", record)
        await on.no(person, stream=stream)

    monkeypatch.setattr(SqliteStore, "record", record_then_withdraw)


def test_after_an_acknowledged_withdrawal_no_attempt_starts_however_short_ago_the_facts_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org")
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("550 5.7.1 withdrawn: ")
        assert on.hop.got == []
        with open_reader(on.path, PSEUDONYMS) as reader:
            passed, refused = sorted(reader.decisions(Wanted(), 10), key=lambda one: one.decision.id)
            (outcome,) = reader.outcomes_of([passed.decision.id])
        assert (passed.decision.verdict, outcome.result) == (Verdict.DELIVER, Result.WITHHELD)
        assert (refused.decision.reason, refused.decision.id in said(reply)) == (Reason.WITHDRAWN, True)

    on_stage(tmp_path, story)


def test_a_withdrawal_in_another_process_is_seen_by_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        other = await open_store(on.path, tmp_path / "withdrawals.journal", PSEUDONYMS)
        try:
            here, on.store = on.store, other  # whose `no` is the other's now
            withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org")
            _, reply = await on.send("hanako@example.org")
            on.store = here
        finally:
            await other.close()
        assert said(reply).startswith("550 5.7.1 withdrawn: ")
        assert on.hop.got == []

    on_stage(tmp_path, story)


def test_facts_are_not_read_again_while_nobody_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    facts = SqliteStore.facts

    async def counted(store: SqliteStore, *question: Any) -> Any:
        read.append("facts")
        return await facts(store, *question)

    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        await on.no("taro@example.org")
        monkeypatch.setattr(SqliteStore, "facts", counted)
        _, reply = await on.send("hanako@example.org")
        assert said(reply).startswith("250 ")
        assert len(read) == 2  # at RCPT and at DATA

    on_stage(tmp_path, story)


def test_what_people_say_while_a_large_message_is_looked_through_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Forwarder.plan

    async def story(on: Stage) -> None:
        async def slow(forwarder: Forwarder, *arguments: Any) -> Any:
            await on.yes("hanako@example.org", days_ago=0)
            return await plan(forwarder, *arguments)

        await on.yes("hanako@example.org", days_ago=500)
        monkeypatch.setattr(Forwarder, "plan", slow)
        _, reply = await on.send("hanako@example.org")
        assert not said(reply).startswith("250 2.0.0 held: ")
        assert len(on.hop.got) == 1

    on_stage(tmp_path, story)


@pytest.mark.parametrize(
    ("wish", "verdicts"), [(Refusal.ACCEPT_AND_REPORT, ""), (Refusal.REJECT, '[verdict]\nwithdrawn = "discard"\n')]
)
def test_who_withdraws_meanwhile_is_dealt_with_as_the_client_or_the_policy_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Refusal, verdicts: str
) -> None:
    async def story(on: Stage) -> None:
        await on.yes("hanako@example.org")
        withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org")
        _, reply = await on.send("hanako@example.org", client=Client("crm", refusal=wish))
        assert said(reply).startswith("250 2.0.0 not sent: withdrawn: ")
        assert on.reported() == [("hanako@example.org", "discarded", "withdrawn")]
        assert on.hop.got == []

    on_stage(tmp_path, story, policies={"newsletter": NEWSLETTER + verdicts})


def test_a_no_that_names_a_stream_of_receipts_stops_a_receipt_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(on: Stage) -> None:
        withdrawing_after_the_decision(on, monkeypatch, "hanako@example.org", stream="receipts")
        _, reply = await on.send("hanako@example.org", sender=ORDERS)
        assert said(reply).startswith("550 5.7.1 withdrawn: ")
        assert on.hop.got == []

    on_stage(tmp_path, story)
