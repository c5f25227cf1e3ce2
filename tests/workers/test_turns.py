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


def test_turns_of_different_names_do_not_meet(store: sqlite3.Connection) -> None:
    assert HOURLY.take(store, NOW)
    assert Turn("other", timedelta(hours=1)).take(store, NOW)


def test_a_turn_that_a_wrong_clock_set_far_ahead_is_taken_now(store: sqlite3.Connection) -> None:
    assert HOURLY.take(store, NOW + timedelta(days=5000))
    assert HOURLY.take(store, NOW)
