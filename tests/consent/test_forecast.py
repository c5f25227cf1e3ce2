from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.address import Address
from relay.cli.consent_forecast import rules_of
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Freshness, Yes
from relay.consent.forecast import ENDS, Forecast, Rules, stretches
from relay.consent.freshness import Rule
from relay.consent.status import is_asked
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.migration import migration_until
from relay.policy.model import ConsentRules, Stream
from relay.reason import Reason, Verdict

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TARO = Address("taro", "example.com")
NEWSLETTER = load_policies(Path(__file__).parents[2] / "policies").by_id["newsletter"]
DAYS = 20


def yes(at: datetime, basis: Basis = Basis.DOUBLE_OPT_IN, *, live: bool = False) -> Yes:
    return Yes(basis, Act.CLICKED, at, "", live=live)


def forecast(stream: Stream, *people: Facts, days: int = DAYS) -> Forecast:
    found = Forecast(rules_of(stream), NOW, days)
    for facts in people:
        found.add(facts)
    return found


def with_rules(accept: set[Basis], **freshness: timedelta | None) -> Stream:
    return replace(NEWSLETTER, consent=ConsentRules(frozenset(accept), Freshness(**freshness)))


moments = st.one_of(
    st.integers(-40, 0).map(lambda days: NOW + days * DAY),
    # midnights, and a hair beside them: where days end
    st.tuples(st.integers(-40, 0), st.integers(-1, 1)).map(
        lambda pair: datetime(2026, 6, 1, tzinfo=UTC) + pair[0] * DAY + pair[1] * timedelta(microseconds=1)
    ),
    st.timedeltas(timedelta(), 40 * DAY).map(lambda age: NOW - age),
)
limits = st.none() | st.integers(1, 60).map(lambda days: days * DAY) | st.timedeltas(timedelta(hours=1), 60 * DAY)
streams = st.builds(
    replace,
    st.just(NEWSLETTER),
    consent=st.builds(
        ConsentRules,
        accept=st.frozensets(st.sampled_from(Basis), min_size=1),
        freshness=st.builds(Freshness, *[limits] * 8),
    ),
    migration=st.none()
    | st.builds(
        migration_until,
        st.frozensets(st.sampled_from(Basis), min_size=1),
        st.integers(-3, 30).map(lambda days: NOW.date() + days * DAY),
        st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
        st.none() | st.integers(-40, 0).map(lambda days: NOW.date() + days * DAY),
    ),
)
a_no = st.none() | st.none() | st.none() | moments
people = st.builds(
    Facts,
    requested_at=st.none() | moments,
    mail_sent_at=st.none() | moments,
    request_live=st.booleans(),
    yes=st.none() | st.builds(Yes, st.sampled_from(Basis), st.just(Act.CLICKED), moments, st.just(""), st.booleans()),
    renewed_at=st.none() | moments,
    withdrawn_at=a_no,
    complained_at=a_no,
    undeliverable_at=a_no,
    last_contact_at=st.none() | moments,
    asked_at=st.none() | moments,
    asked=st.integers(0, 3),
)


def passes(stream: Stream, facts: Facts, now: datetime) -> bool:
    return evaluate(stream, facts, TARO, now).verdict is Verdict.DELIVER


def waits(stream: Stream, facts: Facts, now: datetime) -> bool:
    return is_asked(facts, stream.consent.freshness, now)


def sane(facts: Facts) -> Facts:
    """What the ledger can say: a renewal or a mail of a request belongs to what it is of."""
    if facts.yes is None or (facts.renewed_at is not None and facts.renewed_at <= facts.yes.at):
        facts = replace(facts, renewed_at=None)
    if facts.requested_at is None:
        facts = replace(facts, mail_sent_at=None, request_live=False)
    if facts.asked_at is None or not facts.asked:
        facts = replace(facts, asked=0, asked_at=None)
    return facts


@settings(max_examples=300, deadline=None)
@given(streams, st.lists(people.map(sane), max_size=6))
def test_the_forecast_is_what_judging_every_person_on_every_day_comes_to(stream: Stream, crowd: list[Facts]) -> None:
    found = forecast(stream, *crowd)
    midnight = datetime.combine(NOW.date(), time(), UTC)
    mornings = [NOW, *(midnight + number * DAY for number in range(1, DAYS + 1))]

    ended, unanswered = [0] * DAYS, [0] * DAYS
    standing = [facts for facts in crowd if not (facts.withdrawn_at or facts.complained_at or facts.undeliverable_at)]
    awaited = [facts for facts in standing if not passes(stream, facts, NOW) and waits(stream, facts, NOW)]
    for facts in crowd:
        gets = [passes(stream, facts, morning) for morning in mornings]
        for number in range(DAYS):
            ended[number] += gets[number] and not gets[number + 1]
    for facts in awaited:  # who gets mail is counted with the yes, not with the question
        open_on = [waits(stream, facts, morning) for morning in mornings]
        for number in range(DAYS):
            unanswered[number] += open_on[number] and not open_on[number + 1]

    ends = [sum(found.ends[rule][day] for rule in ENDS) for day in range(DAYS)]
    assert ends == [of_a_yes + of_a_wish for of_a_yes, of_a_wish in zip(ended, unanswered, strict=True)]
    if not any(facts.asked for facts in crowd):
        assert found.ends[Rule.CONFIRM_WITHIN] == unanswered
    assert found.counting == sum(passes(stream, facts, NOW) for facts in crowd)
    assert found.awaited == len(awaited)
    assert found.barred == len(crowd) - len(standing)


@settings(max_examples=300, deadline=None)
@given(streams, people.map(sane))
def test_the_rule_that_is_named_is_the_reason_of_the_first_mail_after_the_end(stream: Stream, facts: Facts) -> None:
    found = forecast(stream, facts, days=400)
    if not found.counting:
        return
    ending = [(rule, day) for rule, days in found.ends.items() for day, count in enumerate(days) if count]
    assert len(ending) <= 1
    far = NOW + 400 * DAY
    if not ending:
        assert passes(stream, facts, datetime.combine(far.date(), time(), UTC))
        return
    ((rule, day),) = ending
    low, high = NOW, datetime.combine(NOW.date(), time(), UTC) + (day + 1) * DAY
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) // 2
        low, high = (middle, high) if passes(stream, facts, middle) else (low, middle)
    reasons = evaluate(stream, facts, TARO, high).reasons
    expected = {
        Rule.STALE_AFTER: Reason.STALE,
        Rule.RENEW_EVERY: Reason.RENEWAL_DUE,
        Rule.FIRST_MAIL_WITHIN: Reason.FIRST_MAIL_LATE,
    }.get(rule, Reason.BASIS_NOT_ACCEPTED)
    assert reasons[0] in ((expected, Reason.UNCONFIRMED) if expected is Reason.BASIS_NOT_ACCEPTED else (expected,))


#: facts, the rule that ends it, and on which day (today is 0)
CASES = [
    (Facts(yes=yes(NOW - 360 * DAY)), Rule.STALE_AFTER, 5),
    (Facts(yes=yes(NOW - 725 * DAY), last_contact_at=NOW - DAY), Rule.RENEW_EVERY, 5),
    (Facts(yes=yes(NOW - 2 * DAY, live=True)), Rule.FIRST_MAIL_WITHIN, 5),
    (Facts(yes=yes(NOW - 725 * DAY, Basis.CUSTOMER), last_contact_at=NOW), Rule.CUSTOMER_WITHIN, 5),
    (Facts(yes=yes(NOW - 175 * DAY, Basis.INQUIRY)), Rule.INQUIRY_WITHIN, 5),
    (Facts(yes=yes(NOW - 50 * DAY, Basis.ASSUMED)), Rule.MIGRATION_UNTIL, 9),
    (Facts(requested_at=NOW - 2 * DAY, mail_sent_at=NOW - 2 * DAY), Rule.CONFIRM_WITHIN, 5),
]
ALL_RULES = replace(
    with_rules(
        {Basis.DOUBLE_OPT_IN, Basis.CUSTOMER, Basis.INQUIRY}, customer_within=730 * DAY, inquiry_within=180 * DAY
    ),
    migration=migration_until([Basis.ASSUMED], date(2026, 6, 10), "UTC"),
)


@pytest.mark.parametrize(("facts", "rule", "day"), CASES, ids=[case[1].value for case in CASES])
def test_each_rule_ends_somebody_on_its_day(facts: Facts, rule: Rule, day: int) -> None:
    found = forecast(ALL_RULES, facts)

    assert {one: days.index(1) for one, days in found.ends.items() if sum(days)} == {rule: day}


def test_every_rule_that_can_end_something_has_a_case() -> None:
    assert {case[1] for case in CASES} == set(ENDS) == set(Rule) - {Rule.CONFIRMATION_SENT_WITHIN}


def test_what_ends_after_the_last_day_is_not_in_the_forecast() -> None:
    found = forecast(ALL_RULES, Facts(yes=yes(NOW - 360 * DAY)), days=5)

    assert found.counting == 1
    assert sum(found.total(rule) for rule in ENDS) == 0


def test_the_last_moment_of_the_last_day_is_in_the_forecast_and_the_next_is_not() -> None:
    midnight = datetime(2026, 6, 6, tzinfo=UTC) - 365 * DAY

    for at, count in ((midnight - timedelta(microseconds=1), 1), (midnight, 0)):
        assert forecast(ALL_RULES, Facts(yes=yes(at)), days=5).total(Rule.STALE_AFTER) == count


@pytest.mark.parametrize("no", ["withdrawn_at", "complained_at", "undeliverable_at"])
def test_people_under_a_standing_no_are_not_counted(no: str) -> None:
    facts = replace(Facts(yes=yes(NOW - 360 * DAY), requested_at=NOW - DAY, request_live=True), **{no: NOW})  # type: ignore[arg-type]
    found = forecast(ALL_RULES, facts)

    assert found.barred == 1
    assert found.counting == found.awaited == found.late == sum(found.total(rule) for rule in ENDS) == 0


def test_who_was_asked_and_got_no_mail_in_time_is_late() -> None:
    asked = Facts(requested_at=NOW - timedelta(hours=25), request_live=True)

    assert forecast(ALL_RULES, asked).late == 1
    assert forecast(ALL_RULES, replace(asked, requested_at=NOW - timedelta(hours=24))).late == 0
    assert forecast(ALL_RULES, replace(asked, mail_sent_at=NOW - timedelta(hours=1))).late == 0


def test_people_are_to_be_asked_from_a_month_before_the_end_unless_they_have_been() -> None:
    ending = Facts(yes=yes(NOW - 700 * DAY), last_contact_at=NOW)

    assert forecast(ALL_RULES, ending).ask_now == {Rule.RENEW_EVERY: 1}
    assert forecast(ALL_RULES, replace(ending, requested_at=NOW - DAY, mail_sent_at=NOW - DAY)).ask_now == {}
    assert forecast(ALL_RULES, Facts(yes=yes(NOW - 699 * DAY), last_contact_at=NOW)).ask_now == {}
    over = Facts(yes=yes(NOW - 731 * DAY), last_contact_at=NOW)
    assert forecast(ALL_RULES, over).ask_now == {}
    assert forecast(ALL_RULES, over).over == {Rule.RENEW_EVERY: 1}


def test_everybody_of_an_old_list_is_to_be_asked_at_once() -> None:
    old_list = Facts(yes=yes(NOW - 50 * DAY, Basis.ASSUMED))

    assert forecast(ALL_RULES, old_list).ask_now == {Rule.MIGRATION_UNTIL: 1}
    after = replace(ALL_RULES, migration=migration_until([Basis.ASSUMED], date(2026, 5, 31), "UTC"))
    assert forecast(after, old_list).over == {Rule.MIGRATION_UNTIL: 1}
    assert forecast(replace(ALL_RULES, migration=None), old_list).not_accepted == 1


def test_where_an_old_list_ends_and_goes_stale_at_one_moment_the_refusal_is_named() -> None:
    last = datetime(2026, 6, 11, tzinfo=UTC) - timedelta(microseconds=1)
    found = forecast(ALL_RULES, Facts(yes=yes(last - 365 * DAY, Basis.ASSUMED)))

    assert {rule: sum(days) for rule, days in found.ends.items() if sum(days)} == {Rule.MIGRATION_UNTIL: 1}


def test_stretches_hold_every_day_once_and_the_last_may_be_short() -> None:
    found = forecast(ALL_RULES, *(case[0] for case in CASES), days=17)
    weeks = stretches(found, 7)

    assert [(one.first, one.last) for one in weeks] == [
        (date(2026, 6, 1), date(2026, 6, 7)),
        (date(2026, 6, 8), date(2026, 6, 14)),
        (date(2026, 6, 15), date(2026, 6, 17)),
    ]
    assert [one.total for one in weeks] == [6, 1, 0]
    assert sum(one.total for one in stretches(found, 1)) == 7


def test_rules_that_end_nothing_forecast_nothing() -> None:
    nothing = Rules(frozenset(Basis), Freshness(*[None] * 8))
    found = Forecast(nothing, NOW, 400)
    found.add(Facts(yes=yes(NOW - 9999 * DAY)))
    found.add(Facts(requested_at=NOW - 9999 * DAY, request_live=True))

    assert (found.counting, found.awaited, found.late) == (1, 1, 0)
    assert sum(found.total(rule) for rule in ENDS) == 0
