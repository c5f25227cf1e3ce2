from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.undeliverable import (
    ADDRESS_FAILURES,
    AddressFailure,
    Attempt,
    Learnt,
    Nothing,
    Recent,
    Remember,
    Undeliverable,
    learn,
    recent_of,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKS = Recent(100, 5)
DAY = timedelta(hours=24)
INSTANT = timedelta(microseconds=1)


def failed(ago: timedelta) -> AddressFailure:
    return AddressFailure(NOW - ago, "5.1.1")


def test_the_first_failure_is_remembered() -> None:
    assert learn(None, NOW, "5.1.1", WORKS) == Remember(AddressFailure(NOW, "5.1.1"))


def test_two_failures_a_day_apart_make_an_address_undeliverable() -> None:
    assert learn(failed(DAY), NOW, "5.1.10", WORKS) == Undeliverable(failed(DAY), AddressFailure(NOW, "5.1.10"))


def test_two_failures_on_one_day_do_not_and_the_first_goes_on_counting() -> None:
    assert isinstance(learn(failed(DAY - INSTANT), NOW, "5.1.1", WORKS), Nothing)
    assert isinstance(learn(failed(-DAY), NOW, "5.1.1", WORKS), Nothing)  # the clock was set back


@pytest.mark.parametrize("code", sorted(ADDRESS_FAILURES))
def test_these_codes_say_that_the_address_is_wrong(code: str) -> None:
    assert isinstance(learn(failed(DAY), NOW, code, WORKS), Undeliverable)


@pytest.mark.parametrize("code", ["", "5.1.0", "5.1.8", "5.1.100", "5.2.1", "5.2.2", "5.7.1", "4.1.1", "2.1.5", "x"])
def test_no_other_code_does(code: str) -> None:
    assert isinstance(learn(None, NOW, code, WORKS), Nothing)
    assert isinstance(learn(failed(DAY), NOW, code, WORKS), Nothing)
    with pytest.raises(ValueError, match="nothing of the address"):
        AddressFailure(NOW, code)


@pytest.mark.parametrize("good", [timedelta(), timedelta(hours=1), DAY, 2 * DAY])
def test_a_delivery_or_a_new_yes_since_forgets_the_first_failure(good: timedelta) -> None:
    assert learn(failed(2 * DAY), NOW, "5.1.1", WORKS, NOW - good) == Remember(AddressFailure(NOW, "5.1.1"))


def test_a_delivery_before_the_first_failure_changes_nothing() -> None:
    assert isinstance(learn(failed(2 * DAY), NOW, "5.1.1", WORKS, NOW - 2 * DAY - INSTANT), Undeliverable)


@pytest.mark.parametrize(
    ("attempts", "failures", "learnt"),
    [(0, 0, True), (100, 5, True), (100, 6, False), (200, 10, True), (200, 11, False), (1, 1, False), (20, 1, True)],
)
def test_nothing_is_learnt_from_a_next_hop_that_fails_more_than_five_percent(
    attempts: int, failures: int, learnt: bool
) -> None:
    for previous in (None, failed(DAY)):
        found = learn(previous, NOW, "5.1.1", Recent(attempts, failures))
        assert isinstance(found, Nothing) is not learnt


def test_attempts_to_the_address_itself_old_ones_and_all_but_the_last_200_do_not_count() -> None:
    def attempt(ago: timedelta, *, fails: bool, address: str = "bob@example.com") -> Attempt:
        return Attempt(address, NOW - ago, fails)

    own = [attempt(timedelta(hours=1), fails=True, address="ann@example.com") for _ in range(50)]
    old = [attempt(DAY + INSTANT, fails=True)]
    assert recent_of([*own, *old], "ann@example.com", NOW) == Recent(0, 0)
    assert recent_of([attempt(DAY, fails=True)], "ann@example.com", NOW) == Recent(1, 1)
    many = [attempt(timedelta(minutes=minute), fails=minute > 200) for minute in range(1, 400)]
    assert recent_of(many, "ann@example.com", NOW) == Recent(200, 0)
    assert recent_of([*own, *reversed(many)], "bob@example.com", NOW) == Recent(50, 50)


def test_more_failures_than_attempts_cannot_be() -> None:
    with pytest.raises(ValueError, match="attempts"):
        Recent(1, 2)


FAILURE, DELIVERY, OTHER = "failure", "delivery", "other refusal"
STORIES = st.lists(st.tuples(st.integers(0, 30), st.sampled_from([FAILURE, DELIVERY, OTHER])), max_size=12)


@given(STORIES)
def test_an_address_is_learnt_only_when_two_failures_a_day_apart_have_no_delivery_between(
    story: list[tuple[int, str]],
) -> None:
    remembered: AddressFailure | None = None
    delivered: datetime | None = None
    learnt_at = None
    now = NOW
    seen: list[tuple[datetime, str]] = []
    for hours, what in story:
        now += timedelta(hours=hours, seconds=1)
        seen.append((now, what))
        if what == DELIVERY:
            delivered = now
            continue
        found: Learnt = learn(remembered, now, "5.1.1" if what == FAILURE else "5.7.1", WORKS, delivered)
        if isinstance(found, Remember):
            remembered = found.failure
        elif isinstance(found, Undeliverable):
            learnt_at = now
            break
    assert learnt_at == first_proof(seen)


def first_proof(seen: list[tuple[datetime, str]]) -> datetime | None:
    """Every pair, looked at one by one."""
    for place, (second, what) in enumerate(seen):
        for start, (first, before) in enumerate(seen[:place]):
            between = [one for _, one in seen[start:place]]
            if what == before == FAILURE and second - first >= DAY and DELIVERY not in between:
                return second
    return None
