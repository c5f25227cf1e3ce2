from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Freshness, Status, Yes
from relay.consent.freshness import ended_by
from relay.consent.status import is_asked, status_of
from relay.reason import Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = Freshness()


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def yes(days: float, *, live: bool = False) -> Yes:
    return Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, days_ago(days), "form", live)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (NOTHING_KNOWN, Status.NONE),
        (Facts(requested_at=days_ago(1)), Status.PENDING),
        (Facts(requested_at=days_ago(7)), Status.PENDING),
        (Facts(requested_at=days_ago(7.01)), Status.NONE),
        (Facts(yes=yes(3)), Status.CONFIRMED),
        (Facts(yes=yes(3), requested_at=days_ago(1)), Status.CONFIRMED),
        (Facts(yes=yes(365)), Status.CONFIRMED),
        (Facts(yes=yes(365.01)), Status.STALE),
        (Facts(yes=yes(400), last_contact_at=days_ago(300)), Status.CONFIRMED),
        (Facts(yes=yes(400), last_contact_at=days_ago(390)), Status.STALE),
        (Facts(yes=yes(800), last_contact_at=days_ago(1)), Status.STALE),
        (Facts(yes=yes(800), renewed_at=days_ago(10), last_contact_at=days_ago(1)), Status.CONFIRMED),
        (Facts(undeliverable_at=days_ago(1), yes=yes(3)), Status.UNDELIVERABLE),
        (Facts(withdrawn_at=days_ago(1), undeliverable_at=days_ago(1)), Status.WITHDRAWN),
        (Facts(withdrawn_at=days_ago(1), complained_at=days_ago(2)), Status.COMPLAINED),
    ],
)
def test_status_follows_from_the_facts(facts: Facts, expected: Status) -> None:
    assert status_of(facts, SEED, NOW) is expected


def test_a_question_stays_open_for_a_week_from_the_mail_that_asks() -> None:
    assert status_of(Facts(requested_at=days_ago(9), mail_sent_at=days_ago(6)), SEED, NOW) is Status.PENDING
    assert status_of(Facts(requested_at=days_ago(9), mail_sent_at=days_ago(7.01)), SEED, NOW) is Status.NONE
    assert is_asked(Facts(requested_at=days_ago(9), mail_sent_at=days_ago(6)), SEED, NOW)
    assert not is_asked(NOTHING_KNOWN, SEED, NOW)


@pytest.mark.parametrize(("basis", "days"), [(Basis.CUSTOMER, 730), (Basis.INQUIRY, 182)])
def test_implied_consent_is_none_once_its_time_is_over(basis: Basis, days: int) -> None:
    casl = Freshness(stale_after=None, customer_within=timedelta(days=730), inquiry_within=timedelta(days=182))
    implied = Facts(yes=replace(yes(days), basis=basis))
    assert status_of(implied, casl, NOW) is Status.CONFIRMED
    late = NOW + timedelta(microseconds=1)
    assert status_of(implied, casl, late) is Status.NONE
    assert Reason.BASIS_NOT_ACCEPTED in ended_by(implied, casl, late)
    assert status_of(replace(implied, requested_at=NOW), casl, late) is Status.PENDING


def test_reasons_stand_in_their_order_of_precedence() -> None:
    reasons = ended_by(Facts(yes=yes(900, live=True)), SEED, NOW)
    assert reasons == (Reason.STALE, Reason.RENEWAL_DUE, Reason.FIRST_MAIL_LATE)


def test_a_live_yes_without_mail_for_a_week_is_late_and_an_imported_one_is_not() -> None:
    assert ended_by(Facts(yes=yes(8, live=True)), SEED, NOW) == (Reason.FIRST_MAIL_LATE,)
    assert ended_by(Facts(yes=yes(8)), SEED, NOW) == ()


def test_a_first_mail_in_time_is_enough() -> None:
    facts = Facts(yes=yes(100, live=True), last_contact_at=days_ago(95))
    assert ended_by(facts, SEED, NOW) == ()


def test_mail_from_before_the_yes_is_no_first_mail() -> None:
    facts = Facts(yes=yes(10, live=True), last_contact_at=days_ago(30))
    assert ended_by(facts, SEED, NOW) == (Reason.FIRST_MAIL_LATE,)


def test_a_renewal_opens_a_new_week_for_the_first_mail() -> None:
    facts = Facts(yes=yes(100, live=True), renewed_at=days_ago(2))
    assert ended_by(facts, SEED, NOW) == ()


def test_a_rule_without_a_limit_is_off() -> None:
    lenient = Freshness(confirm_within=None, first_mail_within=None, stale_after=None, renew_every=None)
    assert status_of(Facts(yes=yes(5000, live=True)), lenient, NOW) is Status.CONFIRMED
    assert status_of(Facts(requested_at=days_ago(5000)), lenient, NOW) is Status.PENDING


def test_a_clock_that_jumped_back_makes_nothing_stale() -> None:
    assert status_of(Facts(yes=yes(-400, live=True)), SEED, NOW) is Status.CONFIRMED
