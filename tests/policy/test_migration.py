from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Status, Yes
from relay.policy.decide import objection
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.expectations import failures
from relay.policy.migration import LONGEST_DAYS, Migration, latest_end, migration_until, noon_of
from relay.policy.model import Policies, Stream
from relay.reason import Reason, Verdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TARO = Address("taro", "example.com")
Load = Callable[..., Policies]

ASSUMED = Yes(Basis.ASSUMED, Act.UNKNOWN, NOW - 100 * DAY, "a list", live=False)
MOMENTS = st.integers(0, 1500).map(lambda age: NOW - age * DAY)
KNOWN = Facts(yes=ASSUMED)
OLD_LIST = migration_until({Basis.ASSUMED, Basis.CUSTOMER}, date(2026, 6, 30), "UTC")


@pytest.fixture
def moving(newsletter: Stream) -> Stream:
    return replace(newsletter, migration=OLD_LIST)


def judged(stream: Stream, facts: Facts, now: datetime = NOW) -> Evaluation:
    return evaluate(stream, facts, TARO, now)


def test_an_old_list_gets_mail_until_the_end_of_its_last_day_and_not_a_moment_longer(moving: Stream) -> None:
    last = datetime(2026, 7, 1, tzinfo=UTC) - timedelta(microseconds=1)

    found = judged(moving, KNOWN, last)
    assert (found.verdict, found.reasons, found.status) == (Verdict.DELIVER, (Reason.MIGRATION,), Status.CONFIRMED)
    assert found.by_migration
    over = judged(moving, KNOWN, last + timedelta(microseconds=1))
    assert (over.verdict, over.reasons, over.status) == (Verdict.REJECT, (Reason.BASIS_NOT_ACCEPTED,), Status.NONE)
    assert not over.by_migration


def test_the_last_day_is_that_of_the_readers() -> None:
    tokyo = migration_until([Basis.ASSUMED], date(2026, 6, 30), "Asia/Tokyo")

    assert tokyo.ends_at == datetime(2026, 6, 30, 15, tzinfo=UTC)
    assert latest_end(datetime(2026, 6, 1, 15, tzinfo=UTC), "Asia/Tokyo") == date(2026, 6, 2) + LONGEST_DAYS * DAY
    assert noon_of(date(2026, 6, 30), "Asia/Tokyo") == datetime(2026, 6, 30, 3, tzinfo=UTC)


def test_the_end_is_looked_at_again_just_before_the_mail_leaves(moving: Stream) -> None:
    assert objection(moving, TARO, KNOWN, NOW) is None
    refused = objection(moving, TARO, KNOWN, OLD_LIST.ends_at)
    assert refused is not None
    assert "basis-not-accepted" in refused.text


@pytest.mark.parametrize(
    ("no", "reason"),
    [
        ({"withdrawn_at": NOW - DAY}, Reason.WITHDRAWN),
        ({"complained_at": NOW - DAY}, Reason.COMPLAINED),
        ({"undeliverable_at": NOW - DAY}, Reason.UNDELIVERABLE),
    ],
)
def test_it_never_beats_a_no_nor_a_dead_mailbox(moving: Stream, no: dict[str, Any], reason: Reason) -> None:
    found = judged(moving, replace(KNOWN, **no))

    assert found.reasons == (reason,)
    assert found.verdict is Verdict.REJECT


def test_it_says_nothing_of_who_has_said_nothing(moving: Stream) -> None:
    assert judged(moving, Facts()).reasons == (Reason.NO_CONSENT,)


def test_only_what_was_imported_counts_by_it(moving: Stream) -> None:
    live = replace(KNOWN, yes=replace(ASSUMED, live=True))

    assert judged(moving, live).reasons == (Reason.BASIS_NOT_ACCEPTED,)


def test_what_was_said_from_the_named_day_on_does_not_count_by_it(newsletter: Stream) -> None:
    early = migration_until([Basis.ASSUMED], date(2026, 6, 30), "UTC", said_before=date(2026, 5, 1))
    stream = replace(newsletter, migration=early)
    first_of_may = datetime(2026, 5, 1, tzinfo=UTC)

    for at, reason in (
        (first_of_may - timedelta(microseconds=1), Reason.MIGRATION),
        (first_of_may, Reason.BASIS_NOT_ACCEPTED),
    ):
        assert judged(stream, Facts(yes=replace(ASSUMED, at=at))).reasons == (reason,)


def test_people_without_a_mail_for_a_year_are_held_from_the_first_day(moving: Stream) -> None:
    sleeping = Facts(yes=replace(ASSUMED, at=NOW - 400 * DAY))

    found = judged(moving, sleeping)
    assert found.reasons == (Reason.STALE,)
    assert found.verdict is Verdict.HOLD
    assert judged(moving, replace(sleeping, last_contact_at=NOW - 30 * DAY)).reasons == (Reason.MIGRATION,)


def test_an_old_yes_that_counts_by_it_need_not_be_renewed_first_for_asking_is_what_the_time_is_for(
    moving: Stream,
) -> None:
    ancient = replace(ASSUMED, at=NOW - 4000 * DAY)
    mailed = NOW - 30 * DAY

    assert judged(moving, Facts(yes=ancient, last_contact_at=mailed)).reasons == (Reason.MIGRATION,)
    real = replace(ancient, basis=Basis.WRITTEN, act=Act.SIGNED)
    assert judged(moving, Facts(yes=real, last_contact_at=mailed)).reasons == (Reason.RENEWAL_DUE,)


def test_implied_consent_that_is_over_stays_over(moving: Stream) -> None:
    bought = Facts(yes=replace(ASSUMED, basis=Basis.CUSTOMER, at=NOW - 731 * DAY), last_contact_at=NOW - DAY)

    assert judged(moving, bought).reasons == (Reason.BASIS_NOT_ACCEPTED,)


def test_who_has_said_a_real_yes_counts_by_it_not_by_the_migration(moving: Stream) -> None:
    real = Facts(yes=replace(ASSUMED, basis=Basis.DOUBLE_OPT_IN, act=Act.CLICKED))

    too_wide = replace(moving, migration=migration_until(Basis, date(2026, 6, 30), "UTC"))
    for stream in (moving, too_wide):
        found = judged(stream, real)
        assert found.reasons == (Reason.CONFIRMED,)
        assert not found.by_migration
    old = replace(real, yes=replace(ASSUMED, basis=Basis.WRITTEN, act=Act.SIGNED, at=NOW - 800 * DAY))
    assert judged(too_wide, replace(old, last_contact_at=NOW)).reasons == (Reason.RENEWAL_DUE,)


@given(
    st.builds(Yes, st.sampled_from(Basis), st.just(Act.UNKNOWN), MOMENTS, st.just(""), live=st.booleans()),
    st.none() | MOMENTS,
    st.none() | MOMENTS,
    st.integers(-200, 200),
)
def test_a_migration_only_adds_yeses_and_never_lifts_anything_but_a_basis(
    newsletter: Stream, yes: Yes, contact: datetime | None, no: datetime | None, later: int
) -> None:
    facts = Facts(yes=yes, last_contact_at=contact, withdrawn_at=no)
    now = NOW + later * DAY
    without = judged(newsletter, facts, now)
    found = judged(replace(newsletter, migration=OLD_LIST), facts, now)

    if not found.by_migration:
        assert found == without
    else:
        assert now < OLD_LIST.ends_at
        assert yes.basis in OLD_LIST.accept
        assert without.verdict is not Verdict.DELIVER
        assert no is None or found.reasons[0] is Reason.WITHDRAWN


def test_an_expectation_about_it_names_its_day_and_holds_after_the_end(load: Load, newsletter_text: str) -> None:
    text = newsletter_text + (
        '[migration]\naccept = ["assumed"]\nuntil = 2026-08-30\n'
        '[[expect]]\ngiven = { basis = "assumed", granted = "100d ago" }\n'
        'on = 2026-08-30\nverdict = "deliver"\nreason = "migration"\n'
        '[[expect]]\ngiven = { basis = "assumed", granted = "100d ago" }\n'
        'on = 2026-08-31\nverdict = "reject"\nreason = "basis-not-accepted"\n'
    )
    (stream,) = load(newsletter=text).streams

    assert failures(stream, NOW) == failures(stream, NOW + 1000 * DAY) == ()
    (failure,) = failures(replace(stream, migration=None), NOW)
    assert failure.got == "reject basis-not-accepted"


def test_a_policy_whose_migration_is_over_still_loads(load: Load, newsletter_text: str) -> None:
    (stream,) = load(newsletter=newsletter_text + '[migration]\naccept = ["assumed"]\nuntil = 2020-01-31\n').streams

    assert stream.migration is not None
    assert stream.migration.is_over(NOW)
    assert judged(stream, KNOWN).reasons == (Reason.BASIS_NOT_ACCEPTED,)


@pytest.mark.parametrize(
    ("migration", "now", "words"),
    [
        (OLD_LIST, NOW, "customer, assumed count until 2026-06-30 (29 days left)"),
        (OLD_LIST, OLD_LIST.ends_at - timedelta(hours=30), "customer, assumed count until 2026-06-30 (1 day left)"),
        (OLD_LIST, OLD_LIST.ends_at - timedelta(hours=1), "customer, assumed count until 2026-06-30 (ends today)"),
        (OLD_LIST, OLD_LIST.ends_at, "customer, assumed: over since 2026-06-30, count no more"),
        (
            migration_until([Basis.ASSUMED], date(2026, 6, 30), "UTC", date(2026, 5, 1)),
            NOW,
            "assumed counts until 2026-06-30 (29 days left), said before 2026-05-01",
        ),
    ],
)
def test_it_says_in_words_what_it_does(migration: Migration, now: datetime, words: str) -> None:
    assert migration.in_words(now) == words
