from __future__ import annotations

import os
from pathlib import Path

import pytest
from store.samples import ANN, BOB, PSEUDONYMS, TAGGED, ago, committer, event, grant, withdraw

from relay.address import Address
from relay.consent.events import EventKind
from relay.consent.facts import NOTHING_KNOWN
from relay.store.appending import append_events
from relay.store.facts import read_facts
from relay.store.queries import query


def test_several_addresses_are_one_query(tmp_path: Path) -> None:
    many = [Address(f"user{number}", "example.com") for number in range(200)]
    with committer(tmp_path) as opened:
        append_events(opened.connection, [grant(address) for address in many[::2]], PSEUDONYMS, os.urandom)
        statements: list[str] = []
        opened.connection.set_trace_callback(statements.append)
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", many)
        opened.connection.set_trace_callback(None)
    assert len(statements) == 1
    assert list(known) == many
    assert all((known[address].yes is not None) == (number % 2 == 0) for number, address in enumerate(many))


def test_several_noes_of_one_person_are_one_set_of_facts(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        said = [
            grant(last_contact_at=ago(8)),
            withdraw(at=ago(3)),
            withdraw(TAGGED, stream="", at=ago(2)),
            event(EventKind.COMPLAIN, stream="", at=ago(1)),
            event(EventKind.UNDELIVERABLE, at=ago(4)),
        ]
        append_events(opened.connection, said, PSEUDONYMS, os.urandom)
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, TAGGED, BOB])
    assert known[BOB] == NOTHING_KNOWN
    found = known[ANN]
    assert (found.withdrawn_at, found.withdrawn_from) == (ago(2), "newsletter")
    assert (found.complained_at, found.undeliverable_at, found.last_contact_at) == (ago(1), ago(4), ago(8))
    assert known[TAGGED].undeliverable_at is None


def test_the_same_address_asked_for_twice_is_answered_once(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        assert read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, ANN]) == {ANN: NOTHING_KNOWN}


def test_the_look_up_scans_no_table(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        plan = opened.connection.execute(f"EXPLAIN QUERY PLAN {query('facts')}", ("", "", "[]")).fetchall()
    steps = [step for *_, step in plan]
    assert len([step for step in steps if step.startswith("SEARCH")]) == 4
    assert [step for step in steps if step.startswith("SCAN")] == ["SCAN a VIRTUAL TABLE INDEX 1:"] * 2


def test_other_peoples_rows_are_never_found(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        append_events(opened.connection, [withdraw(BOB, stream=""), grant(ANN)], PSEUDONYMS, os.urandom)
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN])
        assert known[ANN].withdrawn_at is None
        assert known[ANN].yes is not None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("facts", ("newsletter", "brand", '[["a@b.example", "a@b.example", "erased:1:00"]]')),
        ("events_of_people", ('["a@b.example"]',)),
        ("noes_of_people", ('["erased:1:00"]',)),
        ("ids_of_people", ('["a@b.example"]',)),
        ("contacts_among", ('[["newsletter", "a@b.example"]]',)),
        ("anyone_between", ("a", "b")),
        ("any_tombstone", ()),
        ("last_line", ()),
        ("noes_after", (1,)),
    ],
)
def test_what_is_asked_for_each_mail_and_each_line_of_a_list_reads_no_table_from_end_to_end(
    tmp_path: Path, name: str, values: tuple[object, ...]
) -> None:
    with committer(tmp_path) as opened:
        plan = [row[3] for row in opened.connection.execute(f"EXPLAIN QUERY PLAN {query(name)}", values)]
    scans = [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert [step for step in scans if step != "SCAN CONSTANT ROW"] == []
    assert any(step.startswith("SEARCH") for step in plan)
