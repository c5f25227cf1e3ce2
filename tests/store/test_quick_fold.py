from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from store.samples import ANN, NOW, PSEUDONYMS, TAGGED, ago, event, grant, withdraw
from store.test_appending import database, events

from relay.address import Address
from relay.consent.events import RELAY, Act, Basis, Event, EventKind, Evidence
from relay.consent.evidence import wording_hash
from relay.store.appending import append_events
from relay.store.queries import query
from relay.store.quick_fold import Said, quick_fold, said_of
from relay.store.told import told_of

WORDING = wording_hash("Yes, send me news")
UNUSUAL = (EventKind.UNDELIVERABLE, EventKind.DELIVERABLE)


@st.composite
def of_ann(draw: st.DrawFn, *, imported: bool = False) -> Event:
    """What Ann may have said, of one or two spellings; ids and times meet often."""
    said = draw(events())
    more: dict[str, Any] = {"address": draw(st.sampled_from([ANN, ANN, ANN, TAGGED]))}
    if draw(st.integers(0, 3)) == 0:
        more["at"] = None
    if draw(st.integers(0, 4)) == 0:
        more["recorded_at"] = NOW + timedelta(days=draw(st.integers(0, 3)))
        if draw(st.booleans()):
            more["at"] = more["recorded_at"]
    if said.kind is EventKind.REQUEST and draw(st.booleans()):
        more["mail_sent_at"] = more.get("recorded_at", NOW)
    if said.kind is EventKind.REQUEST and draw(st.booleans()):
        more["recorder"] = RELAY
    if said.kind is EventKind.GRANT and said.basis and said.basis.is_by_act and draw(st.booleans()):
        more["confirmed_at"] = NOW - timedelta(hours=draw(st.integers(0, 2)))
        more["at"] = ago(draw(st.integers(1, 3)))
    if said.says_yes:
        more["evidence"] = Evidence("https://brand.example", draw(st.sampled_from(["", WORDING])), "ja")
        more["source"] = draw(st.sampled_from(["fair", ""]))
    if imported:
        more["own_act"] = False
    else:
        more["live"] = draw(st.booleans())
    return replace(said, **more)


def folded(history: list[Event], fresh: list[Event]) -> Any:
    """What `quick_fold` says, and what the tables hold before and after the events came in the plain way."""
    with database() as connection:
        append_events(connection, history, PSEUDONYMS, bytes)
        lines: list[Said] = connection.execute(query("histories"), (f'["{ANN.wide}"]',)).fetchall()
        before = tables(connection)
        append_events(connection, fresh, PSEUDONYMS, bytes)
        quick = quick_fold(lines, [said_of(told_of(one, None)) for one in fresh])
        return quick, before, tables(connection)


def tables(connection: Any) -> tuple[set[Any], set[Any]]:
    facts = connection.execute(
        "SELECT stream, address, requested_at, basis, act, yes_at, source, live, form_url, language, renewed_at, "
        "freed_at, last_contact_at, mail_sent_at, request_live, asked_at, asked FROM facts"
    )
    noes = connection.execute("SELECT wide, kind, brand, stream, address, at FROM noes")
    return set(facts.fetchall()), set(noes.fetchall())


@settings(deadline=None, max_examples=300)
@given(st.lists(of_ann(), max_size=5), st.lists(of_ann(imported=True), min_size=1, max_size=3))
@example([grant(own_act=True)], [withdraw(at=NOW)])
@example([withdraw(at=ago(5)), grant(at=ago(3), own_act=True)], [grant(at=ago(4))])
@example([withdraw(at=ago(5)), grant(at=ago(5), own_act=True)], [grant(at=ago(2))])
@example([event(EventKind.REQUEST, at=ago(5))], [grant(at=ago(5))])
@example([event(EventKind.REQUEST, at=NOW, mail_sent_at=NOW)], [grant(at=ago(5))])
@example([withdraw(stream="", brand="other", at=ago(2))], [grant(at=ago(5))])
def test_what_is_folded_quickly_is_what_the_fold_says(history: list[Event], fresh: list[Event]) -> None:
    quick, before, after = folded(history, fresh)
    if quick is None:
        return
    facts, noes = quick
    keys = {row[:2] for row in facts}
    assert set(facts) | {row for row in before[0] if row[:2] not in keys} == after[0]
    scopes = {row[:5] for row in noes}
    assert set(noes) | {row for row in before[1] if row[:5] not in scopes} == after[1]


@settings(deadline=None, max_examples=100)
@given(st.lists(of_ann(), max_size=5), of_ann(imported=True))
def test_usual_histories_of_one_address_are_folded_quickly(history: list[Event], fresh: Event) -> None:
    history = [replace(one, address=ANN) for one in history]
    fresh = replace(fresh, address=ANN)
    assume(not any(one.kind in UNUSUAL for one in (*history, fresh)) and fresh.acted_at != fresh.recorded_at)
    quick, _, _ = folded(history, [fresh])
    assert quick is not None


@pytest.mark.parametrize(
    ("history", "fresh"),
    [
        ([grant(TAGGED)], grant()),
        ([replace(grant(), kind=EventKind.UNDELIVERABLE, basis=None, act=None)], grant()),
        ([grant(recorded_at=NOW + timedelta(days=1), at=NOW + timedelta(days=1))], withdraw(at=NOW)),
        ([grant(recorded_at=NOW + timedelta(days=1), at=NOW + timedelta(days=1))], withdraw(at=None)),
    ],
    ids=["another spelling", "a dead mailbox", "a no after the clock was set back", "an undated one"],
)
def test_what_is_unusual_is_left_to_the_fold(history: list[Event], fresh: Event) -> None:
    assert folded(history, [fresh])[0] is None


def test_an_event_that_is_there_already_is_left_to_the_fold() -> None:
    said = grant()
    assert folded([said], [said])[0] is None


COLUMNS = (
    "wide", "id", "kind", "address", "brand", "stream", "at", "recorded_at", "source", "basis", "act", "confirmed_at",
    "mail_sent_at", "last_contact_at", "form_url", "wording", "language", "live", "own_act", "recorder",
)  # fmt: skip


@pytest.mark.parametrize(
    "edited",
    [
        {"kind": "nothing"},
        {"kind": "erase"},
        {"basis": "whim"},
        {"basis": None},
        {"act": "winked"},
        {"address": None},
        {"address": "no address"},
        {"stream": ""},
        {"brand": ""},
        {"wording": "no hash"},
        {"at": 1 << 62},
        {"at": -(1 << 62)},
        {"recorded_at": 1 << 62},
        {"recorded_at": 1},
        {"confirmed_at": 1},
        {"confirmed_at": 1 << 62},
        {"mail_sent_at": 1},
        {"mail_sent_at": 1 << 62},
        {"last_contact_at": 1 << 62},
        {"last_contact_at": -(1 << 62)},
    ],
    ids=str,
)
def test_a_line_that_was_edited_by_hand_is_left_to_the_fold(edited: dict[str, Any]) -> None:
    line = dict(zip(COLUMNS, said_of(told_of(grant(), None)), strict=True))
    fresh = said_of(told_of(grant(last_contact_at=NOW), None))
    assert quick_fold([tuple(line.values())], [fresh]) is not None
    assert quick_fold([tuple({**line, **edited}.values())], [fresh]) is None


def test_a_row_of_a_list_is_read_as_the_line_that_it_becomes() -> None:
    said = grant(
        Address("Bo..b", "docomo.ne.jp"),
        basis=Basis.DOUBLE_OPT_IN,
        act=Act.CLICKED,
        confirmed_at=ago(8),
        mail_sent_at=ago(9),
        last_contact_at=ago(1),
        evidence=Evidence("https://brand.example", WORDING, "ja", "192.0.2.1", "Browser"),
    )
    with database() as connection:
        append_events(connection, [said], PSEUDONYMS, bytes)
        lines = connection.execute(query("histories"), (f'["{said.address.wide}"]',)).fetchall()
    assert lines == [said_of(told_of(said, 1))]
