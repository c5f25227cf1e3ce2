from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from store.journals import add
from store.samples import BOB, NOW, committer, decision, grant

from relay.address import Address
from relay.store.committing import Committer
from relay.store.newest import clock_is_right, newest_recorded
from relay.store.queries import query
from relay.store.rows import decision_row


def _decide(opened: Committer, **more: object) -> None:
    opened.connection.execute(query("insert_decision"), decision_row(decision(**more)))


def test_an_empty_store_knows_no_time(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        assert newest_recorded(opened.connection) is None


def test_the_newest_of_events_and_decisions_counts(tmp_path: Path) -> None:
    later = NOW + timedelta(hours=1)
    with committer(tmp_path) as opened:
        add(opened, grant())
        assert newest_recorded(opened.connection) == NOW
        _decide(opened, at=later)
        _decide(opened, at=NOW)  # by a clock that was set back since
        add(opened, grant(BOB))
        assert newest_recorded(opened.connection) == later


def test_when_the_act_was_does_not_matter(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(at=None))
        assert newest_recorded(opened.connection) == NOW


def test_what_an_operator_has_explained_no_longer_counts(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(recorded_at=NOW + timedelta(days=3650)))
        _decide(opened, at=NOW + timedelta(days=3650))
        clock_is_right(opened.connection)
        assert newest_recorded(opened.connection) is None
        _decide(opened, at=NOW)
        assert newest_recorded(opened.connection) == NOW


def test_it_is_the_last_lines_that_are_looked_at(tmp_path: Path) -> None:
    later = NOW + timedelta(hours=1)
    people = [Address(f"reader{number}", "example.com") for number in range(1001)]
    with committer(tmp_path) as opened:
        add(opened, *map(grant, people))
        add(opened, grant(BOB, recorded_at=later))
        assert newest_recorded(opened.connection) == later
        for _ in people:
            _decide(opened, at=NOW)
        _decide(opened, at=later + timedelta(hours=1))
        assert newest_recorded(opened.connection) == later + timedelta(hours=1)
