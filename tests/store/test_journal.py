"""What the journal of noes holds: every no, whole, on disk, and written anew where a line or the file is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import SYNC, watch
from store.journals import CARL, add, locals_of
from store.samples import BOB, NOW, PSEUDONYMS, committer, event, grant, withdraw
from structlog.testing import capture_logs

from relay.address import Address
from relay.consent.events import EventKind
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.journal import Journal, JournalDamagedError
from relay.store.replaying import Replayed, replay


def test_only_noes_are_written_and_read_back_whole(tmp_path: Path) -> None:
    dotted = Address("a..b.", "docomo.ne.jp")
    said = [
        withdraw(),
        event(EventKind.COMPLAIN, BOB, stream="", at=None),
        withdraw(dotted, source="one-click\n\u2028"),
    ]
    with committer(tmp_path) as opened:
        add(opened, grant(), said[0])
        add(opened, *said[1:], grant(BOB))
        assert list(opened.journal.events()) == said
    assert (tmp_path / "withdrawals.journal").stat().st_mode & 0o777 == 0o600


def test_a_line_torn_by_a_crash_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        add(opened, withdraw(BOB))
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])
        assert len(list(opened.journal.events())) == 1
        add(opened, withdraw(Address("carl", "example.com")))
        assert path.read_bytes().startswith(whole)
        assert len(list(opened.journal.events())) == 3


def test_noes_that_another_process_did_not_get_to_write_are_written_with_the_next_one(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        opened.commit(
            [Work(lambda connection: append_events(connection, [withdraw(BOB)], PSEUDONYMS, os.urandom))]
        )  # killed here
        add(opened, withdraw(Address("carl", "example.com")))
        assert [one.address.local for one in opened.journal.events()] == ["ann", "bob", "carl"]


def test_a_journal_of_the_first_versions_is_read_and_gone_on_with(tmp_path: Path) -> None:
    journal = tmp_path / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw(), withdraw(BOB))
        old = [
            json.dumps({name: value for name, value in json.loads(line).items() if name not in ("sequence", "check")})
            for line in journal.read_text("utf-8").splitlines()
        ]
    journal.write_text("\n".join([*old, ""]), "utf-8")
    with committer(tmp_path) as opened:
        add(opened, withdraw(CARL))
        assert [entry.sequence for entry in opened.journal.entries()] == [None, None, 4]
        assert locals_of(opened.journal.entries()) == ["ann", "bob", "carl"]
    (tmp_path / "relay.db").unlink()
    for rest in tmp_path.glob("relay.db-*"):
        rest.unlink()
    journal.write_text("\n".join([*old, ""]), "utf-8")
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert opened.journal.is_ahead_of(opened.connection)
        assert replay(opened, NOW) == Replayed(2, 0)
        assert not opened.journal.is_ahead_of(opened.connection)


def test_a_journal_that_is_gone_is_written_anew_and_said(tmp_path: Path) -> None:
    journal = tmp_path / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw(), grant(BOB), withdraw(BOB))
    before = journal.read_bytes()
    journal.unlink()
    with capture_logs() as log, committer(tmp_path):
        assert journal.read_bytes() == before
    (told,) = [line for line in log if line["event"] == "journal-rebuilt"]
    assert (told["lines"], told["log_level"]) == (2, "warning")


def test_the_first_withdrawal_of_all_is_no_rebuilding(tmp_path: Path) -> None:
    with capture_logs() as log, committer(tmp_path) as opened:
        add(opened, withdraw())
    assert log == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda line: line.replace(b"bob@", b"rob@"), "its last line is not as it was written"),
        (lambda line: b"bob@example.com\n", "its last line is no line of this journal"),
        (lambda line: line[: len(line) // 2] + b"\n", "its last line is no line of this journal"),
        (lambda line: line.replace(b'"sequence":2', b'"sequence":9'), "checksum"),
    ],
)
def test_a_journal_whose_end_was_edited_is_told_in_words(
    edit: Callable[[bytes], bytes], words: str, tmp_path: Path
) -> None:
    journal = tmp_path / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + edit(lines[1]))
    with pytest.raises(JournalDamagedError, match=words) as refused:
        Committer(tmp_path / "relay.db", journal, PSEUDONYMS)
    assert "put the file back" in str(refused.value)


def test_many_lines_are_written_with_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [Address(f"reader{number}", "example.com") for number in range(12_000)]
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        synced: list[int] = []
        monkeypatch.setattr("relay.store.journal.os.fsync", synced.append)
        add(opened, *map(withdraw, people))
        assert len(synced) == 1
        monkeypatch.undo()
        assert sum(1 for _ in opened.journal.entries()) == 12_001


def test_a_line_longer_than_the_first_look_is_found(tmp_path: Path) -> None:
    long = withdraw(source="語" * 30_000)
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB), long)
        assert list(opened.journal.events())[1] == long
        assert not opened.journal.is_ahead_of(opened.connection)
        add(opened, withdraw(CARL))
        assert locals_of(opened.journal.entries()) == ["bob", "ann", "carl"]


def test_a_journal_that_cannot_be_written_is_as_long_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        before = opened.journal.path.read_bytes()
        append_events(opened.connection, [withdraw(BOB)], PSEUDONYMS, os.urandom)
        write = os.write

        def half(file: int, octets: bytes) -> int:
            if len(octets) < 100:
                raise OSError(28, "No space left on device")
            return write(file, octets[: len(octets) - 50])

        monkeypatch.setattr("relay.store.growing_file.os.write", half)
        with pytest.raises(OSError, match="No space"):
            opened.journal.lacks_nothing_of(opened.connection)
        monkeypatch.undo()
        assert opened.journal.path.read_bytes() == before


def test_a_no_is_on_disk_and_so_is_the_name_of_a_new_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept" / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        steps = watch(monkeypatch, tmp_path)
        Journal(path).lacks_nothing_of(opened.connection)
        assert steps == [(SYNC, "kept/withdrawals.journal"), (SYNC, "kept")]


def test_a_torn_line_goes_whole_though_the_next_one_is_shorter(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB))
        with opened.journal.path.open("ab") as file:
            file.write(b'{"kind":"withdraw"' + b" " * 5000)
        add(opened, withdraw())
        assert [entry.kind for entry in opened.journal.entries()] == ["withdraw", "withdraw"]
        assert opened.journal.path.read_bytes().endswith(b"}\n")
