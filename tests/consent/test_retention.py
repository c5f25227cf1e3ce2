"""What may go when: evidence some time after the last mail, never while a consent holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.retention import Record, Retention, person_may_go, strictest, technical_may_go

NOW = datetime(2026, 3, 1, tzinfo=UTC)
THREE_YEARS = Retention(timedelta(days=1096), timedelta(days=365))


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def record(days: float, *, holds: bool = False, retention: Retention = THREE_YEARS) -> Record:
    return Record(retention, holds, days_ago(days))


def test_evidence_goes_three_years_after_the_last_mail() -> None:
    assert not person_may_go([record(1096)], NOW)
    assert person_may_go([record(1096.01)], NOW)


def test_evidence_of_a_consent_that_holds_never_goes() -> None:
    assert not person_may_go([record(9000, holds=True)], NOW)


def test_a_person_goes_as_a_whole_or_not_at_all() -> None:
    assert not person_may_go([record(5000), record(10)], NOW)
    assert not person_may_go([record(5000), record(5000, holds=True)], NOW)
    assert person_may_go([record(5000), record(2000)], NOW)


def test_of_somebody_of_whom_nothing_is_known_nothing_goes() -> None:
    assert not person_may_go([], NOW)


def test_evidence_without_a_limit_never_goes() -> None:
    assert not person_may_go([record(90_000, retention=Retention(None, None))], NOW)
    assert not technical_may_go(days_ago(90_000), Retention(None, None), NOW)


def test_technical_evidence_goes_a_year_after_its_recording() -> None:
    assert not technical_may_go(days_ago(365), THREE_YEARS, NOW)
    assert technical_may_go(days_ago(366), THREE_YEARS, NOW)


def test_a_clock_set_back_makes_nothing_due() -> None:
    assert not person_may_go([record(-5000)], NOW)


@pytest.mark.parametrize(
    ("several", "together"),
    [
        ([], Retention()),
        ([Retention(timedelta(30), timedelta(7)), Retention(timedelta(60), timedelta(9))], (60, 7)),
        ([Retention(timedelta(30), None), Retention(None, timedelta(9))], (None, 9)),
        ([Retention(timedelta(30), None)], (30, None)),
    ],
)
def test_what_belongs_to_several_streams_keeps_the_longest_evidence_and_the_shortest_technical(
    several: list[Retention], together: Retention | tuple[int | None, int | None]
) -> None:
    if isinstance(together, tuple):
        together = Retention(*(None if days is None else timedelta(days) for days in together))
    assert strictest(several) == together


PERIODS = st.none() | st.timedeltas(timedelta(1), timedelta(5000))


@given(st.lists(st.builds(Retention, PERIODS, PERIODS), min_size=1), st.timedeltas(timedelta(), timedelta(6000)))
def test_nothing_goes_of_all_streams_before_it_may_go_of_each(several: list[Retention], age: timedelta) -> None:
    one = person_may_go([Record(strictest(several), False, NOW - age)], NOW)
    assert one == person_may_go([Record(retention, False, NOW - age) for retention in several], NOW)


def test_without_a_word_evidence_stays_three_years_and_technical_evidence_one() -> None:
    assert Retention() == Retention(evidence=timedelta(days=3 * 365 + 1), technical=timedelta(days=365))
