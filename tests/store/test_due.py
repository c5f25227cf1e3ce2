"""Who and what may go: never while a consent holds, never before the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store.keeping import keeping, periods
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago

from relay.consent.retention import Retention
from relay.policy.model import Policies
from relay.store.due import Periods, due_lines, due_people


def test_a_person_is_due_three_years_after_the_last_mail_or_event(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.yes(ANN, 2000)
        store.yes(BOB, 2000)
        store.mail(BOB, 1000)
        connection, both = store.committer.connection, [ANN.wide, BOB.wide]
        assert due_people(connection, both, PSEUDONYMS, periods()) == {ANN.wide}
        later = periods(NOW + timedelta(97))
        assert due_people(connection, both, PSEUDONYMS, later) == {ANN.wide, BOB.wide}


def test_a_consent_that_holds_keeps_all_spellings_of_its_person(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.yes(ANN, 2000)
        store.yes(TAGGED, 5)
        assert due_people(store.committer.connection, [ANN.wide], PSEUDONYMS, periods()) == set()


def test_mail_that_keeps_a_consent_fresh_keeps_its_evidence(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.yes(ANN, 5000)
        store.mail(ANN, 10)
        assert due_people(store.committer.connection, [ANN.wide], PSEUDONYMS, periods()) == set()


def test_an_open_question_is_waited_for(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.no(ANN, 2000)
        assert due_people(store.committer.connection, [ANN.wide], PSEUDONYMS, periods()) == {ANN.wide}
        store.yes(ANN, 1, own_act=True)
        assert due_people(store.committer.connection, [ANN.wide], PSEUDONYMS, periods()) == set()


def test_receipts_of_late_keep_nothing_but_what_is_theirs(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.no(ANN, 2000)
        store.mail(ANN, 10, "a stream of no policy")
        assert due_people(store.committer.connection, [ANN.wide], PSEUDONYMS, periods()) == {ANN.wide}


def test_technical_evidence_is_due_by_the_time_of_its_recording(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.yes(ANN, 3000, recorded_at=ago(300))
        store.yes(BOB, 400)
        due, waiting = due_lines(store.committer.connection, (0, 10), periods())
        assert [line.field("address") for line in due] == ["bob@example.com"]
        assert waiting
        assert due_lines(store.committer.connection, (0, 10), periods(technical=None)) == ([], False)


@pytest.mark.parametrize(
    ("stream", "brand", "expected"),
    [("newsletter", "", 1), ("gone", "brand-1", 9), ("", "brand-1", 3), ("", "brand-9", 9), ("", "", 9)],
)
def test_what_belongs_to_several_streams_is_kept_as_the_longest_of_them(stream: str, brand: str, expected: int) -> None:
    (one,) = periods().policies.streams
    kept = {"newsletter": ("brand-1", 1), "offers": ("brand-1", 3), "other": ("brand-2", 9)}
    streams = tuple(
        replace(one, id=name, brand=of, retention=Retention(timedelta(days), timedelta(days)))
        for name, (of, days) in kept.items()
    )
    found = Periods(Policies(streams, ""), timedelta(90), NOW)
    assert found.of(stream, brand).evidence == timedelta(expected)
    assert found.evidence_before == NOW - timedelta(1)


def test_another_period_is_another_figure() -> None:
    assert periods().figures == periods(NOW + timedelta(1)).figures
    assert len({one.figures for one in (periods(), periods(evidence=5), periods(technical=None))}) == 3


def test_a_consent_that_holds_is_kept_however_long_ago_it_was_given(tmp_path: Path) -> None:
    short = periods(evidence=100)
    with keeping(tmp_path) as store:
        for person in (ANN, BOB):
            store.yes(person, 200)
        store.no(BOB, 150)
        assert due_people(store.committer.connection, [ANN.wide, BOB.wide], PSEUDONYMS, short) == {BOB.wide}
        lapsed = periods(NOW + timedelta(200), evidence=100)
        assert due_people(store.committer.connection, [ANN.wide], PSEUDONYMS, lapsed) == {ANN.wide}
