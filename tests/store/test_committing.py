from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from store.samples import ANN, PSEUDONYMS, committer, grant, withdraw

from relay.consent.events import Event
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.facts import read_facts
from relay.store.port import StoreUnavailableError


def adding(*events: Event, says_no: bool = False) -> Work:
    return Work(lambda connection: append_events(connection, events, PSEUDONYMS, bytes), says_no)


def test_works_of_one_group_are_one_transaction(tmp_path: Path) -> None:
    def count(connection: sqlite3.Connection) -> int:
        assert connection.in_transaction
        rows: int = connection.execute("SELECT count(*) FROM ledger").fetchone()[0]
        return rows

    with committer(tmp_path) as opened:
        assert opened.commit([Work(count), adding(grant()), Work(count)]) == [0, (1,), 1]
        assert not opened.connection.in_transaction


def test_a_work_that_fails_is_undone_alone(tmp_path: Path) -> None:
    def unfit(connection: sqlite3.Connection) -> None:
        append_events(connection, [grant()], PSEUDONYMS, bytes)
        raise ValueError("unfit")

    with committer(tmp_path) as opened:
        first, second, third = opened.commit([adding(grant()), Work(unfit), adding(grant())])
        assert (first, third) == ((1,), (2,))
        assert isinstance(second, ValueError)


def test_a_broken_constraint_is_the_works_own_fault(tmp_path: Path) -> None:
    def unfit(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO contacts VALUES (NULL, NULL, NULL)")

    with committer(tmp_path) as opened:
        (result,) = opened.commit([Work(unfit)])
        assert isinstance(result, sqlite3.IntegrityError)


def test_a_database_without_room_says_full_and_takes_what_it_can_later(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        (pages,) = opened.connection.execute("PRAGMA page_count").fetchone()
        opened.connection.execute(f"PRAGMA max_page_count = {pages}")
        big = grant(source="x" * 20_000)
        (result,) = opened.commit([adding(big)])
        assert isinstance(result, StoreUnavailableError)
        assert result.full
        opened.connection.execute("PRAGMA max_page_count = 100000")
        assert opened.commit([adding(big)]) == [(1,)]


def test_a_withdrawal_that_a_full_database_has_no_room_for_gets_the_reserve(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        (pages,) = opened.connection.execute("PRAGMA page_count").fetchone()
        opened.connection.execute(f"PRAGMA max_page_count = {pages}")
        there: list[bool] = []

        def add(connection: sqlite3.Connection) -> object:
            there.append((tmp_path / "relay.db.reserve").exists())
            if not there[-1]:  # its room is ours now
                connection.execute("PRAGMA max_page_count = 100000")
            big = withdraw(source="x" * 20_000)
            return append_events(connection, [big], PSEUDONYMS, os.urandom)

        assert opened.commit([Work(add, says_no=True)]) == [(1,)]
        assert there == [True, False]


def test_while_the_reserve_is_used_up_only_withdrawals_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committer(tmp_path) as opened:
        reserve = tmp_path / "relay.db.reserve"
        assert reserve.stat().st_mode & 0o777 == 0o600
        reserve.unlink()
        with monkeypatch.context() as full:
            full.setattr("os.posix_fallocate", _no_room)
            refused, taken = opened.commit([adding(grant()), adding(withdraw(), says_no=True)])
            assert isinstance(refused, StoreUnavailableError)
            assert taken == (1,)
        assert opened.commit([adding(grant())]) == [(2,)]
        assert reserve.exists()
        assert read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN].withdrawn_at is not None


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_journal_without_room_gets_the_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with committer(tmp_path) as opened:
        write = opened.journal.lacks_nothing_of

        def full_while_reserved(connection: sqlite3.Connection) -> None:
            if (tmp_path / "relay.db.reserve").exists():
                _no_room()
            write(connection)

        monkeypatch.setattr(opened.journal, "lacks_nothing_of", full_while_reserved)
        assert opened.commit([adding(withdraw(), says_no=True)]) == [(1,)]
        assert "withdraw" in (tmp_path / "withdrawals.journal").read_text()


def test_a_grown_wal_is_copied_into_the_database(tmp_path: Path) -> None:
    wal, database = tmp_path / "relay.db-wal", tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        for number in range(90):
            opened.commit([adding(grant(source=f"{number}" * 40_000))])
        assert wal.stat().st_size > 4 << 20
        small = database.stat().st_size
        opened.checkpoint()
        assert database.stat().st_size > small
        assert wal.stat().st_size > 8 << 20
        opened.commit([adding(grant())])
        assert wal.stat().st_size == 8 << 20  # begun anew, and what a burst took is given back


def test_a_large_content_needs_room_to_copy_the_whole_wal_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen on a disk that the WAL had filled: nothing could be copied, and nothing be ended, however much had gone out."""
    asked: list[bool] = []
    with committer(tmp_path) as opened:
        opened.commit([adding(grant(source="x" * 100_000))])
        wal = (tmp_path / "relay.db-wal").stat().st_size
        free = wal + 2 * 3_000_000 + (512 << 10)
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
        ask = Work(lambda _: asked.append(opened.has_room_for(1_000_000)))
        opened.commit([ask, ask, ask, ask])  # together they are asked for as one
        opened.commit([ask])
    assert asked == [True, True, True, False, True]


def test_a_journal_that_a_crash_left_behind_is_brought_up_when_opening(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        opened.commit([adding(withdraw())])  # committed, and not journalled: as if killed in between
    assert not (tmp_path / "withdrawals.journal").exists()
    with committer(tmp_path):
        assert "withdraw" in (tmp_path / "withdrawals.journal").read_text()


def test_opening_fails_without_leaving_files_open(tmp_path: Path) -> None:
    (tmp_path / "relay.db").write_bytes(b"not a database, but something else entirely" * 100)
    with pytest.raises(StoreUnavailableError, match="not a database"):
        Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
