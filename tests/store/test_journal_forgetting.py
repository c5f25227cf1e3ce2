"""People are taken out of the journal and their noes stay: in every spelling, once, whatever happens meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from disk import RENAME, SYNC, watch
from store.journals import CARL, add, forgetting, locals_of, no_of
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, committer, grant, withdraw

from relay.consent.events import EventKind
from relay.store.committing import Work
from relay.store.erasing import erase_person
from relay.store.journal_lines import MARK
from relay.store.spellings import Spellings


def test_a_person_is_taken_out_in_every_spelling_and_the_no_stays(tmp_path: Path) -> None:
    journal = tmp_path / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw(source="by telephone"), withdraw(BOB), withdraw(TAGGED))
        bob = journal.read_bytes().splitlines()[1]
        assert forgetting(opened, ANN) == 2
        text = journal.read_bytes()
        assert b"nn@example" not in text
        assert b"nn+news" not in text
        assert b"telephone" not in text
        assert text.splitlines()[1] == bob
        assert [entry.kind for entry in opened.journal.entries()] == ["withdraw", "withdraw", "withdraw", "erase"]
        assert journal.stat().st_mode & 0o777 == 0o600
        assert no_of(ANN, opened)
        assert not opened.journal.is_ahead_of(opened.connection)
        add(opened, withdraw(CARL))
        assert len(list(opened.journal.entries())) == 5
    assert sorted(tmp_path.glob(".*")) == []


def test_forgetting_again_changes_nothing(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), grant(BOB))
        forgetting(opened, ANN, BOB)
        before = opened.journal.path.read_bytes()
        assert opened.journal.forget([ANN.wide, BOB.wide], PSEUDONYMS, opened.connection) == 0
        assert opened.journal.path.read_bytes() == before
        assert sorted(tmp_path.glob(".*")) == []
        add(opened, withdraw())  # came back, and left
        assert forgetting(opened, ANN) == 1
        assert [entry.kind for entry in opened.journal.entries()][-1] == "erase"


def test_forgetting_what_has_run_out_adds_no_line(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
        assert forgetting(opened, ANN, erased=False) == 1
        assert [entry.kind for entry in opened.journal.entries()] == ["withdraw", "withdraw"]
        assert locals_of(opened.journal.entries()) == [PSEUDONYMS.tombstone(ANN.wide), "bob"]


def test_a_crash_while_forgetting_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
        before = opened.journal.path.read_bytes()
        with opened.journal.path.open("rb") as reading:
            for function in ("os.fsync", "write"):
                with monkeypatch.context() as failing:
                    failing.setattr(f"relay.store.journal.{function}", _fail)
                    with pytest.raises(OSError, match="failed"):
                        opened.journal.forget([ANN.wide], PSEUDONYMS, opened.connection)
                assert opened.journal.path.read_bytes() == before
                assert sorted(tmp_path.glob(".*")) == []
            (tmp_path / ".withdrawals.journal.draft").write_bytes(b"killed here\n" * 1000)
            forgetting(opened, ANN)
            assert reading.read() == before
        assert sorted(tmp_path.glob(".*")) == []


def _fail(*_: object) -> None:
    raise OSError("failed")


def test_a_journal_written_anew_has_the_noes_of_erased_people_too(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
        forgetting(opened, ANN)
        opened.journal.path.unlink()
    with committer(tmp_path) as opened:
        told = [entry for entry in opened.journal.entries() if entry.kind != MARK]
        assert locals_of(told) == [PSEUDONYMS.tombstone(ANN.wide), "bob"]
        assert not opened.journal.is_ahead_of(opened.connection)


def test_what_is_said_while_people_are_looked_for_is_kept_and_they_go_all_the_same(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB), withdraw(), withdraw(CARL))
        file, end = opened.journal.begin()
        with file:
            looked = opened.journal.look_for([ANN.wide], file, end)
            assert (looked.lines, [number for _, number in looked.places]) == (3, [2])
            add(opened, withdraw(TAGGED), withdraw(BOB, stream="offers"))
            assert opened.journal.forget([ANN.wide], PSEUDONYMS, opened.connection, looked=looked) == 2
        addresses = [entry.address for entry in opened.journal.entries() if entry.says_no]
        assert addresses == [str(BOB), "", str(CARL), "", str(BOB)]


def test_people_who_were_looked_for_in_a_file_that_was_replaced_are_looked_for_again(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB), withdraw(), withdraw(CARL))
        file, end = opened.journal.begin()
        with file:
            looked = opened.journal.look_for([ANN.wide], file, end)
            for one in (BOB, CARL):  # by another process, and the second file could have the inode of the first
                opened.journal.forget([one.wide], PSEUDONYMS, opened.connection)
            opened.journal.forget([ANN.wide], PSEUDONYMS, opened.connection, looked=looked)
        assert [entry.address for entry in opened.journal.entries() if entry.says_no] == ["", "", ""]


def test_an_erasure_is_dated_by_itself_not_by_what_the_relay_did_meanwhile(tmp_path: Path) -> None:
    later = NOW + timedelta(hours=1)
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw(BOB))
        # a line of somebody else comes between the erasure and its line in the journal
        opened.commit([Work(lambda c: erase_person(c, ANN.wide, PSEUDONYMS, spellings=Spellings(), now=NOW))])
        add(opened, grant(BOB, at=later, recorded_at=later))
        opened.forget([ANN.wide], erased=True)
        assert [one.recorded_at for one in opened.journal.entries() if one.kind == EventKind.ERASE] == [NOW]


def test_a_changed_journal_is_on_disk_before_it_takes_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
        steps = watch(monkeypatch, tmp_path)
        opened.journal.forget([ANN.wide], PSEUDONYMS, opened.connection, erased=False)
        assert steps.octets[".withdrawals.journal.draft"] == opened.journal.path.stat().st_size
    draft, journal = ".withdrawals.journal.draft", "withdrawals.journal"
    assert [step for step in steps if journal in step[1] or step == (SYNC, ".")] == [
        (SYNC, draft), (RENAME, draft, journal), (SYNC, ".")
    ]  # fmt: skip
