from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from store.samples import ANN, NOW, PSEUDONYMS, ago, withdraw

from relay.address import Address, AddressError
from relay.address_wide import wide_key
from relay.consent.events import EventKind
from relay.consent.fold import fold_noes
from relay.consent.ledger import microseconds
from relay.store.journal_lines import MARK, Entry, LineError, may_name, read, write, write_row

_times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=NOW.tzinfo)
)
_entries = st.builds(
    Entry,
    kind=st.sampled_from(["withdraw", "complain"]),
    sequence=st.none() | st.integers(min_value=0),
    id=st.text(),
    address=st.just(str(ANN)),
    brand=st.text(),
    stream=st.text(),
    at=st.none() | _times,
    recorded_at=_times,
    source=st.text(),
    recorder=st.text(),
)


def entry_of_ann(**more: object) -> Entry:
    event = withdraw(**more)
    return Entry(
        event.kind.value, 7, event.id, str(event.address), "", event.brand, event.stream, event.at, event.recorded_at,
        event.source, event.recorder,
    )  # fmt: skip


@given(_entries)
def test_what_is_written_is_read_back(entry: Entry) -> None:
    line = write(entry)
    assert line.count(b"\n") == 1
    assert read(line) == entry


@given(_entries)
def test_a_row_is_written_as_its_entry_is(entry: Entry) -> None:
    at = None if entry.at is None else microseconds(entry.at)
    assert entry.recorded_at is not None
    row = (
        7, entry.id, entry.kind, entry.address, entry.brand, entry.stream, at, microseconds(entry.recorded_at),
        entry.source, entry.recorder,
    )  # fmt: skip
    expected = replace(entry, sequence=7, tombstone="")
    assert write_row(row) == write(expected)
    assert read(write_row(row)) == expected


_locals = st.text(alphabet="abAB.+-_ é１", min_size=1, max_size=6)
_domains = st.sampled_from(
    "example.com gmail.com googlemail.com fastmail.com a.fastmail.com ab.fastmail.com pm.me yandex.ru ya.ru".split()
)


@given(_locals, _domains, _locals, _domains)
def test_a_line_of_somebody_who_is_looked_for_is_always_read(local: str, domain: str, other: str, at: str) -> None:
    try:
        address = Address(local, domain)
    except AddressError:
        reject()
    line = write(replace(entry_of_ann(), address=str(address)))
    wide = wide_key(other, at)
    if wide_key(local, domain) == wide:
        assert may_name([wide])(line)
    assert may_name([wide_key(local, domain)])(line)


def test_lines_of_others_are_not_read_and_erasures_are() -> None:
    is_worth_reading = may_name(["bob@example.com"])
    assert not is_worth_reading(write(entry_of_ann()))
    assert not is_worth_reading(write(entry_of_ann().forgotten("erased:1:00")))
    assert is_worth_reading(write(Entry(EventKind.ERASE.value, 7, "ID", tombstone="erased:1:00", recorded_at=NOW)))


def test_a_line_is_json_that_others_can_read() -> None:
    values = json.loads(write(entry_of_ann()))
    assert (values["sequence"], values["kind"], values["address"]) == (7, "withdraw", "ann@example.com")


@given(st.data())
def test_a_line_that_was_edited_anywhere_is_known_for_one(data: st.DataObject) -> None:
    line = bytearray(write(entry_of_ann(source="fair")))
    place = data.draw(st.integers(0, len(line) - 2))
    line[place] = data.draw(st.integers(0, 255).filter(lambda octet: octet not in (line[place], 10, 13)))
    with pytest.raises(LineError):
        read(bytes(line))


def test_lines_of_the_first_versions_are_read() -> None:
    event = withdraw()
    old = {
        "id": event.id, "kind": "withdraw", "address": "ann@example.com", "brand": "brand", "stream": "newsletter",
        "at": ago(5).isoformat(), "recorded_at": NOW.isoformat(), "source": "test", "recorder": "test",
    }  # fmt: skip
    entry = read(json.dumps(old).encode() + b"\n")
    assert entry.sequence is None
    assert entry.event() == event


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\n", "no line of this journal"),
        (b"ann@example.com wants no mail\n", "no line of this journal"),
        (b'{"kind":"withdraw"}\n', "no line of this journal"),
        (b'{"kind":"withdraw","id":"1"}\n', "names nobody"),
        (b'{"kind":"withdraw","id":"1","address":"a@example.com"}\n', "does not say when"),
        (b'{"kind":"grant","id":"1","address":"a@example.com"}\n', "does not know: 'grant'"),
        (b'{"kind":"withdraw","id":"1","address":"a@b","sequence":7}\n', "its checksum is missing"),
        (b"[1]\n", "no line of this journal"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_in_words(line: bytes, why: str) -> None:
    with pytest.raises(LineError, match=why):
        read(line)


@pytest.mark.parametrize(("brand", "stream"), [("brand", ""), ("brand", "newsletter"), ("", "newsletter")])
@pytest.mark.parametrize("kind", [EventKind.WITHDRAW, EventKind.COMPLAIN])
def test_a_tombstone_covers_what_the_no_covered_and_names_nobody(kind: EventKind, brand: str, stream: str) -> None:
    tombstone = PSEUDONYMS.tombstone(ANN.wide)
    entry = Entry(kind.value, 7, "ID", str(ANN), "", brand, stream, None, NOW, "by telephone", "cli")
    (before,) = fold_noes([entry.event()])
    forgotten = entry.forgotten(tombstone)
    line = write(forgotten)
    assert read(line).no() == type(before)(kind, tombstone, "", before.brand, before.stream, NOW)
    assert b"ann" not in line
    assert b"telephone" not in line
    assert (forgotten.sequence, forgotten.id) == (7, "ID")


def test_a_mark_names_a_line_of_the_ledger_and_nothing_else() -> None:
    assert set(json.loads(write(Entry(MARK, 9, "ID")))) == {"sequence", "id", "kind", "check"}
    assert read(write(Entry(MARK, 9, "ID"))) == Entry(MARK, 9, "ID")


def test_neither_a_tombstone_nor_a_mark_is_an_event() -> None:
    for entry in (Entry(MARK, 9, "ID"), entry_of_ann().forgotten("erased:1:00")):
        with pytest.raises(ValueError, match="event"):
            entry.event()
    with pytest.raises(ValueError, match="tombstone"):
        entry_of_ann().no()
