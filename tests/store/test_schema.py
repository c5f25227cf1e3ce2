from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from store.samples import PSEUDONYMS, committer

from relay.store import schema
from relay.store.port import StoreUnavailableError
from relay.store.reading import open_reader
from relay.store.schema import Migration, migrate, migrations, version_of


def database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def test_an_empty_database_gets_every_migration_once() -> None:
    connection = database()
    assert migrate(connection) == migrations()
    assert version_of(connection) == len(migrations())
    assert migrate(connection) == ()


def test_numbers_of_migrations_have_no_gaps() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_database_of_another_program_is_left_alone() -> None:
    connection = database()
    connection.execute("CREATE TABLE theirs (n)")
    with pytest.raises(StoreUnavailableError, match="another program"):
        migrate(connection)


def test_a_database_of_a_newer_version_is_left_alone() -> None:
    connection = database()
    migrate(connection)
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnavailableError, match="newer version"):
        migrate(connection)


def test_a_migration_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = database()
    migrate(connection)
    number = len(migrations()) + 1
    broken = Migration(number, "broken", "CREATE TABLE half (n); CREATE TABLE half (n)")
    every = (*migrations(), broken)
    monkeypatch.setattr(schema, "migrations", lambda: every)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection)
    assert version_of(connection) == number - 1
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)


def test_a_file_out_of_order_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0002_second.sql").write_text("SELECT 1")
    monkeypatch.setattr(schema, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="out of order"):
        migrations()


def test_outcomes_of_before_have_no_footer_to_tell_of() -> None:
    connection = database()
    migrations_then = migrations()
    connection.executescript(migrations_then[0].sql)
    connection.execute("INSERT INTO outcomes VALUES (1, 'id', 0, 'delivered', 250, '2.0.0', 'ok', '', 0.1, 1)")
    connection.executescript(migrations_then[1].sql)
    assert connection.execute("SELECT footer FROM outcomes").fetchone() == ("",)


def test_a_store_whose_spellings_were_brought_together_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wide keys and tombstones in it would not be found, and with them the noes of people."""
    with committer(tmp_path) as opened:
        assert opened.connection.execute("SELECT value FROM meta WHERE name = 'fold-version'").fetchone() == ("1",)
    monkeypatch.setattr(schema, "FOLD_VERSION", 2)
    with pytest.raises(StoreUnavailableError, match="by version 1 in this store"), committer(tmp_path):
        pass
    with pytest.raises(StoreUnavailableError, match="by version 1 in this store"):
        open_reader(tmp_path / "relay.db", PSEUDONYMS)
