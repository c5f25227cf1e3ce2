from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from journey import NEWS, NOW, PSEUDONYMS, Stage, on_stage
from structlog.testing import capture_logs

from relay.address import Address, address_from_text
from relay.config.settings import Mode
from relay.consent.facts import NOTHING_KNOWN
from relay.envelope import Client, Connection, Recipient, Transaction
from relay.judging import Judging
from relay.message.index import index
from relay.policy.files import load_policies
from relay.reason import Reason
from relay.rewriting import Plan
from relay.store.port import ClockWrongError, StoreUnavailableError
from relay.store.reading import Wanted, open_reader

ANN = address_from_text("ann@example.org")
STRANGER = address_from_text("somebody@unknown.example")


def judging(on: Stage, mode: Mode = Mode.ENFORCE) -> Judging:
    policies, numbers = load_policies(on.path.parent / "policies", NOW), itertools.count()
    return Judging(
        store=on.store,
        policies=lambda: policies,
        mode=mode,
        clock=lambda: NOW,
        randomness=lambda size: next(numbers).to_bytes(size),
    )


def transaction(sender: Address | None = NEWS, *senders: str) -> Transaction:
    client = Client("shop", senders or ("*",))
    return Transaction("01J00000000000000000000000", NOW, client, Connection("192.0.2.7", "x.example", "ESMTP"), sender)


@pytest.mark.parametrize(
    ("sender", "senders", "mode", "reason"),
    [
        (NEWS, "*", Mode.ENFORCE, None),
        (NEWS, "*@brand.example", Mode.ENFORCE, Reason.SENDER_NOT_ALLOWED),
        (NEWS, "*@brand.example", Mode.OBSERVE, Reason.SENDER_NOT_ALLOWED),
        (STRANGER, "*", Mode.ENFORCE, Reason.STREAM_UNKNOWN),
        (STRANGER, "*", Mode.OBSERVE, None),
    ],
)
def test_a_sender_is_one_of_the_clients_and_of_some_stream_unless_the_relay_observes(
    tmp_path: Path, sender: Address, senders: str, mode: Mode, reason: Reason | None
) -> None:
    async def story(on: Stage) -> None:
        decision = judging(on, mode).sender(transaction(sender, senders))
        assert (None if decision is None else decision.reason) is reason

    on_stage(tmp_path, story)


def test_before_data_the_facts_of_now_are_judged_and_nothing_is_recorded(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        judge, tx = judging(on), transaction()
        (stream,) = judge.bound(tx)
        before = await judge.before_data(tx, stream, ANN)
        assert (before.reason, before.recipient) == (Reason.NO_CONSENT, ANN)
        await on.yes(str(ANN))
        after = await judge.before_data(tx, stream, ANN)
        assert after.passes
        assert after.id != before.id
        with open_reader(on.path, PSEUDONYMS) as reader:
            assert reader.decisions(Wanted(), 10) == []

    on_stage(tmp_path, story)


def test_where_no_policy_claims_the_message_no_facts_are_read(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        judge = judging(on)
        assert await judge.facts(None, [ANN]) == {}
        (stream,) = judge.bound(transaction())
        assert await judge.facts(stream, [ANN]) == {ANN: NOTHING_KNOWN}

    on_stage(tmp_path, story)


def test_the_decision_that_counts_is_made_from_the_facts_it_is_given_and_has_an_id_of_its_own(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        judge = judging(on)
        plan, ann = planned(judge), Recipient(ANN)
        await on.yes(str(ANN))
        facts = await judge.facts(plan.stream, [ANN])
        first, second = judge.after_data(plan, ann, facts), judge.after_data(plan, ann, facts)
        assert (first.recipient, first.facts, first.decision.reason) == (ann, facts[ANN], Reason.CONFIRMED)
        assert first.decision.id != second.decision.id
        assert judge.after_data(plan, ann, {ANN: NOTHING_KNOWN}).decision.reason is Reason.NO_CONSENT

    on_stage(tmp_path, story)


def test_who_passes_and_whose_own_copy_cannot_carry_the_footer_does_not(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        judge = judging(on)
        plan = planned(judge)
        await on.yes(str(ANN))
        facts = await judge.facts(plan.stream, [ANN])
        decision = judge.after_data(plan, Recipient(ANN), facts, undisclosable="signed").decision
        assert (decision.reason, decision.facts["undisclosable"]) == (Reason.DISCLOSURE_IMPOSSIBLE, "signed")

    on_stage(tmp_path, story)


def test_whose_facts_are_not_known_is_not_judged(tmp_path: Path) -> None:
    async def story(on: Stage) -> None:
        for mode in Mode:
            judge = judging(on, mode)
            with pytest.raises(KeyError):
                judge.after_data(planned(judge), Recipient(ANN), {})

    on_stage(tmp_path, story)


@pytest.mark.parametrize(("mode", "reason"), [(Mode.ENFORCE, Reason.STREAM_UNKNOWN), (Mode.OBSERVE, Reason.OBSERVED)])
def test_what_no_policy_claims_passes_only_while_the_relay_observes(tmp_path: Path, mode: Mode, reason: Reason) -> None:
    async def story(on: Stage) -> None:
        judge = judging(on, mode)
        judged = judge.after_data(replace(planned(judge), stream=None), Recipient(ANN), {})
        assert (judged.decision.reason, judged.facts) == (reason, None)
        assert judged.decision.passes is (mode is Mode.OBSERVE)

    on_stage(tmp_path, story)


def planned(judge: Judging) -> Plan:
    tx = transaction()
    (stream,) = judge.bound(tx)
    return Plan(tx, stream, index(b""), None, ())


@pytest.mark.parametrize(
    ("error", "code", "reason", "level"),
    [
        (StoreUnavailableError("gone"), 451, Reason.STORE_UNAVAILABLE, "error"),
        (StoreUnavailableError("no space", full=True), 452, Reason.STORE_UNAVAILABLE, "error"),
        (ClockWrongError("behind"), 451, Reason.CLOCK_WRONG, "warning"),
    ],
)
def test_while_nothing_can_be_known_the_client_is_to_come_again_and_the_log_has_the_id_that_it_was_told(
    tmp_path: Path, error: StoreUnavailableError, code: int, reason: Reason, level: str
) -> None:
    async def story(on: Stage) -> None:
        with capture_logs() as logs:
            reply = judging(on).outage(transaction(), error)
        assert reply.code == code
        assert reply.text.startswith(reason)
        (told,) = logs
        assert told["log_level"] == level
        assert reply.text.endswith(f"(id {told['id']})")

    on_stage(tmp_path, story)
