from __future__ import annotations

from relay.web.repeats import Repeats


def test_each_thing_is_counted_by_itself() -> None:
    repeats = Repeats()
    assert [repeats.count("a", 0), repeats.count("b", 1), repeats.count("a", 2)] == [1, 1, 2]


def test_counting_starts_anew_after_the_window() -> None:
    repeats = Repeats(window=60)
    assert [repeats.count("a", 0), repeats.count("a", 60), repeats.count("a", 61)] == [1, 2, 1]


def test_memory_is_bounded_and_what_was_asked_longest_ago_goes_first() -> None:
    repeats = Repeats(most=2)
    for thing in ("a", "b", "a", "c"):
        repeats.count(thing, 0)
    assert repeats.count("a", 0) == 3
    assert repeats.count("b", 0) == 1
