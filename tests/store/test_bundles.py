from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from store.samples import ANN, BOB, TAGGED, event, grant, withdraw

from relay.address import Address
from relay.consent.events import Event, EventKind
from relay.consent.ledger import SALT_OCTETS
from relay.store.bundles import Bundle, bundles, packed, unpacked
from relay.store.told import Ready, event_told, ready, told_of

CARL = Address("carl", "example.com")


def rows_of(events: Sequence[Event]) -> list[Ready]:
    rows = ready([told_of(one, 1) for one in events], 0, os.urandom(SALT_OCTETS * len(events)))
    return sorted(rows, key=lambda row: str(row[0]))


def bundled(*events: Event, size: int = 100) -> list[Bundle]:
    return [unpacked(packed(bundle)) for bundle in bundles([rows_of(events)], size)]


def test_people_with_one_event_need_no_folding() -> None:
    (bundle,) = bundled(grant(), withdraw(BOB))
    assert (len(bundle.yeses), len(bundle.noes)) == (1, 1)
    assert bundle.yeses.folded == bundle.noes.folded == []
    assert [shape[1] for shape in (*bundle.yeses.shapes, *bundle.noes.shapes)] == [1, 1]


def test_people_with_several_events_are_folded_and_say_no_when_one_of_them_does() -> None:
    (bundle,) = bundled(grant(), withdraw(TAGGED), grant(BOB), grant(BOB, stream="offers"))
    assert [one[0] for one in bundle.noes.folded] == ["ann@example.com"]
    ((wide, facts, noes),) = bundle.yeses.folded
    assert (wide, len(facts), noes) == ("bob@example.com", 2, [])
    assert [shape[1] for shape in bundle.yeses.shapes] == [0, 0]


def test_a_lone_event_of_another_kind_is_folded() -> None:
    (bundle,) = bundled(event(EventKind.UNDELIVERABLE))
    ((wide, _, noes),) = bundle.yeses.folded
    assert (wide, len(noes)) == ("ann@example.com", 1)


def test_a_row_that_stands_twice_is_taken_once() -> None:
    said = grant()
    (bundle,) = bundled(said, grant(BOB), said)
    assert len(bundle.yeses.rows) == 2
    (again,) = bundle.yeses.repeated
    assert event_told(bundle.yeses.told(again)) == said


def test_what_one_person_said_keeps_the_order_of_the_list() -> None:
    said = [grant(source=str(number)) for number in range(5)]
    (bundle,) = bundled(*said)
    assert [event_told(bundle.yeses.told(row)) for row in bundle.yeses.rows] == said


@settings(deadline=None)
@given(st.lists(st.sampled_from([ANN, TAGGED, BOB, CARL]), max_size=30), st.integers(1, 5), st.booleans())
def test_every_row_is_in_one_bundle_and_nobody_in_two(people: list[Address], size: int, said_no: bool) -> None:
    events = [grant(one) for one in people]
    if said_no and events:
        events[0] = replace(withdraw(events[0].address), id=events[0].id)
    every = bundled(*events, size=size)
    parts = [part for bundle in every for part in (bundle.yeses, bundle.noes)]
    assert sorted(row[1] for part in parts for row in part.rows) == sorted(one.id for one in events)
    seen = [{row[0] for row in (*bundle.yeses.rows, *bundle.noes.rows)} for bundle in every]
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert all(shape[0] == place for part in parts for place, shape in enumerate(part.shapes))
