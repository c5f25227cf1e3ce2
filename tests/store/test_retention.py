"""A purge takes what is due and nothing else, in small steps, and never a no."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.keeping import Keeping, keeping, periods
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago
from store.waiting import copy_to, message_to

from relay.address import Address
from relay.consent.ledger import digest
from relay.policy.model import Policies
from relay.queued import Fate, ReportLine, State
from relay.reason import Reason
from relay.store import due, retention
from relay.store.committing import Work
from relay.store.due import Periods
from relay.store.facts import read_facts
from relay.store.queries import query
from relay.store.queue import Done, accept
from relay.store.queue_rows import report_row
from relay.store.retention import Purged


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Keeping]:
    with keeping(tmp_path) as opened:
        yield opened


def test_decisions_go_after_their_days_with_what_became_of_them(store: Keeping) -> None:
    for days in (200, 91, 89, 1):
        store.mail(ANN, days)
    assert store.purge(dry=True) == Purged(decisions=2, outcomes=4)
    assert len(store.rows("SELECT 1 FROM decisions")) == 4
    assert store.purge() == Purged(decisions=2, outcomes=4)
    assert len(store.rows("SELECT 1 FROM decisions")) == 2
    assert len(store.rows("SELECT 1 FROM outcomes")) == 4
    assert not store.purge()


def test_the_newest_decision_stays_so_that_no_number_comes_twice(store: Keeping) -> None:
    store.mail(ANN, 300)
    store.mail(ANN, 200)
    store.purge(periods(evidence=None))
    [(last,)] = store.rows("SELECT max(sequence) FROM decisions")
    assert last == 2
    assert store.rows("SELECT max(sequence) FROM outcomes") == [(4,)]


def test_the_decision_on_a_copy_that_waits_stays_until_that_is_over(store: Keeping) -> None:
    for days in (200, 190, 1):
        store.mail(ANN, days)
    [(waiting,)] = store.rows("SELECT id FROM decisions WHERE sequence = 1")
    held = message_to(replace(copy_to(str(ANN), State.HELD), decision=waiting))
    store.committer.commit([Work(lambda connection: accept(connection, held, Done()))])
    assert store.purge() == Purged(decisions=1, outcomes=2)
    assert store.rows("SELECT sequence FROM decisions ORDER BY 1") == [(1,), (3,)]
    store.committer.commit([Work(lambda connection: connection.execute("DELETE FROM copies"))])
    assert store.purge() == Purged(decisions=1, outcomes=2)


def test_lines_of_reports_go_when_they_are_old_those_that_nobody_told_later(store: Keeping) -> None:
    for number, (days, told) in enumerate([(91, True), (91, False), (89, True), (181, False), (200, True)]):
        line = ReportLine(
            ago(days), "shop", "brand", "newsletter", f"M{number}", "D", "", str(ANN), Fate.EXPIRED, Reason.STALE
        )
        store.committer.commit([Work(partial(_report, line=line, told=told))])
    assert store.purge(dry=True) == Purged(reports=3)
    assert store.purge() == Purged(reports=3)
    assert store.rows("SELECT message FROM reports ORDER BY 1") == [("M1",), ("M2",)]


def _report(connection: sqlite3.Connection, line: ReportLine, told: bool) -> None:
    number = connection.execute(query("insert_report"), report_row(line)).lastrowid
    if told:
        connection.execute(query("tell_reports"), (1, "R", f"[{number}]"))


def test_many_decisions_go_in_small_transactions(store: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_TOGETHER", 2)
    for _ in range(7):
        store.mail(ANN, 100)
    asked = iter(range(100))
    assert store.purge(go_on=lambda: next(asked) >= 0).decisions == 6
    assert next(asked) >= 4
    assert store.purge(go_on=lambda: False) == Purged()


def test_technical_evidence_goes_and_the_rest_stays(store: Keeping) -> None:
    store.yes(ANN, 400)
    store.yes(BOB, 300)
    before = [digest(row) for row in store.rows(query("lines_between"), 1, 1 << 62)]
    assert store.purge(dry=True).technical == 1
    assert store.purge().technical == 1
    rows = store.rows("SELECT address, source, form_url, ip, user_agent FROM ledger ORDER BY sequence")
    assert rows == [
        ("ann@example.com", "test", "https://form.example", None, None),
        ("bob@example.com", "test", "https://form.example", "192.0.2.9", "Browser/9"),
    ]
    assert [digest(row) for row in store.rows(query("lines_between"), 1, 1 << 62)] == before
    assert not store.purge()
    assert store.purge(periods(NOW + timedelta(100))).technical == 1


def test_a_shorter_period_looks_at_what_was_passed_over(store: Keeping) -> None:
    store.yes(ANN, 400)
    store.purge(periods(technical=None))
    assert store.purge(periods(technical=365)).technical == 1


def test_people_go_whole_and_their_no_stays_for_every_spelling(store: Keeping) -> None:
    store.yes(ANN, 3000)
    store.no(ANN, 2000)
    store.yes(BOB, 2000)
    store.mail(BOB, 20)
    assert store.purge(dry=True).people == 1
    purged = store.purge()
    assert (purged.people, purged.lines) == (1, 2)
    assert store.names() == {"bob@example.com"}
    for file in store.folder.iterdir():
        assert b"ann@example.com" not in file.read_bytes(), file.name
    known = read_facts(store.committer.connection, PSEUDONYMS, "brand", "newsletter", [ANN, TAGGED, BOB])
    assert known[ANN].withdrawn_at == known[TAGGED].withdrawn_at == ago(2000)
    assert known[BOB].yes
    assert not store.purge()


def test_who_comes_back_while_the_purge_is_under_way_is_kept(store: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    store.yes(ANN, 3000)
    look = due.due_people

    def and_then_they_come_back(*arguments: Any) -> set[str]:
        monkeypatch.setattr(retention, "due_people", look)
        found = look(*arguments)
        store.yes(ANN, 0, own_act=True)
        return found

    monkeypatch.setattr(retention, "due_people", and_then_they_come_back)
    assert store.purge().people == 0
    assert store.rows("SELECT count(*) FROM ledger WHERE address = 'ann@example.com'") == [(2,)]


def test_the_passes_of_the_days_go_on_where_the_one_before_stopped(
    store: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_STRETCH", 2)
    for number in range(6):
        store.yes(Address(f"reader{number}", "example.com"), 3000)
    gone = [store.purge(most_lines=2).people for _ in range(3)]
    assert gone == [2, 2, 2]
    assert store.names() == set()


def test_without_a_policy_nothing_of_people_goes(store: Keeping) -> None:
    store.yes(ANN, 9000)
    store.mail(BOB, 9000)
    store.mail(BOB, 9000)
    nobody = Periods(Policies((), ""), timedelta(90), NOW)
    assert store.purge(nobody) == Purged(decisions=1, outcomes=2)
    assert store.names() == {"ann@example.com"}


def test_marks_of_mail_to_strangers_go_and_those_of_people_in_the_ledger_stay(store: Keeping) -> None:
    stranger, late = Address("stranger", "example.com"), Address("late", "example.com")
    store.yes(ANN, 10)
    for person, days in ((stranger, 2000), (late, 20), (ANN, 2000)):
        store.mail(person, days, "receipts")
        store.failure(person, days)
    assert store.purge(dry=True, by=periods(decisions=9000)) == Purged(contacts=1, failures=1)
    assert store.purge(periods(decisions=9000)) == Purged(contacts=1, failures=1)
    left = [("ann@example.com",), ("late@example.com",)]
    assert store.rows("SELECT address FROM contacts ORDER BY address") == left
    assert store.rows("SELECT address FROM failures ORDER BY address") == left


@pytest.mark.parametrize("cut_at", range(12))
def test_what_is_cut_short_is_done_by_the_next_purge(
    store: Keeping, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    monkeypatch.setattr(retention, "_PEOPLE_TOGETHER", 1)
    for number in range(4):
        store.no(Address(f"reader{number}", "example.com"), 3000)
    answers = iter([True] * cut_at)
    first = store.purge(go_on=lambda: next(answers, False))
    assert len(store.names()) == 4 - first.people
    store.purge()
    assert store.names() == set()
    assert list(store.committer.journal.events()) == []


AGES = st.integers(0, 2500)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from([ANN, TAGGED, BOB]), st.sampled_from(["yes", "no", "mail"]), AGES), max_size=8)
)
def test_no_purge_changes_whether_mail_is_sent(acts: list[tuple[Address, str, int]]) -> None:
    with TemporaryDirectory() as folder, keeping(Path(folder)) as store:
        for person, act, days in sorted(acts, key=lambda one: -one[2]):
            getattr(store, act)(person, days)
        told: dict[Address, object] = {}
        for _ in range(2):
            known = read_facts(store.committer.connection, PSEUDONYMS, "brand", "newsletter", [ANN, TAGGED, BOB])
            for person, facts in known.items():
                no = (facts.withdrawn_at, facts.complained_at)
                assert told.setdefault(person, no) == no
            store.purge()
