"""A no that a list says of somebody who was erased stands in no line of the ledger. The journal carries it all the same,
so that no backup, however old and however often it comes back, loses it.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from store.journals import add
from store.samples import ANN, BOB, NOW, PSEUDONYMS, ago, committer, grant, withdraw
from store.test_taking import take

from relay.consent.events import NOES, Event, EventKind
from relay.store import journal as journal_module
from relay.store.committing import Committer, Work
from relay.store.erasing import erase_everywhere
from relay.store.journal_lines import MARK, Entry, read, write
from relay.store.port import StoreBehindError
from relay.store.replaying import Replayed, replay
from relay.store.rows import no_row
from relay.store.standing_noes import keep_without_line

RECEIPTS = "receipts"


def old_no(**more: object) -> Event:
    return withdraw(**({"at": ago(5), "stream": RECEIPTS} | more))  # type: ignore[arg-type]


def erased(folder: Path) -> Path:
    """A store in which ANN was erased; what it looked like then."""
    with committer(folder) as opened:
        add(opened, grant(recorded_at=ago(9)), grant(BOB, recorded_at=ago(9)))
        erase_everywhere(opened, ANN.wide, ago(2))
    return folder / "relay.db"


def stopped(opened: Committer) -> bool:
    """Is ANN's no there that names the stream?"""
    values = (PSEUDONYMS.tombstone(ANN.wide), RECEIPTS)
    return opened.connection.execute("SELECT 1 FROM noes WHERE wide = ? AND stream = ?", values).fetchone() is not None


def of_the_list(opened: Committer) -> list[Entry]:
    return [entry for entry in opened.journal.entries() if entry.lineless]


def test_what_only_a_tombstone_keeps_stands_in_the_journal_without_the_person(tmp_path: Path) -> None:
    erased(tmp_path)
    with committer(tmp_path) as opened:
        lines = opened.connection.execute("SELECT count(*) FROM ledger").fetchone()
        take(opened, [old_no()])
        assert opened.connection.execute("SELECT count(*) FROM ledger").fetchone() == lines
        (entry,) = of_the_list(opened)
        assert (entry.kind, entry.tombstone, entry.stream, entry.at) == (
            "withdraw", PSEUDONYMS.tombstone(ANN.wide), RECEIPTS, ago(5),
        )  # fmt: skip
        assert opened.journal.last() == entry
        assert b"ann" not in opened.journal.path.read_bytes().lower()
        assert not opened.journal.is_ahead_of(opened.connection)
        take(opened, [old_no()])
        add(opened, withdraw(BOB))
        assert len(of_the_list(opened)) == 1


def test_a_backup_from_before_the_list_is_known_to_be_old_and_gets_the_no_however_often_it_comes(
    tmp_path: Path,
) -> None:
    database = erased(tmp_path)
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        take(opened, [old_no()])
    for _ in range(3):
        database.write_bytes(backup)
        with pytest.raises(StoreBehindError), committer(tmp_path):
            pass
        with committer(tmp_path, behind_is_fine=True) as opened:
            assert not stopped(opened)
            assert replay(opened, NOW) == Replayed(1, 0)
            assert stopped(opened)
            assert replay(opened, NOW) == Replayed(0, 0)
        with committer(tmp_path) as opened:
            assert stopped(opened)


def test_a_backup_of_the_same_line_of_the_ledger_that_has_the_no_lacks_nothing(tmp_path: Path) -> None:
    database = erased(tmp_path)
    with committer(tmp_path) as opened:
        take(opened, [old_no()])
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        add(opened, grant(BOB, stream="offers"))
    database.write_bytes(backup)
    with committer(tmp_path) as opened:
        assert replay(opened, NOW) == Replayed(0, 0)
        assert stopped(opened)


def test_noes_that_come_after_it_are_found_as_ever(tmp_path: Path) -> None:
    database = erased(tmp_path)
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        take(opened, [old_no()])
        add(opened, withdraw(BOB))
    database.write_bytes(backup)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW) == Replayed(2, 0)
        assert stopped(opened)


def test_whoever_dies_between_the_commit_and_the_journal_owes_it_until_the_next_start(tmp_path: Path) -> None:
    erased(tmp_path)
    with committer(tmp_path) as opened:
        no = Entry("withdraw", 0, "", "", PSEUDONYMS.tombstone(ANN.wide), "", RECEIPTS, ago(5), ago(5)).no()
        opened.commit([Work(lambda connection: keep_without_line(connection, [no_row(no)]))])  # and not as a no
        assert of_the_list(opened) == []
    with committer(tmp_path) as opened:
        assert [entry.stream for entry in of_the_list(opened)] == [RECEIPTS]
    with committer(tmp_path) as opened:
        assert len(of_the_list(opened)) == 1


def test_when_the_journal_cannot_be_written_the_store_owes_it_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased(tmp_path)

    def fails(*_: object) -> None:
        raise OSError(5, "no")

    with committer(tmp_path) as opened:
        with monkeypatch.context() as patched:
            patched.setattr(journal_module, "write_all", fails)
            with pytest.raises(Exception, match="no"):
                take(opened, [old_no()])
        assert of_the_list(opened) == []
        add(opened, withdraw(BOB))
        assert [entry.stream for entry in of_the_list(opened)] == [RECEIPTS]


def test_a_full_disk_behind_the_journal_writes_the_line_twice_and_loses_nothing(tmp_path: Path) -> None:
    class Full:
        """A connection whose disk fills up when what was owed is taken out."""

        def __init__(self, connection: sqlite3.Connection, code: int) -> None:
            self.connection, self.code = connection, code

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql.startswith("DELETE FROM owed_noes"):
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = self.code
                raise error
            return self.connection.execute(sql, *values)  # type: ignore[arg-type]

    erased(tmp_path)
    with committer(tmp_path) as opened:
        no = Entry("withdraw", 0, "", "", PSEUDONYMS.tombstone(ANN.wide), "", RECEIPTS, ago(5), ago(5)).no()
        opened.commit([Work(lambda connection: keep_without_line(connection, [no_row(no)]))])
        opened.journal.lacks_nothing_of(Full(opened.connection, sqlite3.SQLITE_FULL))  # type: ignore[arg-type]
        opened.journal.lacks_nothing_of(opened.connection)
        assert len(of_the_list(opened)) == 2
        opened.commit([Work(lambda connection: keep_without_line(connection, [no_row(no)]))])
        with pytest.raises(sqlite3.OperationalError):
            opened.journal.lacks_nothing_of(Full(opened.connection, sqlite3.SQLITE_IOERR))  # type: ignore[arg-type]


def test_a_journal_that_is_written_anew_has_it_as_well(tmp_path: Path) -> None:
    erased(tmp_path)
    with committer(tmp_path) as opened:
        take(opened, [old_no()])
    (tmp_path / "withdrawals.journal").unlink()
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB))
        found = [entry for entry in opened.journal.entries() if entry.stream == RECEIPTS]
        assert [entry.tombstone for entry in found] == [PSEUDONYMS.tombstone(ANN.wide)]


def test_a_line_says_that_it_has_none_and_old_lines_do_not() -> None:
    entry = Entry("complain", 7, "01X", "", "erased:1", "brand", "", NOW, NOW, lineless=True)
    assert read(write(entry)) == entry
    assert json.loads(write(entry))["lineless"] is True
    assert "lineless" not in json.loads(write(Entry(MARK, 7, "01X")))
    for kind in NOES:
        one = Entry(kind, 7, "01X", "", "erased:1", recorded_at=NOW)
        assert one.has_line
        assert not read(write(one)).lineless
    assert not entry.has_line
    assert not Entry(EventKind.ERASE.value, 7, "01X", "", "erased:1", recorded_at=NOW).has_line
    assert not Entry("withdraw", 0, "", "", "erased:1", recorded_at=NOW + timedelta(1)).has_line
