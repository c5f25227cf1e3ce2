from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from relay.workers.backoff import Backoff

HOP = "127.0.0.1:25"


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def closed(clock: Clock, longest: float = 300.0) -> Backoff:
    backoff = Backoff(longest, clock)
    for _ in range(5):
        backoff.heard(HOP, reachable=False)
    return backoff


def test_a_next_hop_that_answers_is_open_whatever_failed_in_between() -> None:
    backoff = Backoff(300.0, Clock())
    with capture_logs() as logs:
        for _ in range(10):
            for _ in range(4):
                backoff.heard(HOP, reachable=False)
            assert backoff.room(HOP, 80) == 80
            backoff.heard(HOP, reachable=True)
    assert logs == []


def test_the_log_says_which_next_hop_was_closed_why_and_for_how_long() -> None:
    clock = Clock()
    with capture_logs() as logs:
        backoff = closed(clock)
        clock.at += 9.26
        backoff.heard(HOP, reachable=True)
    assert logs == [
        {"event": "next-hop-closed", "log_level": "error", "next_hop": HOP, "failures": 5, "longest": 300.0},
        {"event": "next-hop-open", "log_level": "warning", "next_hop": HOP, "closed": 9.3},
    ]


def test_one_that_fails_time_after_time_gets_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    backoff = closed(Clock())
    assert backoff.room(HOP, 80) == 0
    assert backoff.is_closed(HOP)
    assert backoff.room("127.0.0.1:26", 80) == 80
    assert not backoff.is_closed("127.0.0.1:26")
    assert capsys.readouterr().out.count("next-hop-closed") == 1


def test_after_a_pause_one_message_finds_out_and_success_opens_it(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    backoff = closed(clock)
    clock.at += 2
    assert backoff.room(HOP, 80) == 1
    assert backoff.probing(HOP)
    assert backoff.room(HOP, 80) == 0
    assert backoff.is_closed(HOP)
    backoff.heard(HOP, reachable=True)
    backoff.probed(HOP)
    assert backoff.room(HOP, 80) == 80
    assert not backoff.is_closed(HOP)
    assert capsys.readouterr().out.count("next-hop-open") == 1


def test_pauses_grow_up_to_the_first_wait_of_the_schedule() -> None:
    clock = Clock()
    backoff = closed(clock, longest=10.0)
    pauses = []
    for _ in range(6):
        start = clock.at
        while not backoff.room(HOP, 80):
            clock.at += 0.5
        pauses.append(clock.at - start)
        backoff.probing(HOP)
        backoff.heard(HOP, reachable=False)
        backoff.probed(HOP)
    assert pauses == [2, 4, 8, 10, 10, 10]


def test_what_was_under_way_when_it_was_closed_makes_no_pause_longer() -> None:
    clock = Clock()
    backoff = closed(clock)
    for _ in range(20):
        backoff.heard(HOP, reachable=False)
    clock.at += 2
    assert backoff.room(HOP, 80) == 1


def test_what_ends_after_the_probe_has_failed_makes_no_pause_longer() -> None:
    clock = Clock()
    backoff = closed(clock)
    clock.at += 2
    backoff.probing(HOP)
    for _ in range(3):
        backoff.heard(HOP, reachable=False)
    backoff.probed(HOP)
    clock.at += 4
    assert backoff.room(HOP, 80) == 1


def test_no_probe_goes_out_where_there_is_no_room_for_one() -> None:
    clock = Clock()
    backoff = closed(clock)
    clock.at += 2
    assert backoff.room(HOP, 0) == 0


def test_with_a_schedule_of_short_waits_it_is_closed_no_longer_than_the_first() -> None:
    clock = Clock()
    backoff = closed(clock, longest=1.0)
    assert backoff.is_closed(HOP)
    assert backoff.room(HOP, 80) == 0
    clock.at += 1
    assert backoff.room(HOP, 80) == 1


def test_a_probe_that_learned_nothing_is_followed_by_another() -> None:
    clock = Clock()
    backoff = closed(clock)
    clock.at += 2
    assert backoff.probing(HOP)
    backoff.probed(HOP)
    assert backoff.room(HOP, 80) == 1


def test_nothing_probes_while_it_is_open() -> None:
    backoff = Backoff(300.0, Clock())
    assert not backoff.probing(HOP)
    backoff.probed(HOP)
    backoff.heard(HOP, reachable=False)
    assert not backoff.probing(HOP)


@given(st.lists(st.tuples(st.sampled_from(["fail", "answer", "wait", "probe", "over"]), st.floats(0, 400))))
def test_whatever_happens_a_next_hop_is_tried_again_in_time(story: list[tuple[str, float]]) -> None:
    clock = Clock()
    backoff = Backoff(300.0, clock)
    probing = False
    for what, seconds in story:
        match what:
            case "fail" | "answer":
                backoff.heard(HOP, reachable=what == "answer")
            case "wait":
                clock.at += seconds
            case "probe" if not probing and backoff.room(HOP, 1):
                probing = backoff.probing(HOP)
            case "over" if probing:
                backoff.probed(HOP)
                probing = False
    if probing:
        backoff.probed(HOP)
    clock.at += 300
    assert backoff.room(HOP, 80) in (1, 80)
