from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from disk import SYNC, watch

from relay.store.connection import errors_of_the_store, open_for_reading, open_for_writing
from relay.store.port import StoreBrokenError, StoreUnavailableError


def test_commits_reach_the_disk(tmp_path: Path) -> None:
    connection = open_for_writing(tmp_path / "var" / "relay.db")
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_the_file_is_for_our_eyes_only(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "var" / "relay.db").close()
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var" / "relay.db").stat().st_mode & 0o777 == 0o600


def test_a_reader_cannot_write_and_sees_every_commit(tmp_path: Path) -> None:
    path = tmp_path / "a name with ? and #.db"
    writer, reader = open_for_writing(path), open_for_reading(path)
    writer.execute("CREATE TABLE t (n)")
    for number in range(3):
        writer.execute("INSERT INTO t VALUES (?)", (number,))
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (number + 1,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO t VALUES (9)")
    reader.close()
    writer.close()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError), errors_of_the_store():
        open_for_reading(tmp_path / "relay.db")
    assert list(tmp_path.iterdir()) == []


def failure(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "full"),
    [
        (failure(sqlite3.SQLITE_FULL), StoreUnavailableError, True),
        (failure(sqlite3.SQLITE_IOERR_SHMSIZE), StoreUnavailableError, True),
        (failure(sqlite3.SQLITE_BUSY), StoreUnavailableError, False),
        (failure(sqlite3.SQLITE_CANTOPEN), StoreUnavailableError, False),
        (failure(sqlite3.SQLITE_IOERR_FSYNC), StoreBrokenError, False),
        (failure(sqlite3.SQLITE_IOERR_WRITE), StoreBrokenError, False),
        (failure(sqlite3.SQLITE_CORRUPT), StoreBrokenError, False),
        (OSError(errno.ENOSPC, "no room"), StoreUnavailableError, True),
        (OSError(errno.EACCES, "denied"), StoreUnavailableError, False),
        (OSError(errno.EIO, "lied"), StoreBrokenError, False),
    ],
)
def test_errors_are_told_apart_by_what_follows_from_them(
    error: Exception, kind: type[StoreUnavailableError], full: bool
) -> None:
    with pytest.raises(StoreUnavailableError) as caught, errors_of_the_store():
        raise error
    assert type(caught.value) is kind
    assert caught.value.full is full


@pytest.mark.parametrize(
    ("error", "hinted"),
    [
        (failure(sqlite3.SQLITE_READONLY), True),
        (OSError(errno.EACCES, "denied"), True),
        (failure(sqlite3.SQLITE_BUSY), False),
        (OSError(errno.ENOSPC, "no room"), False),
    ],
)
def test_who_has_no_right_to_the_files_is_told_whose_they_are(error: Exception, *, hinted: bool) -> None:
    with pytest.raises(StoreUnavailableError) as caught, errors_of_the_store():
        raise error
    assert ("relay's own user" in str(caught.value)) == hinted


@pytest.mark.parametrize("error", [failure(sqlite3.SQLITE_CONSTRAINT_UNIQUE), sqlite3.ProgrammingError("closed")])
def test_our_own_mistakes_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)), errors_of_the_store():
        raise error


def test_what_is_deleted_stays_nowhere_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    connection = open_for_writing(path)
    connection.execute("CREATE TABLE t (word TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany(
        "INSERT INTO t VALUES (?)", [(f"needle{number * 7919 % 5000:05}",) for number in range(5000)]
    )
    connection.execute("DELETE FROM t WHERE word >= 'needle02000' AND word < 'needle03000'")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    octets = path.read_bytes()
    assert b"needle01999" in octets
    assert [number for number in range(2000, 3000) if f"needle{number:05}".encode() in octets] == []


def test_the_name_of_a_new_file_is_on_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = watch(monkeypatch, tmp_path)
    open_for_writing(tmp_path / "var" / "relay.db").close()
    assert steps[0] == (SYNC, "var")
