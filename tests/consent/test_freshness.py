from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Freshness, Yes
from relay.consent.freshness import (
    CHANGES,
    Change,
    Deadline,
    Rule,
    ask_from,
    deadline_until,
    deadlines,
    deadlines_of_request,
    deadlines_of_yes,
    ended_by,
    expiry_of,
    in_order,
    is_confirmation_late,
    last_sign_of_life,
    newest_yes,
    runs_out,
)
from relay.reason import Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = Freshness()
ENDLESS = replace(SEED, customer_within=None, inquiry_within=None)
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def yes(days: float, basis: Basis = Basis.DOUBLE_OPT_IN, *, live: bool = False) -> Yes:
    return Yes(basis, Act.CLICKED, days_ago(days), "form", live)


def ends(facts: Facts, freshness: Freshness = SEED) -> dict[Rule, Deadline]:
    return {end.rule: end for end in deadlines(facts, freshness)}


def test_nothing_known_runs_out_never() -> None:
    assert deadlines(NOTHING_KNOWN, SEED) == ()
    assert runs_out(NOTHING_KNOWN, SEED) is None
    assert ask_from(()) is None


def test_an_imported_yes_ages_from_its_last_contact_else_from_itself() -> None:
    assert ends(Facts(yes=yes(100)))[Rule.STALE_AFTER].since == days_ago(100)
    touched = ends(Facts(yes=yes(100), last_contact_at=days_ago(30)))[Rule.STALE_AFTER]
    assert (touched.since, touched.at) == (days_ago(30), days_ago(30) + timedelta(days=365))
    assert ends(Facts(yes=yes(100), last_contact_at=days_ago(200)))[Rule.STALE_AFTER].since == days_ago(100)


def test_renewal_counts_from_the_last_yes_whatever_mail_came_since() -> None:
    facts = Facts(yes=yes(700), last_contact_at=days_ago(1))
    assert ends(facts)[Rule.RENEW_EVERY].at == days_ago(700) + timedelta(days=730)
    renewed = replace(facts, renewed_at=days_ago(10))
    assert ends(renewed)[Rule.RENEW_EVERY].at == days_ago(10) + timedelta(days=730)


def test_only_a_live_yes_without_mail_has_a_deadline_for_its_first_mail() -> None:
    live = Facts(yes=yes(3, live=True))
    assert ends(live)[Rule.FIRST_MAIL_WITHIN].at == days_ago(3) + timedelta(days=7)
    assert Rule.FIRST_MAIL_WITHIN not in ends(Facts(yes=yes(3)))
    assert Rule.FIRST_MAIL_WITHIN not in ends(replace(live, last_contact_at=days_ago(3)))
    assert Rule.FIRST_MAIL_WITHIN in ends(replace(live, last_contact_at=days_ago(3) - INSTANT))


def test_implied_consent_ends_by_its_basis_and_mail_does_not_put_it_off() -> None:
    bought = Facts(yes=yes(1, Basis.CUSTOMER), last_contact_at=NOW)
    assert ends(bought)[Rule.CUSTOMER_WITHIN].at == days_ago(1) + timedelta(days=730)
    asked = Facts(yes=yes(1, Basis.INQUIRY), last_contact_at=NOW)
    end = ends(asked)[Rule.INQUIRY_WITHIN]
    assert (end.at, end.reason) == (days_ago(1) + timedelta(days=180), Reason.BASIS_NOT_ACCEPTED)
    assert Rule.CUSTOMER_WITHIN not in ends(asked)
    assert ends(asked, ENDLESS).keys() == ends(Facts(yes=yes(1))).keys()
    assert expiry_of(yes(1), SEED) is None


def test_an_open_question_runs_from_the_mail_that_asks_as_soon_as_that_has_left() -> None:
    asked = Facts(requested_at=days_ago(3))
    assert ends(asked)[Rule.CONFIRM_WITHIN].at == days_ago(3) + timedelta(days=7)
    assert ends(replace(asked, mail_sent_at=days_ago(2)))[Rule.CONFIRM_WITHIN].at == days_ago(2) + timedelta(days=7)
    assert ends(asked)[Rule.CONFIRM_WITHIN].reason is Reason.NO_CONSENT


@pytest.mark.parametrize(
    ("facts", "late"),
    [
        (Facts(requested_at=days_ago(1) - INSTANT, request_live=True), True),
        (Facts(requested_at=days_ago(1), request_live=True), False),
        (Facts(requested_at=days_ago(2), request_live=True, mail_sent_at=days_ago(0.1)), False),
        (Facts(requested_at=days_ago(2)), False),
        (NOTHING_KNOWN, False),
    ],
)
def test_the_mail_that_asks_is_late_when_a_live_request_waits_for_more_than_a_day(facts: Facts, late: bool) -> None:
    assert is_confirmation_late(facts, SEED, NOW) is late


def test_the_senders_own_deadline_is_no_reason_to_refuse_anybody() -> None:
    late = ends(Facts(requested_at=days_ago(5), request_live=True))[Rule.CONFIRMATION_SENT_WITHIN]
    assert late.reason is None
    assert late.is_past(NOW)


def test_a_deadline_is_kept_at_its_very_moment_and_missed_an_instant_later() -> None:
    end = ends(Facts(yes=yes(365)))[Rule.STALE_AFTER]
    assert end.at == NOW
    assert not end.is_past(NOW)
    assert end.is_past(NOW + INSTANT)


def test_asking_begins_thirty_days_before_the_end() -> None:
    found = ends(Facts(yes=yes(100, live=True)))
    assert found[Rule.STALE_AFTER].ask_from == found[Rule.STALE_AFTER].at - timedelta(days=30)
    assert found[Rule.RENEW_EVERY].ask_from == found[Rule.RENEW_EVERY].at - timedelta(days=30)
    assert found[Rule.FIRST_MAIL_WITHIN].ask_from is None
    assert ask_from(found.values()) == found[Rule.STALE_AFTER].ask_from
    assert ask_from(deadlines(Facts(yes=yes(100)), replace(SEED, ask_before=None))) is None
    assert ask_from(deadlines(Facts(requested_at=NOW), SEED)) is None


def test_nobody_is_asked_before_there_is_a_yes() -> None:
    short = replace(SEED, stale_after=timedelta(days=10))
    assert ends(Facts(yes=yes(1)), short)[Rule.STALE_AFTER].ask_from == days_ago(1)


def test_the_first_end_is_the_one_that_counts() -> None:
    found = runs_out(Facts(yes=yes(700), last_contact_at=NOW), SEED)
    assert found is not None
    assert found.rule is Rule.RENEW_EVERY
    late = runs_out(Facts(yes=yes(3, live=True)), SEED)
    assert late is not None
    assert late.rule is Rule.FIRST_MAIL_WITHIN


def test_a_limit_beyond_the_end_of_all_times_is_none() -> None:
    endless = replace(SEED, stale_after=timedelta.max, renew_every=timedelta(days=3_000_000))
    assert deadlines(Facts(yes=yes(1)), endless) == ()


def test_every_rule_says_what_would_change_it() -> None:
    assert CHANGES.keys() == set(Rule)
    assert ends(Facts(yes=yes(1)))[Rule.STALE_AFTER].changes == (Change.CONTACT, Change.YES)


def test_every_limit_is_a_rule_of_the_same_name() -> None:
    limits = {f"consent.{field.name}" for field in fields(Freshness)} - {"consent.ask_before"}
    assert limits == set(Rule) - {Rule.MIGRATION_UNTIL}


def test_a_deadline_at_a_known_moment_is_asked_for_before_it_too() -> None:
    end = deadline_until(Rule.MIGRATION_UNTIL, Reason.BASIS_NOT_ACCEPTED, days_ago(10), NOW, DAY)
    assert end.ask_from == NOW - DAY
    assert deadline_until(Rule.MIGRATION_UNTIL, None, NOW, NOW).ask_from is None
    assert in_order([end, deadline_until(Rule.CONFIRM_WITHIN, None, NOW, NOW - DAY)])[0].rule is Rule.CONFIRM_WITHIN


MOMENTS = st.none() | st.integers(0, 1500).map(days_ago)
LIMITS = st.none() | st.integers(1, 1000).map(lambda days: timedelta(days=days))
FACTS = st.builds(
    Facts,
    requested_at=MOMENTS,
    mail_sent_at=MOMENTS,
    request_live=st.booleans(),
    yes=st.none() | st.builds(yes, st.integers(0, 1500), st.sampled_from(Basis), live=st.booleans()),
    renewed_at=MOMENTS,
    last_contact_at=MOMENTS,
    asked_at=MOMENTS,
    asked=st.integers(0, 3),
)
RULES = st.builds(Freshness, *[LIMITS] * len(fields(Freshness)))
LATER = st.integers(-2000, 2000).map(days_ago)


def plainly(facts: Facts, rules: Freshness, now: datetime) -> tuple[Reason, ...]:
    """The rules as the manual has them, by the age of things."""
    had = facts.yes
    if had is None:
        return ()
    limits = {Basis.CUSTOMER: rules.customer_within, Basis.INQUIRY: rules.inquiry_within}
    limit = limits.get(had.basis)
    if limit is not None and now - had.at > limit:
        return ()
    said = max(filter(None, (had.at, facts.renewed_at)))
    lived = max(filter(None, (said, facts.last_contact_at)))
    no_mail_yet = facts.last_contact_at is None or facts.last_contact_at < had.at
    found = []
    silent = facts.asked >= 2 and facts.asked_at is not None
    if silent and rules.confirm_within is not None and now - facts.asked_at > rules.confirm_within:
        found.append(Reason.NO_CONSENT)
    if rules.stale_after is not None and now - lived > rules.stale_after:
        found.append(Reason.STALE)
    if rules.renew_every is not None and now - said > rules.renew_every:
        found.append(Reason.RENEWAL_DUE)
    if had.live and no_mail_yet and rules.first_mail_within is not None and now - said > rules.first_mail_within:
        found.append(Reason.FIRST_MAIL_LATE)
    return tuple(found)


@given(FACTS, RULES, LATER)
def test_what_the_deadlines_say_is_what_the_ages_say(facts: Facts, rules: Freshness, now: datetime) -> None:
    ended = ended_by(facts, rules, now)
    if Reason.BASIS_NOT_ACCEPTED in ended:  # whatever else has ended, there is no yes
        assert plainly(facts, rules, now) == ()
    else:
        assert ended == plainly(facts, rules, now)


@given(FACTS, RULES, LATER)
def test_until_the_first_end_nothing_is_wrong_with_a_yes_and_from_then_on_something(
    facts: Facts, rules: Freshness, now: datetime
) -> None:
    end = runs_out(facts, rules)
    gone = end is not None and end.is_past(now)
    expired = [one for one in deadlines_of_yes(facts, rules) if one.reason is Reason.BASIS_NOT_ACCEPTED]
    assert gone == (bool(plainly(facts, rules, now)) or any(one.is_past(now) for one in expired))


@given(FACTS, RULES, LATER)
def test_what_has_ended_is_what_the_deadlines_that_are_past_come_to(
    facts: Facts, rules: Freshness, now: datetime
) -> None:
    assert ended_by(facts, rules, now) == tuple(
        one.reason for one in deadlines_of_yes(facts, rules) if one.is_past(now)
    )


@given(FACTS, RULES)
def test_all_deadlines_stand_in_the_order_of_their_moments(facts: Facts, rules: Freshness) -> None:
    found = deadlines(facts, rules)
    assert [end.at for end in found] == sorted(end.at for end in found)
    assert len(found) == len(deadlines_of_yes(facts, rules)) + len(deadlines_of_request(facts, rules))
    for end in found:
        assert end.since <= end.at
        assert end.ask_from is None or end.since <= end.ask_from <= end.at


def test_signs_of_life() -> None:
    facts = Facts(yes=yes(100), renewed_at=days_ago(50), last_contact_at=days_ago(20))
    had = facts.yes
    assert had is not None
    assert newest_yes(facts, had) == days_ago(50)
    assert last_sign_of_life(facts, had) == days_ago(20)
    assert newest_yes(replace(facts, renewed_at=days_ago(150)), had) == days_ago(100)
