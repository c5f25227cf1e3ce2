from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import address_from_text
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes, as_json
from relay.decision import Decision, new_id
from relay.envelope import Client, Connection, Refusal, Transaction
from relay.policy.decide import as_wished, decide, objection, without_stream
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.reason import MEANINGS, PRECEDENCE, Reason, Verdict

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
WITHDRAWN = Facts(withdrawn_at=NOW, withdrawn_from="newsletter")

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


def test_mail_to_a_stale_consent_is_held_and_the_client_is_told_so(newsletter: Stream) -> None:
    decision = decided(newsletter, STALE)
    assert decision.verdict is Verdict.HOLD
    assert not decision.passes
    assert str(decision.reply).startswith("250 2.0.0 held: stale: ")
    assert str(decision.reply).endswith("(id 01J)")


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


def test_whoever_withdraws_after_the_decision_is_an_objection_without_an_id(newsletter: Stream) -> None:
    assert objection(newsletter, PERSON, FRESH, NOW) is None
    reply = objection(newsletter, PERSON, Facts(withdrawn_at=NOW, withdrawn_from="newsletter"), NOW)
    assert reply is not None
    assert str(reply).startswith("550 5.7.1 withdrawn: ")
    assert "(id" not in str(reply)


def test_an_objection_is_never_a_success_for_the_mail_does_not_go_out(newsletter: Stream) -> None:
    reply = objection(newsletter, PERSON, STALE, NOW)
    assert str(reply).startswith("451 4.7.1 stale: ")
    quiet = replace(newsletter, verdicts={**newsletter.verdicts, Reason.WITHDRAWN: Verdict.DISCARD})
    assert str(objection(quiet, PERSON, WITHDRAWN, NOW)).startswith("451 4.7.1 withdrawn: ")


def for_client(newsletter: Stream, facts: Facts, wish: Refusal) -> Decision:
    tx = replace(TX, client=Client("shop", refusal=wish))
    return decide(tx, newsletter, PERSON, facts, NOW, decision_id="01J", after_data=True)


def test_a_client_that_wants_no_refusals_is_told_that_the_mail_is_held(newsletter: Stream) -> None:
    decision = for_client(newsletter, NOTHING_KNOWN, Refusal.HOLD)
    assert decision.verdict is Verdict.HOLD
    assert str(decision.reply).startswith("250 2.0.0 held: no-consent: ")
    assert decision.facts["refusal"] == "hold"


@pytest.mark.parametrize("wish", [Refusal.HOLD, Refusal.ACCEPT_AND_REPORT])
def test_a_no_is_final_so_what_would_be_refused_is_not_kept_but_reported(newsletter: Stream, wish: Refusal) -> None:
    decision = for_client(newsletter, WITHDRAWN, wish)
    assert decision.verdict is Verdict.DISCARD
    assert str(decision.reply).startswith("250 2.0.0 not sent: withdrawn: ")


def test_what_passes_or_is_held_is_the_same_for_every_client(newsletter: Stream) -> None:
    for wish in Refusal:
        assert for_client(newsletter, FRESH, wish).reply == decided(newsletter, FRESH).reply
        held = for_client(newsletter, STALE, wish)
        assert (held.verdict, "refusal" in held.facts) == (Verdict.HOLD, False)


def test_what_a_shadowed_stream_lets_pass_stays_as_it_was_judged(tmp_path: Path) -> None:
    decision = for_client(stream(tmp_path, 'mode = "shadow"'), NOTHING_KNOWN, Refusal.ACCEPT_AND_REPORT)
    assert (decision.verdict, decision.passes, decision.reply.code) == (Verdict.REJECT, True, 250)


@given(st.sampled_from(Refusal), st.sampled_from(PRECEDENCE), st.sampled_from(Verdict))
def test_a_wish_never_lets_mail_through_and_never_keeps_what_may_not_be_kept(
    wish: Refusal, reason: Reason, verdict: Verdict
) -> None:
    became = as_wished(wish, reason, verdict)
    assert (became is Verdict.DELIVER) == (verdict is Verdict.DELIVER)
    assert became is verdict or became is Verdict.DISCARD or became in MEANINGS[reason].allowed
    assert wish is Refusal.REJECT or became is not Verdict.REJECT
