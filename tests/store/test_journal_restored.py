"""A store that is older than its journal is known by it, is not started, and gets its noes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from store.journals import CARL, add, forgetting, locals_of, no_of, roll_back
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, committer, grant, withdraw

from relay.address import Address
from relay.store.committing import Committer
from relay.store.erasing import erase_everywhere
from relay.store.journal import JournalDamagedError
from relay.store.port import StoreBehindError
from relay.store.replaying import Replayed, replay


def test_a_restored_store_is_refused_until_its_withdrawals_are_replayed(tmp_path: Path) -> None:
    roll_back(
        tmp_path,
        lambda opened: add(opened, withdraw(BOB), withdraw(CARL)),
        before=lambda opened: add(opened, grant(), grant(BOB), withdraw()),
    )
    with pytest.raises(StoreBehindError):
        Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert locals_of(opened.journal.missing_in(opened.connection)) == ["bob", "carl"]
        assert replay(opened, NOW) == Replayed(2, 0)
    with committer(tmp_path) as opened:
        assert no_of(ANN, opened)
        assert no_of(BOB, opened)
        assert list(opened.journal.missing_in(opened.connection)) == []


def test_a_store_that_has_other_lines_under_the_same_numbers_is_behind(tmp_path: Path) -> None:
    """Rolled back, and written to by a program that did not look at the journal."""
    journal = tmp_path / "withdrawals.journal"
    roll_back(tmp_path, lambda opened: add(opened, withdraw(BOB)), before=lambda opened: add(opened, grant()))
    kept = journal.read_bytes()
    journal.unlink()
    with committer(tmp_path) as opened:
        add(opened, withdraw(CARL), withdraw())
    journal.write_bytes(kept)
    with pytest.raises(StoreBehindError):
        Committer(tmp_path / "relay.db", journal, PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert locals_of(opened.journal.missing_in(opened.connection)) == ["bob"]
        replay(opened, NOW)
    with committer(tmp_path) as opened:
        add(opened, withdraw(Address("dora", "example.com")))
        assert all(no_of(one, opened) for one in (ANN, BOB, CARL))


def test_what_follows_a_replay_is_compared_with_the_lines_of_the_new_numbers(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    roll_back(
        tmp_path,
        lambda opened: add(opened, grant(CARL), grant(ANN), grant(ANN), withdraw(BOB)),
        before=lambda opened: add(opened, grant()),
    )
    with committer(tmp_path, behind_is_fine=True) as opened:
        replay(opened, NOW)
        add(opened, withdraw(CARL))
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        before = opened.journal.path.read_bytes()
        opened.journal.lacks_nothing_of(opened.connection)
        assert opened.journal.path.read_bytes() == before
        add(opened, withdraw(ANN))
    database.write_bytes(backup)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert locals_of(opened.journal.missing_in(opened.connection)) == ["ann"]


def test_looking_and_comparing_read_no_more_than_a_few_rows(tmp_path: Path) -> None:
    """With ten million people, the start must not walk through the ledger."""
    with committer(tmp_path) as opened:
        add(opened, *(grant(Address(f"reader{number}", "example.com")) for number in range(3000)))
        add(
            opened,
            withdraw(),
            withdraw(BOB),
            *(grant(Address(f"late{number}", "example.com")) for number in range(3000)),
        )
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        opened.connection.set_progress_handler(count, 100)
        assert not opened.journal.is_ahead_of(opened.connection)
        opened.journal.lacks_nothing_of(opened.connection)
        assert list(opened.journal.missing_in(opened.connection)) == []
        assert steps < 10


def test_a_line_edited_in_the_middle_is_named_before_a_replay_goes_over_it(tmp_path: Path) -> None:
    journal = tmp_path / "withdrawals.journal"
    roll_back(
        tmp_path, lambda opened: add(opened, withdraw(), withdraw(BOB), withdraw(CARL)), before=lambda _opened: None
    )
    journal.write_bytes(journal.read_bytes().replace(b"bob@", b"rob@"))
    with committer(tmp_path, behind_is_fine=True) as opened, pytest.raises(JournalDamagedError, match="line 2 is not"):
        replay(opened, NOW)


def test_a_store_from_before_an_erasure_is_behind_and_gets_the_no_back_without_the_address(tmp_path: Path) -> None:
    roll_back(
        tmp_path,
        lambda opened: (add(opened, withdraw()), forgetting(opened, ANN))[0],
        before=lambda opened: add(opened, grant(BOB)),
    )
    with pytest.raises(StoreBehindError):
        Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        replay(opened, NOW)
        assert no_of(ANN, opened)
        assert no_of(TAGGED, opened)
        assert not no_of(BOB, opened)
        assert opened.connection.execute("SELECT count(*) FROM ledger WHERE address LIKE 'ann%'").fetchone() == (0,)
    with committer(tmp_path) as opened:
        assert no_of(ANN, opened)


def test_by_a_journal_written_anew_a_store_from_before_an_erasure_is_known(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(), grant(BOB))
    before = (tmp_path / "relay.db").read_bytes()
    with committer(tmp_path) as opened:
        erase_everywhere(opened, ANN.wide, NOW)
        opened.journal.path.unlink()
    with committer(tmp_path):
        pass
    (tmp_path / "relay.db").write_bytes(before)
    with pytest.raises(StoreBehindError), committer(tmp_path):
        pass


def test_no_journal_is_ahead_of_nothing(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        assert not opened.journal.is_ahead_of(opened.connection)
        assert list(opened.journal.events()) == []
