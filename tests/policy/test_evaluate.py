from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Freshness, Status, Yes
from relay.policy.evaluate import NOES, evaluate, has_accepted_yes, is_internal
from relay.policy.files import load_policies
from relay.policy.model import ConsentRules, Kind, Mode, Stream
from relay.reason import MEANINGS, PRECEDENCE, Reason, Verdict, in_precedence

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TARO = Address("taro", "example.com")
SHIPPED = {stream.id: stream for stream in load_policies(Path(__file__).parents[2] / "policies").streams}
NEWSLETTER = SHIPPED["newsletter"]


def ago(**time: int) -> datetime:
    return NOW - timedelta(**time)


MONTH_AGO = ago(days=30)


def yes(at: datetime = MONTH_AGO, basis: Basis = Basis.DOUBLE_OPT_IN, *, live: bool = False) -> Yes:
    return Yes(basis, Act.CLICKED, at, "test", live)


def reasons(stream: Stream, facts: Facts, recipient: Address = TARO, *, paused: bool = False) -> tuple[Reason, ...]:
    return evaluate(stream, facts, recipient, NOW, paused=paused).reasons


def test_a_fresh_accepted_yes_passes_as_confirmed() -> None:
    found = evaluate(NEWSLETTER, Facts(yes=yes()), TARO, NOW)

    assert (found.status, found.reasons, found.verdict, found.enforced) == (
        Status.CONFIRMED,
        (Reason.CONFIRMED,),
        Verdict.DELIVER,
        True,
    )


def test_without_any_facts_there_is_no_consent() -> None:
    found = evaluate(NEWSLETTER, NOTHING_KNOWN, TARO, NOW)

    assert (found.status, found.reasons, found.verdict) == (Status.NONE, (Reason.NO_CONSENT,), Verdict.REJECT)


@pytest.mark.parametrize("basis", [Basis.CUSTOMER, Basis.PUBLISHED, Basis.ASSUMED])
def test_a_yes_of_a_basis_that_the_policy_does_not_accept_is_none(basis: Basis) -> None:
    found = evaluate(NEWSLETTER, Facts(yes=yes(basis=basis)), TARO, NOW)

    assert (found.status, found.reasons) == (Status.NONE, (Reason.BASIS_NOT_ACCEPTED,))


def test_an_open_question_waits_and_is_never_a_550() -> None:
    asked = Facts(requested_at=ago(days=1))
    for facts in (asked, replace(asked, yes=yes(basis=Basis.CUSTOMER))):
        found = evaluate(NEWSLETTER, facts, TARO, NOW)
        assert (found.status, found.reasons, found.verdict) == (
            Status.PENDING,
            (Reason.UNCONFIRMED,),
            Verdict.HOLD,
        )


def test_a_question_left_open_too_long_counts_as_never_asked() -> None:
    assert reasons(NEWSLETTER, Facts(requested_at=ago(days=8))) == (Reason.NO_CONSENT,)


def test_an_old_yes_without_contact_is_stale() -> None:
    found = evaluate(NEWSLETTER, Facts(yes=yes(ago(days=400)), last_contact_at=ago(days=390)), TARO, NOW)

    assert (found.status, found.reasons, found.verdict) == (Status.STALE, (Reason.STALE,), Verdict.HOLD)


def test_all_reasons_that_apply_are_found_in_order_of_precedence() -> None:
    facts = Facts(
        yes=yes(ago(days=900), live=True),
        withdrawn_at=ago(days=1),
        complained_at=ago(days=2),
        undeliverable_at=ago(days=3),
    )

    assert reasons(NEWSLETTER, facts, paused=True) == (
        Reason.COMPLAINED,
        Reason.WITHDRAWN,
        Reason.UNDELIVERABLE,
        Reason.STALE,
        Reason.RENEWAL_DUE,
        Reason.FIRST_MAIL_LATE,
        Reason.STREAM_PAUSED,
    )


def test_a_customer_counts_only_as_long_as_the_policy_says() -> None:
    fresh = replace(NEWSLETTER.consent.freshness, customer_within=timedelta(days=730))
    rules = ConsentRules(frozenset({Basis.CUSTOMER}), fresh)
    stream = replace(NEWSLETTER, consent=rules)
    bought = Facts(yes=yes(ago(days=729), Basis.CUSTOMER), last_contact_at=ago(days=1))

    assert reasons(stream, bought) == (Reason.CONFIRMED,)
    lapsed = replace(bought, yes=yes(ago(days=731), Basis.CUSTOMER))
    assert reasons(stream, lapsed) == (Reason.BASIS_NOT_ACCEPTED,)


def test_an_internal_address_needs_no_consent() -> None:
    stream = replace(NEWSLETTER, internal=("*@example.com",))
    for facts in (NOTHING_KNOWN, Facts(yes=yes(ago(days=900))), Facts(yes=yes(basis=Basis.ASSUMED))):
        found = evaluate(stream, facts, TARO, NOW)
        assert (found.reasons, found.verdict) == ((Reason.INTERNAL,), Verdict.DELIVER)
    assert reasons(stream, NOTHING_KNOWN, Address("taro", "example.org")) == (Reason.NO_CONSENT,)


def test_an_internal_address_with_a_yes_is_an_ordinary_recipient() -> None:
    assert reasons(replace(NEWSLETTER, internal=("*@example.com",)), Facts(yes=yes())) == (Reason.CONFIRMED,)


@pytest.mark.parametrize("no", ["withdrawn_at", "complained_at", "undeliverable_at"])
def test_an_internal_address_is_never_spared_a_no(no: str) -> None:
    stream = replace(NEWSLETTER, internal=("*@example.com",))
    found = evaluate(stream, Facts(**{no: ago(days=1)}), TARO, NOW)

    assert found.verdict is Verdict.REJECT
    assert len(found.reasons) == 1


@pytest.mark.parametrize("kind", [Kind.TRANSACTIONAL, Kind.CORRESPONDENCE, Kind.SYSTEM])
def test_mail_that_is_not_commercial_passes_without_consent(kind: Kind) -> None:
    stream = replace(SHIPPED["receipts"], kind=kind)
    for facts in (
        NOTHING_KNOWN,
        Facts(complained_at=ago(days=1)),
        Facts(withdrawn_at=ago(days=1)),
        Facts(undeliverable_at=ago(days=1)),
    ):
        assert reasons(stream, facts) == (Reason.TRANSACTIONAL,)


def test_a_transactional_stream_stops_for_a_no_that_names_it() -> None:
    found = evaluate(SHIPPED["receipts"], Facts(withdrawn_at=ago(days=1), withdrawn_from="receipts"), TARO, NOW)

    assert (found.reasons, found.verdict) == ((Reason.WITHDRAWN,), Verdict.REJECT)


def test_a_paused_stream_of_any_kind_sends_nothing() -> None:
    for stream in SHIPPED.values():
        found = evaluate(stream, Facts(yes=yes()), TARO, NOW, paused=True)
        assert (found.reasons, found.verdict) == ((Reason.STREAM_PAUSED,), Verdict.DEFER)


def test_the_policy_chooses_the_verdict_of_a_reason() -> None:
    stream = replace(NEWSLETTER, verdicts={**NEWSLETTER.verdicts, Reason.NO_CONSENT: Verdict.DISCARD})

    assert evaluate(stream, NOTHING_KNOWN, TARO, NOW).verdict is Verdict.DISCARD


# --- laws, for any facts ---------------------------------------------------------------------------------------

times = st.none() | st.integers(0, 1500).map(lambda days: ago(days=days))
some_yes = st.builds(
    Yes,
    basis=st.sampled_from(Basis),
    act=st.sampled_from(Act),
    at=st.integers(0, 1500).map(lambda days: ago(days=days)),
    source=st.just("test"),
    live=st.booleans(),
)
some_facts = st.builds(
    Facts,
    requested_at=times,
    yes=st.none() | some_yes,
    renewed_at=times,
    withdrawn_at=times,
    withdrawn_from=st.sampled_from(["", "newsletter"]),
    complained_at=times,
    undeliverable_at=times,
    last_contact_at=times,
)
limits = st.none() | st.integers(1, 1000).map(lambda days: timedelta(days=days))
some_streams = st.builds(
    lambda kind, mode, consent, internal, verdicts: replace(
        NEWSLETTER,
        kind=kind,
        mode=mode,
        consent=consent,
        internal=internal,
        verdicts={**NEWSLETTER.verdicts, **verdicts},
    ),
    kind=st.sampled_from(Kind),
    mode=st.sampled_from(Mode),
    consent=st.builds(
        ConsentRules,
        accept=st.frozensets(st.sampled_from(Basis), min_size=1),
        freshness=st.builds(
            Freshness,
            confirm_within=limits,
            first_mail_within=limits,
            stale_after=limits,
            renew_every=limits,
            confirmation_sent_within=limits,
            customer_within=limits,
            inquiry_within=limits,
            ask_before=limits,
        ),
    ),
    internal=st.sampled_from([(), ("*@example.com",)]),
    verdicts=st.fixed_dictionaries(
        {},
        optional={
            reason: st.sampled_from(sorted(MEANINGS[reason].allowed)) for reason in Reason if MEANINGS[reason].allowed
        },
    ),
)


@given(some_streams, some_facts, st.booleans())
def test_reasons_stand_in_order_of_precedence_and_the_first_decides(stream: Stream, facts: Facts, paused: bool) -> None:
    found = evaluate(stream, facts, TARO, NOW, paused=paused)

    assert found.reasons == in_precedence(found.reasons)
    assert found.verdict is stream.verdicts[found.reasons[0]]
    refusals = [reason for reason in found.reasons if reason in PRECEDENCE]
    assert refusals == list(found.reasons) or len(found.reasons) == 1


@given(some_streams, some_facts, st.booleans())
def test_a_no_always_refuses_whatever_else(stream: Stream, facts: Facts, paused: bool) -> None:
    found = evaluate(stream, facts, TARO, NOW, paused=paused)

    if stream.is_commercial:
        said_no = facts.withdrawn_at is not None or facts.complained_at is not None
    else:
        said_no = facts.withdrawn_at is not None and facts.withdrawn_from == stream.id
    assert (found.reasons[0] in NOES) == said_no
    if said_no:
        assert found.enforced
        assert found.verdict in (Verdict.REJECT, Verdict.DISCARD)


@given(some_streams, some_facts, st.booleans())
def test_shadow_mode_enforces_nothing_but_a_no(stream: Stream, facts: Facts, paused: bool) -> None:
    shadow = evaluate(replace(stream, mode=Mode.SHADOW), facts, TARO, NOW, paused=paused)
    enforced = evaluate(replace(stream, mode=Mode.ENFORCE), facts, TARO, NOW, paused=paused)

    assert shadow.enforced == (shadow.reasons[0] in NOES)
    assert enforced.enforced
    assert replace(shadow, enforced=True) == enforced


@given(some_streams, some_facts)
def test_commercial_mail_is_sent_only_on_an_accepted_yes_or_to_an_internal_address(
    stream: Stream, facts: Facts
) -> None:
    found = evaluate(stream, facts, TARO, NOW)

    if stream.is_commercial and found.verdict is Verdict.DELIVER:
        assert has_accepted_yes(stream.consent, facts, NOW) or is_internal(stream, TARO)


@given(some_streams, some_facts)
def test_what_a_person_can_mend_is_never_answered_with_a_550(stream: Stream, facts: Facts) -> None:
    found = evaluate(stream, facts, TARO, NOW)

    if found.verdict is Verdict.REJECT:
        assert found.reasons[0] in {
            Reason.COMPLAINED,
            Reason.WITHDRAWN,
            Reason.UNDELIVERABLE,
            Reason.NO_CONSENT,
            Reason.BASIS_NOT_ACCEPTED,
        }


def test_internal_addresses_are_patterns(changed: Callable[..., Stream]) -> None:
    stream = changed(internal=("test-*@example.com", "boss@example.org"))

    assert is_internal(stream, Address("test-7", "example.com"))
    assert is_internal(stream, Address("BOSS", "example.org"))
    assert not is_internal(stream, TARO)
