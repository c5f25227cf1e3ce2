from __future__ import annotations

import os
from pathlib import Path

import pytest
from store.samples import ANN, BOB, PSEUDONYMS, committer, event, grant, withdraw

from relay.address import Address
from relay.consent.events import Event, EventKind
from relay.store.appending import NOES, append_events
from relay.store.committing import Committer, Work
from relay.store.facts import read_facts
from relay.store.port import StoreBehindError


def add(opened: Committer, *events: Event) -> None:
    says_no = any(one.kind in NOES for one in events)
    (result,) = opened.commit(
        [Work(lambda connection: append_events(connection, events, PSEUDONYMS, os.urandom), says_no)]
    )
    assert isinstance(result, tuple), result


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


def test_a_restored_store_is_refused_until_its_withdrawals_are_replayed(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        add(opened, grant(), grant(BOB), withdraw())
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB))
        add(opened, withdraw(Address("carl", "example.com")))
    database.write_bytes(backup)
    with pytest.raises(StoreBehindError):
        Committer(database, tmp_path / "withdrawals.journal", PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        missing = list(opened.journal.missing_in(opened.connection))
        assert [one.address.local for one in missing] == ["bob", "carl"]
        add(opened, *missing)
        assert len(list(opened.journal.events())) == 3
    with committer(tmp_path) as opened:
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB])
        assert all(facts.withdrawn_at is not None for facts in known.values())


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

        monkeypatch.setattr("relay.store.journal.os.write", half)
        with pytest.raises(OSError, match="No space"):
            opened.journal.lacks_nothing_of(opened.connection)
        monkeypatch.undo()
        assert opened.journal.path.read_bytes() == before


def test_no_journal_is_ahead_of_nothing(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        assert not opened.journal.is_ahead_of(opened.connection)
        assert list(opened.journal.events()) == []
