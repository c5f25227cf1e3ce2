from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from relay.address import Address
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.policy.asking import (
    earliest_question,
    is_ending,
    may_be_asked,
    may_be_asked_now,
    objection_to_asking,
)
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.migration import migration_until
from relay.policy.model import ConsentRules, Kind, Mode, Stream
from relay.reason import Reason

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TARO = Address("taro", "example.com")
NEWSLETTER = {one.id: one for one in load_policies(Path(__file__).parents[2] / "policies").streams}["newsletter"]


def ago(**time: int) -> datetime:
    return NOW - timedelta(**time)


def yes(at: datetime, basis: Basis = Basis.DOUBLE_OPT_IN, *, live: bool = False) -> Yes:
    return Yes(basis, Act.CLICKED, at, "test", live)


def asked_now(facts: Facts, stream: Stream = NEWSLETTER) -> bool:
    return may_be_asked_now(stream, facts, TARO, NOW)


STALE = Facts(yes=yes(ago(days=400)))
RENEWAL_DUE = Facts(yes=yes(ago(days=800)), last_contact_at=ago(days=1))
LATE = Facts(yes=yes(ago(days=20), live=True))


@pytest.mark.parametrize("facts", [STALE, RENEWAL_DUE, LATE])
def test_who_said_yes_once_may_be_asked_again_when_it_holds_no_more(facts: Facts) -> None:
    assert asked_now(facts)


@pytest.mark.parametrize("no", ["withdrawn_at", "complained_at", "undeliverable_at"])
@pytest.mark.parametrize("facts", [STALE, RENEWAL_DUE, LATE])
def test_who_has_said_no_or_is_gone_is_never_asked(facts: Facts, no: str) -> None:
    told = replace(facts, **{no: ago(days=900)})
    assert not asked_now(told)
    # Whatever reasons a caller thinks of.
    assert not may_be_asked(NEWSLETTER, told, (Reason.STALE,), NOW)


def test_who_never_said_yes_is_never_asked() -> None:
    for facts in (NOTHING_KNOWN, Facts(requested_at=ago(days=1)), Facts(yes=yes(ago(days=1), Basis.ASSUMED))):
        assert not asked_now(facts)
        assert not may_be_asked(NEWSLETTER, facts, (Reason.STALE,), NOW)


def test_a_fresh_yes_is_not_asked_about() -> None:
    assert not asked_now(Facts(yes=yes(ago(days=100))))


def test_nobody_is_asked_a_third_time() -> None:
    assert asked_now(replace(STALE, asked=1, asked_at=ago(days=31)))
    assert not asked_now(replace(STALE, asked=2, asked_at=ago(days=1)))


@pytest.mark.parametrize(
    "silent",
    [
        replace(NEWSLETTER, hold=replace(NEWSLETTER.hold, ask_again=False)),
        replace(NEWSLETTER, mode=Mode.SHADOW),
        replace(NEWSLETTER, kind=Kind.TRANSACTIONAL),
    ],
)
def test_a_stream_that_asks_nobody_asks_nobody(silent: Stream) -> None:
    assert not may_be_asked(silent, STALE, (Reason.STALE,), NOW)


def test_with_regular_contact_the_question_comes_thirty_days_before_the_end() -> None:
    for days, expected in ((699, False), (700, True), (729, True)):
        facts = Facts(yes=yes(ago(days=days)), last_contact_at=ago(days=1))
        assert evaluate(NEWSLETTER, facts, TARO, NOW).reasons == (Reason.CONFIRMED,)
        assert asked_now(facts) is expected


def test_of_what_is_ending_only_those_are_asked_who_get_the_mail_still() -> None:
    facts = Facts(yes=yes(ago(days=720)), last_contact_at=ago(days=1))
    assert may_be_asked(NEWSLETTER, facts, (Reason.CONFIRMED,), NOW)
    assert not may_be_asked(NEWSLETTER, facts, (Reason.STREAM_PAUSED,), NOW)


def test_implied_consent_is_asked_about_before_its_end_and_never_after() -> None:
    # CASL: two years from the purchase; a request for consent after it would be unsolicited itself.
    implied = replace(NEWSLETTER, consent=ConsentRules(frozenset({Basis.CUSTOMER}), NEWSLETTER.consent.freshness))
    for days, expected in ((600, False), (705, True), (731, False), (3000, False)):
        facts = Facts(
            yes=Yes(Basis.CUSTOMER, Act.UNKNOWN, ago(days=days), "shop", live=False), last_contact_at=ago(days=1)
        )
        assert asked_now(facts, implied) is expected


def test_people_of_an_old_list_are_asked_from_the_first_day_of_a_migration() -> None:
    old = Facts(yes=Yes(Basis.ASSUMED, Act.UNKNOWN, ago(days=100), "list", live=False))
    migration = migration_until([Basis.ASSUMED], date(2026, 7, 1), "UTC")
    assert asked_now(old, replace(NEWSLETTER, migration=migration))
    over = migration_until([Basis.ASSUMED], date(2026, 5, 1), "UTC")
    assert not asked_now(old, replace(NEWSLETTER, migration=over))


def test_what_has_ended_is_not_ending() -> None:
    assert not is_ending(NEWSLETTER, STALE, NOW)
    assert not is_ending(NEWSLETTER, NOTHING_KNOWN, NOW)


def test_what_speaks_against_a_question_at_the_last_moment_is_for_now_and_names_why() -> None:
    assert objection_to_asking(NEWSLETTER, TARO, STALE, NOW) is None
    for facts, word in (
        (replace(STALE, withdrawn_at=NOW), "withdrawn"),
        (replace(STALE, complained_at=NOW), "complained"),
        (Facts(yes=yes(NOW)), "confirmed"),
    ):
        reply = objection_to_asking(NEWSLETTER, TARO, facts, NOW)
        assert reply is not None
        assert reply.code == 451
        assert reply.text.startswith(word)
    told = objection_to_asking(NEWSLETTER, TARO, replace(STALE, withdrawn_at=NOW), NOW)
    assert told is not None
    assert 'this person has stopped "newsletter"' in told.text


def test_the_earliest_question_is_the_shortest_rule_that_can_end_a_yes_with_mail() -> None:
    assert earliest_question(NEWSLETTER, NOW) == ago(days=700)
    for_customers = replace(NEWSLETTER, consent=ConsentRules(frozenset({Basis.INQUIRY}), NEWSLETTER.consent.freshness))
    assert earliest_question(for_customers, NOW) == ago(days=150)
    never = replace(NEWSLETTER.consent.freshness, renew_every=None)
    assert earliest_question(replace(NEWSLETTER, consent=ConsentRules(frozenset(), never)), NOW) is None
    migration = migration_until([Basis.ASSUMED], date(2026, 7, 1), "UTC")
    assert earliest_question(replace(NEWSLETTER, migration=migration), NOW) == NOW
    over = migration_until([Basis.ASSUMED], date(2026, 5, 1), "UTC")
    assert earliest_question(replace(NEWSLETTER, migration=over), NOW) == ago(days=700)


@pytest.mark.parametrize(
    ("accepted", "limits", "expected"),
    [
        ({Basis.CUSTOMER}, {"renew_every": None, "customer_within": 300, "inquiry_within": 100}, 270),
        ({Basis.INQUIRY}, {"renew_every": None, "customer_within": 300, "inquiry_within": 100}, 70),
        ({Basis.CUSTOMER, Basis.INQUIRY}, {"renew_every": 50, "customer_within": 300, "inquiry_within": 100}, 20),
        # A yes that lasts no longer than the time before its end is asked about from its first day.
        ({Basis.CUSTOMER}, {"renew_every": 20}, 0),
        ({Basis.CUSTOMER}, {"ask_before": None}, None),
    ],
)
def test_only_of_what_a_stream_accepts_the_end_is_asked_about(
    accepted: set[Basis], limits: dict[str, int | None], expected: int | None
) -> None:
    times = {key: None if days is None else timedelta(days=days) for key, days in limits.items()}
    freshness = replace(NEWSLETTER.consent.freshness, **times)  # type: ignore[arg-type]
    stream = replace(NEWSLETTER, consent=ConsentRules(frozenset(accepted), freshness))
    assert earliest_question(stream, NOW) == (None if expected is None else ago(days=expected))
