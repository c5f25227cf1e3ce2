from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from disk import RENAME, SYNC, watch
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, committer, event, fresh_id, grant, withdraw
from structlog.testing import capture_logs

from relay.address import Address
from relay.consent.events import NOES, Event, EventKind
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.erasing import erase_everywhere, erase_person
from relay.store.facts import read_facts
from relay.store.journal import Journal, JournalDamagedError
from relay.store.journal_lines import MARK, Entry
from relay.store.port import StoreBehindError
from relay.store.replaying import Replayed, replay
from relay.store.spellings import Spellings

CARL = Address("carl", "example.com")


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


def _locals(entries: Iterable[Entry]) -> list[str]:
    return [entry.address.partition("@")[0] or entry.tombstone for entry in entries]


def _no_of(address: Address, opened: Committer) -> bool:
    known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [address])[address]
    return known.withdrawn_at is not None


def _roll_back(folder: Path, then: Callable[[Committer], None], before: Callable[[Committer], None]) -> None:
    """`before`, then a copy of the store, then `then`, then the copy is put back."""
    database = folder / "relay.db"
    with committer(folder) as opened:
        before(opened)
    backup = database.read_bytes()
    with committer(folder) as opened:
        then(opened)
    database.write_bytes(backup)


def test_a_restored_store_is_refused_until_its_withdrawals_are_replayed(tmp_path: Path) -> None:
    _roll_back(
        tmp_path,
        lambda opened: add(opened, withdraw(BOB), withdraw(CARL)),
        before=lambda opened: add(opened, grant(), grant(BOB), withdraw()),
    )
    with pytest.raises(StoreBehindError):
        Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert _locals(opened.journal.missing_in(opened.connection)) == ["bob", "carl"]
        assert replay(opened, NOW) == Replayed(2, 0)
    with committer(tmp_path) as opened:
        assert _no_of(ANN, opened)
        assert _no_of(BOB, opened)
        assert list(opened.journal.missing_in(opened.connection)) == []


def test_a_store_that_has_other_lines_under_the_same_numbers_is_behind(tmp_path: Path) -> None:
    """Rolled back, and written to by a program that did not look at the journal."""
    journal = tmp_path / "withdrawals.journal"
    _roll_back(tmp_path, lambda opened: add(opened, withdraw(BOB)), before=lambda opened: add(opened, grant()))
    kept = journal.read_bytes()
    journal.unlink()
    with committer(tmp_path) as opened:
        add(opened, withdraw(CARL), withdraw())
    journal.write_bytes(kept)
    with pytest.raises(StoreBehindError):
        Committer(tmp_path / "relay.db", journal, PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert _locals(opened.journal.missing_in(opened.connection)) == ["bob"]
        replay(opened, NOW)
    with committer(tmp_path) as opened:
        add(opened, withdraw(Address("dora", "example.com")))
        assert all(_no_of(one, opened) for one in (ANN, BOB, CARL))


def test_what_follows_a_replay_is_compared_with_the_lines_of_the_new_numbers(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    _roll_back(
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
        assert _locals(opened.journal.missing_in(opened.connection)) == ["ann"]


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
        assert _locals(opened.journal.entries()) == ["ann", "bob", "carl"]
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


def test_a_line_edited_in_the_middle_is_named_before_a_replay_goes_over_it(tmp_path: Path) -> None:
    journal = tmp_path / "withdrawals.journal"
    _roll_back(
        tmp_path, lambda opened: add(opened, withdraw(), withdraw(BOB), withdraw(CARL)), before=lambda _opened: None
    )
    journal.write_bytes(journal.read_bytes().replace(b"bob@", b"rob@"))
    with committer(tmp_path, behind_is_fine=True) as opened, pytest.raises(JournalDamagedError, match="line 2 is not"):
        replay(opened, NOW)


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
        assert _locals(opened.journal.entries()) == ["bob", "ann", "carl"]


def _forgetting(opened: Committer, *addresses: Address, erased: bool = True) -> int:
    """As an erasure does it: a line of the ledger, the people's rows, the journal."""

    def erase(connection: sqlite3.Connection) -> int:
        (sequence,) = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM ledger").fetchone()
        names = "sequence, id, kind, brand, stream, recorded_at, recorder, language, live, own_act, salt"
        connection.execute(
            f"INSERT INTO ledger ({names}) VALUES (?, ?, 'erase', '', '', 1, 'cli', '', 0, 0, x'00')",
            (sequence, fresh_id()),
        )
        for address in addresses:
            wide, tombstone = address.wide, PSEUDONYMS.tombstone(address.wide)
            connection.execute("UPDATE ledger SET address = NULL, wide = NULL WHERE wide = ?", (wide,))
            connection.execute("UPDATE OR REPLACE noes SET wide = ? WHERE wide = ?", (tombstone, wide))
        return opened.journal.forget([one.wide for one in addresses], PSEUDONYMS, connection, erased=erased)

    (result,) = opened.commit([Work(erase)])
    assert isinstance(result, int), result
    return result


def test_a_person_is_taken_out_in_every_spelling_and_the_no_stays(tmp_path: Path) -> None:
    journal = tmp_path / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw(source="by telephone"), withdraw(BOB), withdraw(TAGGED))
        bob = journal.read_bytes().splitlines()[1]
        assert _forgetting(opened, ANN) == 2
        text = journal.read_bytes()
        assert b"nn@example" not in text
        assert b"nn+news" not in text
        assert b"telephone" not in text
        assert text.splitlines()[1] == bob
        assert [entry.kind for entry in opened.journal.entries()] == ["withdraw", "withdraw", "withdraw", "erase"]
        assert journal.stat().st_mode & 0o777 == 0o600
        assert _no_of(ANN, opened)
        assert not opened.journal.is_ahead_of(opened.connection)
        add(opened, withdraw(CARL))
        assert len(list(opened.journal.entries())) == 5
    assert sorted(tmp_path.glob(".*")) == []


def test_forgetting_again_changes_nothing(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), grant(BOB))
        _forgetting(opened, ANN, BOB)
        before = opened.journal.path.read_bytes()
        assert opened.journal.forget([ANN.wide, BOB.wide], PSEUDONYMS, opened.connection) == 0
        assert opened.journal.path.read_bytes() == before
        assert sorted(tmp_path.glob(".*")) == []
        add(opened, withdraw())  # came back, and left
        assert _forgetting(opened, ANN) == 1
        assert [entry.kind for entry in opened.journal.entries()][-1] == "erase"


def test_forgetting_what_has_run_out_adds_no_line(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
        assert _forgetting(opened, ANN, erased=False) == 1
        assert [entry.kind for entry in opened.journal.entries()] == ["withdraw", "withdraw"]
        assert _locals(opened.journal.entries()) == [PSEUDONYMS.tombstone(ANN.wide), "bob"]


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
            _forgetting(opened, ANN)
            assert reading.read() == before
        assert sorted(tmp_path.glob(".*")) == []


def _fail(*_: object) -> None:
    raise OSError("failed")


def test_a_store_from_before_an_erasure_is_behind_and_gets_the_no_back_without_the_address(tmp_path: Path) -> None:
    _roll_back(
        tmp_path,
        lambda opened: (add(opened, withdraw()), _forgetting(opened, ANN))[0],
        before=lambda opened: add(opened, grant(BOB)),
    )
    with pytest.raises(StoreBehindError):
        Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
    with committer(tmp_path, behind_is_fine=True) as opened:
        replay(opened, NOW)
        assert _no_of(ANN, opened)
        assert _no_of(TAGGED, opened)
        assert not _no_of(BOB, opened)
        assert opened.connection.execute("SELECT count(*) FROM ledger WHERE address LIKE 'ann%'").fetchone() == (0,)
    with committer(tmp_path) as opened:
        assert _no_of(ANN, opened)


def test_a_journal_written_anew_has_the_noes_of_erased_people_too(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), withdraw(BOB))
        _forgetting(opened, ANN)
        opened.journal.path.unlink()
    with committer(tmp_path) as opened:
        told = [entry for entry in opened.journal.entries() if entry.kind != MARK]
        assert _locals(told) == [PSEUDONYMS.tombstone(ANN.wide), "bob"]
        assert not opened.journal.is_ahead_of(opened.connection)


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


def test_no_journal_is_ahead_of_nothing(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        assert not opened.journal.is_ahead_of(opened.connection)
        assert list(opened.journal.events()) == []


def test_a_no_is_on_disk_and_so_is_the_name_of_a_new_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept" / "withdrawals.journal"
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        steps = watch(monkeypatch, tmp_path)
        Journal(path).lacks_nothing_of(opened.connection)
        assert steps == [(SYNC, "kept/withdrawals.journal"), (SYNC, "kept")]


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


def test_a_torn_line_goes_whole_though_the_next_one_is_shorter(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(BOB))
        with opened.journal.path.open("ab") as file:
            file.write(b'{"kind":"withdraw"' + b" " * 5000)
        add(opened, withdraw())
        assert [entry.kind for entry in opened.journal.entries()] == ["withdraw", "withdraw"]
        assert opened.journal.path.read_bytes().endswith(b"}\n")
