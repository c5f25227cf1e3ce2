from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from relay.workers.turns import Turn

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURLY = Turn("look", timedelta(hours=1), spread=timedelta(minutes=10))


@pytest.fixture
def store() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        yield connection


def test_a_turn_is_taken_once_until_the_next_one_is_due(store: sqlite3.Connection) -> None:
    assert HOURLY.is_due(store, NOW)
    assert HOURLY.take(store, NOW, 0.5)
    assert not HOURLY.take(store, NOW, 0.5)
    assert not HOURLY.is_due(store, NOW + timedelta(minutes=64))
    assert HOURLY.take(store, NOW + timedelta(minutes=65))
    assert not HOURLY.is_due(store, NOW + timedelta(minutes=124))
    assert HOURLY.is_due(store, NOW + timedelta(minutes=125))


def test_a_turn_that_comes_as_late_as_it_may_is_taken_by_nobody_before(store: sqlite3.Connection) -> None:
    assert HOURLY.take(store, NOW, 1.0)
    assert not HOURLY.is_due(store, NOW)


def test_turns_of_different_names_do_not_meet(store: sqlite3.Connection) -> None:
    assert HOURLY.take(store, NOW)
    assert Turn("other", timedelta(hours=1)).take(store, NOW)


def test_a_turn_that_a_wrong_clock_set_far_ahead_is_taken_now(store: sqlite3.Connection) -> None:
    assert HOURLY.take(store, NOW + timedelta(days=5000))
    assert HOURLY.take(store, NOW)


def test_a_turn_without_a_spread_is_never_more_than_its_time_ahead(store: sqlite3.Connection) -> None:
    daily = Turn("sweep", timedelta(hours=24))
    assert daily.take(store, NOW + timedelta(seconds=1), 1.0)
    assert daily.is_due(store, NOW)
    assert not daily.is_due(store, NOW + timedelta(hours=24))
    assert daily.is_due(store, NOW + timedelta(hours=24, seconds=1))
