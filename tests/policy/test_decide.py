from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import address_from_text
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes, as_json
from relay.decision import Decision, Outcome, Result, new_id
from relay.envelope import Client, Connection, Transaction
from relay.policy.decide import decide, has_to_wait, objection, reply_to_data, without_stream
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.reason import Reason, Verdict
from relay.reply import Reply

NOW = datetime(2026, 5, 4, tzinfo=UTC)
PERSON = address_from_text("person@example.org")
TX = Transaction(
    new_id(NOW, bytes(10)),
    NOW,
    Client("shop"),
    Connection("192.0.2.1", "shop.example", "ESMTP"),
    address_from_text("news@brand.example"),
)
FRESH = Facts(yes=Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW - timedelta(days=3), "form", live=False))
STALE = Facts(yes=Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW - timedelta(days=400), "form", live=False))

POLICY = """\
version = 1
[stream]
id = "newsletter"
brand = "brand"
kind = "commercial"
purpose = { en = "News" }
audience = { en = "members" }
list_id = "newsletter.brand.example"
MODE
[sender]
name = "Brand K.K."
postal_address = "1-1 Somewhere, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"
[[match]]
mail_from = ["*@brand.example"]
[consent]
accept = ["double-opt-in"]
"""


def stream(folder: Path, mode: str = "") -> Stream:
    (folder / "newsletter.toml").write_text(POLICY.replace("MODE", mode))
    return load_policies(folder).streams[0]


@pytest.fixture
def newsletter(tmp_path: Path) -> Stream:
    return stream(tmp_path)


def decided(newsletter: Stream, facts: Facts, *, after_data: bool = True, why: str = "") -> Decision:
    return decide(TX, newsletter, PERSON, facts, NOW, decision_id="01J", after_data=after_data, undisclosable=why)


def test_a_fresh_yes_passes_and_the_decision_keeps_what_it_was_made_from(newsletter: Stream) -> None:
    decision = decided(newsletter, FRESH)
    assert decision.passes
    assert decision.reasons == (Reason.CONFIRMED,)
    assert decision.facts == as_json(FRESH)
    assert decision.policy == newsletter.hash
    assert decision.reply.code == 250


def test_no_consent_is_refused_with_reason_and_id(newsletter: Stream) -> None:
    decision = decided(newsletter, NOTHING_KNOWN)
    assert str(decision.reply).startswith("550 5.7.1 no-consent: ")
    assert "(id 01J)" in str(decision.reply)
    assert "example.org" not in str(decision.reply)


def test_a_stale_consent_is_asked_for_again_later(newsletter: Stream) -> None:
    decision = decided(newsletter, STALE)
    assert decision.verdict is Verdict.HOLD
    assert str(decision.reply).startswith("451 4.7.1 stale: ")


def test_a_message_that_cannot_carry_the_notice_does_not_pass(newsletter: Stream) -> None:
    decision = decided(newsletter, FRESH, why="an encrypted part")
    assert not decision.passes
    assert decision.reason is Reason.DISCLOSURE_IMPOSSIBLE
    assert decision.facts["undisclosable"] == "an encrypted part"
    assert decision.reply.is_temporary
    assert decision.reply.text.endswith("without harm: an encrypted part (id 01J)")


def test_what_is_told_of_a_message_is_one_short_printable_line(newsletter: Stream) -> None:
    decision = decided(newsletter, FRESH, why="a <\x80\r\n\u65e5> part " + 900 * "x")
    assert ": a <? ?> part xxx" in decision.reply.text
    assert len(decision.reply.wire) < 300
    assert decided(newsletter, NOTHING_KNOWN, why="an encrypted part").reply.text.endswith("for this person (id 01J)")


def test_a_refusal_by_consent_comes_before_the_shape_of_the_message(newsletter: Stream) -> None:
    assert decided(newsletter, NOTHING_KNOWN, why="an encrypted part").reason is Reason.NO_CONSENT


def test_shadow_mode_lets_pass_and_records_what_it_would_have_done(tmp_path: Path) -> None:
    decision = decided(stream(tmp_path, 'mode = "shadow"'), NOTHING_KNOWN, why="an encrypted part")
    assert decision.verdict is Verdict.REJECT
    assert not decision.enforced
    assert decision.passes
    assert decision.reply.code == 250


def test_in_shadow_mode_nothing_is_edited_so_nothing_is_impossible_to_edit(tmp_path: Path) -> None:
    decision = decided(stream(tmp_path, 'mode = "shadow"'), FRESH, why="an encrypted part")
    assert decision.reasons == (Reason.CONFIRMED,)
    assert decision.passes


def test_shadow_mode_still_heeds_a_withdrawal(tmp_path: Path) -> None:
    decision = decided(stream(tmp_path, 'mode = "shadow"'), Facts(withdrawn_at=NOW, withdrawn_from="newsletter"))
    assert not decision.passes


def test_what_nobody_claims_passes_when_observed_and_is_the_senders_fault_otherwise() -> None:
    observed = without_stream(TX, PERSON, Reason.OBSERVED, NOW, decision_id="01J", after_data=True)
    assert observed.passes
    at_mail = without_stream(TX, None, Reason.STREAM_UNKNOWN, NOW, decision_id="01J", after_data=False)
    assert at_mail.reply.code == 550
    after_data = without_stream(TX, PERSON, Reason.STREAM_UNKNOWN, NOW, decision_id="01J", after_data=True)
    assert str(after_data.reply).startswith("451 4.7.1")


def outcome(result: Result, number: int = 0) -> Outcome:
    reply = {
        Result.DELIVERED: Reply(250, "2.0.0", "queued as 4F2"),
        Result.REFUSED: Reply(550, "5.1.1", "no such user"),
        Result.DEFERRED: Reply(451, "4.2.2", "mailbox full"),
        Result.UNKNOWN: Reply(451, "4.4.2", "no answer after the dot"),
        Result.WITHHELD: Reply(451, "4.7.1", "withheld"),
    }[result]
    return Outcome(f"01J{number}", NOW, result, reply)


def passing(newsletter: Stream, count: int) -> list[Decision]:
    return [decided(newsletter, FRESH) for _ in range(count)]


@pytest.mark.parametrize("result", list(Result))
def test_one_recipient_gets_the_next_hops_own_reply(newsletter: Stream, result: Result) -> None:
    theirs = outcome(result)
    ours = reply_to_data(passing(newsletter, 1), [theirs])
    assert (ours.code, ours.enhanced) == (theirs.reply.code, theirs.reply.enhanced)
    assert theirs.reply.text in ours.text
    assert "(id 01J0)" in ours.text


def test_a_copy_that_was_not_taken_for_now_makes_the_whole_temporary(newsletter: Stream) -> None:
    results = (Result.DELIVERED, Result.REFUSED, Result.DEFERRED)
    outcomes = [outcome(result, number) for number, result in enumerate(results)]
    reply = reply_to_data(passing(newsletter, 3), outcomes)
    assert str(reply).startswith("451 4.2.2 1 of 3 copies were taken")


def test_a_copy_that_was_refused_for_good_makes_the_whole_permanent(newsletter: Stream) -> None:
    reply = reply_to_data(passing(newsletter, 2), [outcome(Result.DELIVERED), outcome(Result.REFUSED, 1)])
    assert str(reply).startswith("550 5.1.1 1 of 2 copies were taken, one was not: next-hop-refused: no such user")


def test_when_one_of_several_has_to_wait_nothing_is_sent_and_all_is_asked_for_again(newsletter: Stream) -> None:
    decisions = [decided(newsletter, FRESH), decided(newsletter, STALE)]
    assert has_to_wait(decisions) is decisions[1]
    reply = reply_to_data(decisions, [outcome(Result.WITHHELD)])
    assert str(reply).startswith("451 4.7.1 one of 2 recipients has to wait")


def test_a_person_who_said_no_does_not_keep_the_others_waiting(newsletter: Stream) -> None:
    decisions = [decided(newsletter, FRESH), decided(newsletter, NOTHING_KNOWN)]
    assert has_to_wait(decisions) is None
    reply = reply_to_data(decisions, [outcome(Result.DELIVERED)])
    assert str(reply).startswith("250 2.0.0 sent to 1, refused for 1 (no-consent)")


def test_all_refused_is_permanent_only_when_all_are(newsletter: Stream) -> None:
    gone, waiting = decided(newsletter, NOTHING_KNOWN), decided(newsletter, STALE)
    assert reply_to_data([gone, gone], []).code == 550
    assert reply_to_data([gone, waiting], []).code == 451


@given(
    st.lists(st.tuples(st.sampled_from(["fresh", "stale", "none"]), st.sampled_from(Result)), min_size=1, max_size=8)
)
def test_a_250_is_only_said_when_every_passing_copy_was_taken(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, Result]]
) -> None:
    newsletter = _STREAMS.setdefault("one", stream(tmp_path_factory.mktemp("policies")))
    facts = {"fresh": FRESH, "stale": STALE, "none": NOTHING_KNOWN}
    decisions = [decided(newsletter, facts[state]) for state, _ in drawn]
    waits = has_to_wait(decisions) is not None
    outcomes = [
        outcome(Result.WITHHELD if waits else result, number)
        for number, (decision, (_, result)) in enumerate(zip(decisions, drawn, strict=True))
        if decision.passes
    ]
    reply = reply_to_data(decisions, outcomes)
    delivered = bool(outcomes) and all(one.result is Result.DELIVERED for one in outcomes)
    assert reply.is_success == (delivered and not any(one.reply.is_temporary for one in decisions if not one.passes))


_STREAMS: dict[str, Stream] = {}


def test_whoever_withdraws_after_the_decision_is_an_objection_without_an_id(newsletter: Stream) -> None:
    assert objection(newsletter, PERSON, FRESH, NOW) is None
    reply = objection(newsletter, PERSON, Facts(withdrawn_at=NOW, withdrawn_from="newsletter"), NOW)
    assert reply is not None
    assert str(reply).startswith("550 5.7.1 withdrawn: ")
    assert "(id" not in str(reply)


def test_of_copies_that_were_withheld_the_one_to_be_asked_for_again_decides(newsletter: Stream) -> None:
    decision = decided(newsletter, FRESH)
    withheld = [
        Outcome("01J", NOW, Result.WITHHELD, Reply(550, "5.7.1", "withdrawn")),
        Outcome("01J", NOW, Result.WITHHELD, Reply(451, "4.3.0", "try again")),
    ]
    assert reply_to_data([decision, decision], withheld).code == 451
    assert reply_to_data([decision, decision], withheld[::-1]).code == 451
