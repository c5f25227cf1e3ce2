"""Any history at all, against a naive reading of the law."""

from __future__ import annotations

import random
from dataclasses import replace

from consent.acts import (
    BOB,
    day,
    withdraw,
)
from consent.histories import HISTORIES, HOMOGLYPH, SPELLINGS, STREAMS, events, everybody
from consent.naive import naive_facts
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import Event

IMPORTS = st.lists(events(own=False), min_size=1, max_size=4)
SHUFFLES = st.randoms(use_true_random=False)


@settings(max_examples=400)
@given(HISTORIES)
def test_any_history_comes_to_what_a_naive_reading_of_the_law_says(history: list[Event]) -> None:
    assert everybody(history) == {
        (address, stream): naive_facts(history, address, STREAMS[stream], stream)
        for address in (*SPELLINGS, BOB, HOMOGLYPH)
        for stream in STREAMS
    }


@given(HISTORIES, SHUFFLES)
def test_the_order_of_recording_changes_nothing(history: list[Event], shuffle: random.Random) -> None:
    before = everybody(history)
    shuffle.shuffle(history)
    assert everybody(history) == before


@given(HISTORIES)
def test_what_is_recorded_twice_counts_once(history: list[Event]) -> None:
    assert everybody([*history, *history]) == everybody(history)


@given(HISTORIES, IMPORTS)
def test_no_import_makes_a_no_unhappen(history: list[Event], imports: list[Event]) -> None:
    before, after = everybody(history), everybody([*history, *imports])
    for place, known in before.items():
        if known.withdrawn_at is not None:
            assert after[place].withdrawn_at is not None
        if known.complained_at is not None:
            assert after[place].complained_at is not None
        if known.withdrawn_at is not None or known.complained_at is not None:
            assert after[place].yes is None


@given(HISTORIES)
def test_no_yes_is_borrowed_from_another_spelling_or_another_person(history: list[Event]) -> None:
    for (address, stream), known in everybody(history).items():
        alone = [one for one in history if not one.says_yes or (one.address, one.stream) == (address, stream)]
        without = everybody(alone)[address, stream]
        assert replace(known, undeliverable_at=None) == replace(without, undeliverable_at=None)


@given(HISTORIES, st.lists(events(), max_size=4))
def test_what_a_neighbour_does_is_nobody_elses_business(history: list[Event], more: list[Event]) -> None:
    neighbours = [one for one in more if one.address in (BOB, HOMOGLYPH)]
    before, after = everybody(history), everybody([*history, *neighbours])
    for address in SPELLINGS:
        for stream in STREAMS:
            assert after[address, stream] == before[address, stream]


@given(HISTORIES, st.sampled_from(SPELLINGS), st.sampled_from([*STREAMS]))
def test_a_no_said_last_reaches_every_spelling(history: list[Event], spelling: Address, stream: str) -> None:
    known = everybody([*history, withdraw(8, spelling, stream=stream, brand=STREAMS[stream])])
    for address in SPELLINGS:
        assert known[address, stream].withdrawn_at == day(8)
        assert known[address, stream].yes is None
