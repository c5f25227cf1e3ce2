from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.workers.rate import Rate

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_so_many_in_a_row_and_then_one_as_time_goes_by() -> None:
    rate = Rate[str](3, timedelta(minutes=3))
    assert [rate.allows("a", NOW) for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b", NOW)  # another one
    later = NOW + timedelta(seconds=61)
    assert [rate.allows("a", later) for _ in range(2)] == [True, False]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    rate = Rate[str](1)
    assert rate.allows("a", NOW)
    assert not rate.allows("a", NOW - timedelta(days=1))
    assert not rate.allows("a", NOW - timedelta(days=1) + timedelta(minutes=59))
    assert rate.allows("a", NOW + timedelta(hours=2))


def test_without_a_span_it_is_so_many_an_hour() -> None:
    rate = Rate[str](2)
    assert [rate.allows("a", NOW) for _ in range(3)] == [True, True, False]
    assert not rate.allows("a", NOW + timedelta(minutes=29))
    assert [rate.allows("a", NOW + timedelta(minutes=30)) for _ in range(2)] == [True, False]
    assert [rate.allows("a", NOW + timedelta(minutes=90)) for _ in range(3)] == [True, True, False]


def test_only_so_many_are_remembered() -> None:
    rate = Rate[int](1)
    for number in range(10_001):
        assert rate.allows(number, NOW)
    assert not rate.allows(1, NOW)
    assert rate.allows(0, NOW)


def test_who_asks_again_and_again_is_not_forgotten_for_those_who_asked_once() -> None:
    rate = Rate[int](1)
    for number in range(10_000):
        assert rate.allows(number, NOW)
    assert not rate.allows(0, NOW)
    assert rate.allows(10_000, NOW)
    assert not rate.allows(0, NOW)
    assert rate.allows(1, NOW)


def test_a_rate_allows_something() -> None:
    with pytest.raises(ValueError, match="something"):
        Rate[str](0)


@given(st.lists(st.integers(0, 600), max_size=200), st.integers(1, 20))
def test_within_any_time_there_are_never_more_than_the_burst_and_what_time_gives(gaps: list[int], most: int) -> None:
    rate = Rate[str](most, timedelta(hours=1))
    at = NOW
    allowed = 0
    for gap in gaps:
        at += timedelta(seconds=gap)
        allowed += rate.allows("a", at)
    assert allowed <= most + most * ((at - NOW) / timedelta(hours=1)) + 1e-6
