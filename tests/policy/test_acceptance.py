from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy.test_decide import FRESH, STALE, TX, WITHDRAWN, stream

from relay.address import address_from_text
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.decision import Outcome, Result
from relay.envelope import Recipient, Refusal, Transaction
from relay.policy.acceptance import (
    TOLD_WITHIN,
    Accepted,
    Judged,
    Mail,
    Waits,
    accept,
    accept_later,
    accept_untried,
    reply_after,
    turned_down,
)
from relay.policy.decide import decide, without_stream
from relay.policy.model import RefusedAfterData, Stream
from relay.queued import Fate, NewCopy, State
from relay.reason import Reason, Verdict
from relay.reply import Reply

NOW = datetime(2026, 5, 4, tzinfo=UTC)
WAITS = Waits((timedelta(minutes=5), timedelta(hours=1)), timedelta(days=30))
CONTENT = b"From: news@brand.example\r\n\r\nhello\r\n"
FACTS = {"passes": FRESH, "held": STALE, "refused": NOTHING_KNOWN, "no": WITHDRAWN}
#: A no is refused quietly, a mailbox that is gone is asked for again: so each verdict can be met.
VERDICTS = {Reason.WITHDRAWN: Verdict.DISCARD, Reason.UNDELIVERABLE: Verdict.DEFER}
STATES = {**FACTS, "deferred": Facts(yes=FRESH.yes, undeliverable_at=NOW)}


@cache
def newsletter() -> Stream:
    with TemporaryDirectory() as folder:
        found = stream(Path(folder))
    return replace(found, verdicts={**found.verdicts, **VERDICTS})


def judged(kinds: Sequence[str], tx: Transaction = TX) -> list[Judged]:
    people = [Recipient(address_from_text(f"person{number}@example.org")) for number in range(len(kinds))]
    return [
        Judged(
            one,
            decide(tx, newsletter(), one.address, STATES[kind], NOW, decision_id=f"01J{number:023}", after_data=True),
            STATES[kind],
        )
        for number, (kind, one) in enumerate(zip(kinds, people, strict=True))
    ]


def accepted(*kinds: str, tx: Transaction = TX, policy: Stream | None = None) -> Accepted:
    return accept(Mail(tx, policy or newsletter(), CONTENT), judged(kinds, tx), NOW, WAITS, 0.5)


def copies(found: Accepted) -> list[NewCopy]:
    return [copy for message in found.step.messages for copy in message.copies]


def test_several_who_pass_are_queued_for_now_and_counted_in_the_reply() -> None:
    found = accepted("passes", "passes", "passes")
    assert str(found.reply) == f"250 2.0.0 queued 3 (id {TX.id})"
    assert [(one.state, one.due_at, one.attempts) for one in copies(found)] == [(State.QUEUED, NOW, 0)] * 3
    (message,) = found.step.messages
    assert (message.content, message.stream, message.brand) == (CONTENT, "newsletter", "brand")


def test_every_part_of_a_mixed_message_has_its_place_and_the_reply_counts_them() -> None:
    found = accepted("passes", "held", "no", "refused", "deferred")
    assert found.reply.text == f"queued 2, held 1, not sent 1, refused 1 (id {TX.id})"
    assert [one.state for one in copies(found)] == [State.QUEUED, State.HELD, State.FAILED, State.QUEUED]
    assert [line.fate for line in found.step.reports] == [Fate.DISCARDED]


def test_mail_of_who_was_asked_already_waits_for_that_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(STALE, asked_at=NOW - timedelta(days=2), asked=1)
    monkeypatch.setitem(STATES, "asked", asked)
    monkeypatch.setitem(FACTS, "asked", asked)
    copy, other = copies(accepted("asked", "held"))
    assert (copy.asked_at, copy.due_at) == (asked.asked_at, NOW + newsletter().hold.longest)
    assert (other.asked_at, other.due_at) == (None, NOW + WAITS.asking)


def test_one_held_or_not_sent_has_the_words_and_the_id_of_its_decision() -> None:
    held, quiet = accepted("held"), accepted("no")
    assert held.reply.text.startswith("held: stale: ")
    assert quiet.reply.text.startswith("not sent: withdrawn: ")
    for found in (held, quiet):
        assert found.takes_over
        assert found.reply.text.endswith(f"(id {found.step.decisions[0].id})")
    assert held.step.messages[0].copies[0].due_at == NOW + WAITS.asking
    assert quiet.step.messages == ()
    (line,) = quiet.step.reports
    assert (line.recipient, line.sender, line.client, line.reason) == (
        "person0@example.org",
        "news@brand.example",
        "shop",
        Reason.WITHDRAWN,
    )
    assert line.reply == str(quiet.step.decisions[0].reply)


def test_a_part_that_is_refused_for_now_is_queued_with_its_reason_and_comes_later() -> None:
    one = copies(accepted("passes", "deferred"))[1]
    assert (one.state, one.reason, one.attempts) == (State.QUEUED, Reason.UNDELIVERABLE, 0)
    assert one.due_at == NOW + WAITS.retry[0]


def test_the_sender_is_told_of_a_part_that_is_refused() -> None:
    one = copies(accepted("passes", "refused"))[1]
    assert (one.state, one.reason, one.due_at) == (State.FAILED, Reason.NO_CONSENT, NOW + TOLD_WITHIN)
    assert one.last is not None
    assert str(one.last).startswith("550 5.7.1 no-consent")


def test_where_the_policy_says_log_or_there_is_no_sender_the_report_tells_of_a_refused_part() -> None:
    policy = newsletter()
    log = replace(policy, message=replace(policy.message, refused_after_data=RefusedAfterData.LOG))
    nobody = replace(TX, sender=None)
    for found, fate in (
        (accepted("passes", "refused", policy=log), Fate.REFUSED),
        (accepted("passes", "refused", tx=nobody), Fate.UNREPORTED),
        (accepted("passes", "refused", tx=nobody, policy=log), Fate.REFUSED),
    ):
        assert [line.fate for line in found.step.reports] == [fate]
        assert [one.state for one in copies(found)] == [State.QUEUED]
        assert found.reply.text.startswith("queued 1, refused 1 (id ")


@pytest.mark.parametrize(
    ("kinds", "begins"),
    [(["refused"], "550 5.7.1"), (["refused", "refused"], "550 5.7.1"), (["refused", "deferred"], "451 4.7.1")],
)
def test_where_nobody_is_accepted_the_whole_is_refused_and_only_the_decisions_are_kept(
    kinds: list[str], begins: str
) -> None:
    found = accepted(*kinds)
    assert str(found.reply).startswith(begins)
    assert not found.takes_over
    assert len(found.step.decisions) == len(kinds)


def test_what_no_policy_claims_is_queued_without_a_stream() -> None:
    people = [Recipient(address_from_text(f"{name}@example.org")) for name in "ab"]
    both = [
        Judged(one, without_stream(TX, one.address, Reason.OBSERVED, NOW, decision_id="01J", after_data=True), None)
        for one in people
    ]
    found = accept(Mail(TX, None, CONTENT), both, NOW, WAITS, 0.5)
    assert [(one.stream, one.brand) for one in found.step.messages] == [("", "")]


def outcome(result: Result) -> Outcome:
    replies = {
        Result.DELIVERED: Reply(250, "2.0.0", "queued as 4F2"),
        Result.REFUSED: Reply(550, "5.1.1", "no such user"),
        Result.DEFERRED: Reply(451, "4.2.2", "mailbox full"),
        Result.UNKNOWN: Reply(451, "4.4.2", "no answer after the dot"),
        Result.WITHHELD: Reply(451, "4.3.0", "try again"),
    }
    return Outcome(f"01J{0:023}", NOW, result, replies[result], "hop:25")


def later(result: Result, tx: Transaction = TX) -> Accepted | None:
    (one,) = judged(["passes"], tx)
    return accept_later(Mail(tx, newsletter(), CONTENT), one, outcome(result), WAITS, 0.5)


@pytest.mark.parametrize("result", [Result.DEFERRED, Result.UNKNOWN])
def test_what_the_next_hop_does_not_take_now_is_kept_for_a_client_that_does_not_retry(result: Result) -> None:
    found = later(result)
    assert found is not None
    (one,) = copies(found)
    assert (one.state, one.attempts, one.last, one.next_hop) == (State.QUEUED, 1, outcome(result).reply, "hop:25")
    assert one.due_at == NOW + WAITS.retry[0]
    assert str(found.reply).startswith(f"250 2.0.0 queued: {outcome(result).reason}: ")
    assert found.step.outcomes == (outcome(result),)
    assert found.step.decisions == ()


@pytest.mark.parametrize("result", list(Result))
def test_a_client_that_retries_keeps_its_mail_itself(result: Result) -> None:
    assert later(result, replace(TX, client=replace(TX.client, retries=True))) is None


@pytest.mark.parametrize("result", [Result.DELIVERED, Result.REFUSED, Result.WITHHELD])
def test_what_was_taken_refused_or_never_tried_is_not_kept(result: Result) -> None:
    assert later(result) is None


def test_without_an_attempt_mail_is_due_at_once_and_its_decision_is_kept_with_it() -> None:
    (one,) = judged(["passes"], TX)
    found = accept_untried(Mail(TX, newsletter(), CONTENT), one, NOW)
    (copy,) = copies(found)
    assert (copy.state, copy.reason, copy.attempts) == (State.QUEUED, Reason.NEXT_HOP_DEFERRED, 0)
    assert (copy.due_at, copy.decision, copy.last) == (NOW, one.decision.id, None)
    assert found.takes_over
    assert found.step.decisions == (one.decision,)
    assert found.step.outcomes == ()
    assert str(found.reply).startswith("250 2.0.0 queued: next-hop-deferred: ")


@pytest.mark.parametrize("result", list(Result))
def test_one_recipient_gets_the_next_hops_own_reply(result: Result) -> None:
    theirs = outcome(result)
    ours = reply_after(theirs)
    assert (ours.code, ours.enhanced) == (theirs.reply.code, theirs.reply.enhanced)
    assert theirs.reply.text in ours.text
    assert ours.text.endswith(f"(id {theirs.decision})")


def test_past_a_cap_nothing_is_accepted_and_the_decisions_say_why() -> None:
    found = turned_down(judged(["passes", "held", "no", "refused"]), "held copies of newsletter: 3")
    assert str(found.reply).startswith(
        "452 4.3.1 limit: no room for more mail that waits: held copies of newsletter: 3"
    )
    assert not found.takes_over
    assert [one.reason for one in found.step.decisions] == [Reason.LIMIT] * 3 + [Reason.NO_CONSENT]
    assert not any(one.passes or one.reply.is_success for one in found.step.decisions)
    assert found.step.decisions[1].reasons == (Reason.LIMIT, Reason.STALE)
    assert [one.reply.text.endswith(f"(id {one.id})") for one in found.step.decisions] == [True] * 4
    assert found.reply == found.step.decisions[0].reply


kinds_of_mail = st.lists(st.sampled_from(sorted(STATES)), min_size=1, max_size=8)


@given(kinds_of_mail, st.sampled_from(Refusal), st.booleans(), st.booleans(), st.sampled_from(RefusedAfterData))
def test_a_250_means_one_place_for_each_recipient_and_anything_else_that_nothing_is_stored(
    kinds: list[str],
    wish: Refusal,
    has_sender: bool,
    retries: bool,
    after_data: RefusedAfterData,
) -> None:
    client = replace(TX.client, refusal=wish, retries=retries)
    tx = replace(TX, client=client, sender=TX.sender if has_sender else None)
    policy = replace(newsletter(), message=replace(newsletter().message, refused_after_data=after_data))
    found = accept(Mail(tx, policy, CONTENT), judged(kinds, tx), NOW, WAITS, 0.5)
    places = [str(one.recipient.address) for one in copies(found)] + [line.recipient for line in found.step.reports]
    assert len(found.step.decisions) == len(kinds)
    if found.reply.is_success:
        assert sorted(places) == sorted(f"person{number}@example.org" for number in range(len(kinds)))
        told = {one.decision: one.state for one in copies(found)}
        for decision in found.step.decisions:  # law 1 and 2: who does not pass is never due for the next hop now
            waits = told.get(decision.id)
            assert decision.passes or waits is not State.QUEUED or decision.verdict is Verdict.DEFER
            assert decision.reason is not Reason.WITHDRAWN or waits in (None, State.FAILED)
    else:
        assert places == []
        assert not found.takes_over


@given(st.sampled_from(Result), st.booleans())
def test_one_recipient_is_delivered_or_kept_or_the_reply_is_no_success(result: Result, retries: bool) -> None:
    tx = replace(TX, client=replace(TX.client, retries=retries))
    found = later(result, tx)
    if found is not None:
        assert found.reply.is_success
        assert len(copies(found)) == 1
        assert result is not Result.DELIVERED
    else:
        assert reply_after(outcome(result)).is_success == (result is Result.DELIVERED)
