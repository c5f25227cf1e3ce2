from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import AskingSettings
from relay.policy.waves import AT_LEAST, JUDGED_ON, Tally, first_wave, next_wave, resumed, room, stopped, why_stop

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULES = AskingSettings()
FIRST = first_wave("brand", RULES)


def test_the_first_wave_is_small_and_never_larger_than_the_rate() -> None:
    assert (FIRST.number, FIRST.size, FIRST.since) == (1, 100, 0)
    assert first_wave("brand", AskingSettings(rate=40)).size == 40
    assert (room(FIRST, Tally()), room(FIRST, Tally(asked=99)), room(FIRST, Tally(asked=100))) == (100, 1, 0)
    # Two processes may have filled it at once.
    assert room(FIRST, Tally(asked=103)) == 0


def used(**more: object) -> Tally:
    return replace(Tally(asked=100, last_at=NOW - RULES.pause, judged=100), **more)  # type: ignore[arg-type]


def test_the_next_wave_is_twice_as_large_up_to_the_rate() -> None:
    wave, sizes = FIRST, []
    while len(sizes) < 9:
        following = next_wave(wave, Tally(asked=wave.size, last_at=NOW - RULES.pause), RULES, NOW)
        assert following is not None
        assert following.number == wave.number + 1
        wave = following
        sizes.append(wave.size)
    assert sizes == [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]


@pytest.mark.parametrize(
    "tally",
    [
        used(asked=99),
        used(last_at=NOW - RULES.pause + timedelta(seconds=1)),
        used(under_way=11),
        Tally(),
    ],
)
def test_the_next_wave_waits_for_the_end_of_this_one_its_pause_and_what_became_of_it(tally: Tally) -> None:
    assert next_wave(FIRST, tally, RULES, NOW) is None
    assert next_wave(FIRST, used(under_way=10), RULES, NOW) is not None


@pytest.mark.parametrize(
    ("tally", "stops"),
    [
        (Tally(judged=100, bounced=1), False),
        (Tally(judged=100, bounced=2), True),
        (Tally(judged=101, bounced=2), False),
        (Tally(judged=JUDGED_ON - 1, bounced=JUDGED_ON - 1), False),
        (Tally(judged=JUDGED_ON, bounced=1), False),
        (Tally(judged=JUDGED_ON, bounced=2), True),
        (Tally(judged=400, complained=1), False),
        (Tally(judged=800, complained=2), True),
        (Tally(judged=801, complained=2), False),
    ],
)
def test_asking_stops_at_its_limits_judged_on_enough_and_never_for_one_person(tally: Tally, stops: bool) -> None:
    assert (why_stop(tally, RULES) != "") is stops


def test_why_asking_stopped_is_said_with_its_figures_and_the_setting() -> None:
    assert (
        why_stop(Tally(judged=60, bounced=3), RULES) == "3 of 60 bounced (5.00 %), [asking] bounces allows less than 2"
    )
    assert why_stop(Tally(judged=600, complained=3), AskingSettings(complaints=0.25)) == (
        "3 of 600 complained (0.50 %), [asking] complaints allows less than 0.25"
    )


def test_who_is_stopped_asks_nobody_until_an_operator_says_so_and_then_few() -> None:
    large = replace(FIRST, number=5, size=1600)
    ended = stopped(large, "3 of 60 bounced", NOW)
    assert (ended.stopped_at, ended.why) == (NOW, "3 of 60 bounced")
    assert room(ended, Tally()) == 0
    assert next_wave(ended, used(asked=1600), RULES, NOW) is None
    again = resumed(ended, 4711, RULES)
    assert (again.number, again.size, again.since, again.stopped_at, again.why) == (6, 100, 4711, None, "")


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000))
def test_nothing_stops_without_enough_who_object(judged: int, bounced: int, complained: int) -> None:
    why = why_stop(Tally(judged=judged, bounced=bounced, complained=complained), RULES)
    if why:
        assert judged >= JUDGED_ON
        assert max(bounced, complained) >= AT_LEAST
