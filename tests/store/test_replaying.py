from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from store.journals import add
from store.samples import ANN, BOB, NOW, PSEUDONYMS, ago, committer, decision, grant, withdraw

from relay.address import Address
from relay.store.committing import Committer, Work
from relay.store.erasing import erase_everywhere, purge_person
from relay.store.facts import read_facts
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.replaying import Replayed, replay
from relay.store.rows import decision_row


def _restored(folder: Path, people: int) -> None:
    """A store from before these people withdrew, and the journal from after."""
    database = folder / "relay.db"
    with committer(folder) as opened:
        add(opened, grant(), grant(BOB))
    backup = database.read_bytes()
    with committer(folder) as opened:
        add(opened, *(withdraw(Address(f"reader{number}", "example.com")) for number in range(people)), withdraw(BOB))
    database.write_bytes(backup)


def test_nothing_is_added_to_a_store_that_lacks_nothing(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw())
        before = opened.journal.path.read_bytes()
        assert replay(opened, NOW) == Replayed(0, 0)
        assert opened.journal.path.read_bytes() == before


def test_everything_is_added_in_groups_and_counted(tmp_path: Path) -> None:
    _restored(tmp_path, 2500)
    steps: list[int] = []
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW, steps.append) == Replayed(2501, 0)
        assert steps == [1000, 1000, 501]
        lines = opened.journal.path.read_bytes().splitlines()
        assert len(lines) == 2502  # no line twice, and the mark
    with committer(tmp_path) as opened:
        facts = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB])
        assert [facts[one].withdrawn_at is not None for one in (ANN, BOB)] == [False, True]


def test_a_replay_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    _restored(tmp_path, 2500)

    class Killed(Exception):  # noqa: N818
        pass

    def kill(_: int) -> None:
        raise Killed

    with committer(tmp_path, behind_is_fine=True) as opened:
        try:
            replay(opened, NOW, kill)
        except Killed:
            assert opened.journal.is_ahead_of(opened.connection)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW) == Replayed(1501, 0)
        assert not opened.journal.is_ahead_of(opened.connection)
        assert opened.connection.execute("SELECT count(*) FROM ledger").fetchone() == (2503,)


def _purged(opened: Committer, person: Address) -> None:
    """As retention does it: the journal first, then the store."""
    opened.forget([person.wide], erased=False)
    opened.commit([Work(lambda connection: purge_person(connection, person.wide, PSEUDONYMS, now=NOW))])


def test_a_replay_killed_before_its_last_word_is_finished_by_the_next_though_nothing_is_missing(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        add(opened, grant())
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        _purged(opened, ANN)
    database.write_bytes(backup)

    class KilledAtTheEnd(Committer):
        def commit(self, works: Sequence[Work]) -> list[Any]:
            if any(work.run == self.journal.mark for work in works):
                raise KeyboardInterrupt
            return super().commit(works)

    killed = KilledAtTheEnd(database, tmp_path / "withdrawals.journal", PSEUDONYMS, behind_is_fine=True)
    with closing(killed), pytest.raises(KeyboardInterrupt):
        replay(killed, NOW)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW) == Replayed(0, 0)
    with committer(tmp_path) as opened:
        assert read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN].withdrawn_at


def test_an_empty_store_that_is_given_noes_of_the_erased_alone_starts_again(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw())
        _purged(opened, ANN)
    for rest in tmp_path.glob("relay.db*"):
        rest.unlink()
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW) == Replayed(1, 0)
    with committer(tmp_path) as opened:
        assert read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN].withdrawn_at


def test_of_two_noes_of_somebody_erased_the_newer_one_stands_whichever_was_told_last(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        add(opened, grant())
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        add(opened, withdraw(at=ago(2)))
        add(opened, withdraw(at=ago(20)))
        _purged(opened, ANN)
    database.write_bytes(backup)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW) == Replayed(2, 0)
        facts = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN])
        assert facts[ANN].withdrawn_at == ago(2)


def test_after_a_replay_no_erasure_is_told_to_be_missing(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw(BOB))
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        erase_everywhere(opened, ANN.wide, NOW)
    database.write_bytes(backup)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert len(list(opened.journal.missing_in(opened.connection))) == 1
        assert replay(opened, NOW) == Replayed(0, 1)
        assert list(opened.journal.missing_in(opened.connection)) == []


@pytest.mark.parametrize("step", ["append_events", "erase_again"])
def test_what_could_not_be_added_is_no_replay(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _restored(tmp_path, 3)

    def fail(*_: object) -> None:
        raise StoreUnavailableError("no space left on the disk", full=True)

    with committer(tmp_path, behind_is_fine=True) as opened:
        with monkeypatch.context() as failing:
            failing.setattr(f"relay.store.replaying.{step}", fail)
            with pytest.raises(StoreUnavailableError, match="no space"):
                replay(opened, NOW)
        replay(opened, NOW)
        assert not opened.journal.is_ahead_of(opened.connection)


@pytest.mark.parametrize("commits", range(4))
def test_a_replay_killed_between_its_commits_leaves_out_no_erasure(
    commits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        add(opened, grant(), grant(BOB))
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        erase_everywhere(opened, ANN.wide, NOW)
        add(opened, withdraw(BOB))
    database.write_bytes(backup)
    done = 0

    class Killed(Exception):  # noqa: N818
        pass

    def commit(opened: Committer, works: Sequence[Work]) -> list[Any]:
        nonlocal done
        if done == commits:
            raise Killed
        done += 1
        return original(opened, works)

    original = Committer.commit
    with committer(tmp_path, behind_is_fine=True) as opened, monkeypatch.context() as killing:
        killing.setattr(Committer, "commit", commit)
        with suppress(Killed):
            replay(opened, NOW)
    with committer(tmp_path, behind_is_fine=True) as opened:
        if opened.journal.is_ahead_of(opened.connection):
            replay(opened, NOW)
        facts = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB])
        assert [facts[one].withdrawn_at is not None for one in (ANN, BOB)] == [True, True]
        assert opened.connection.execute("SELECT address FROM ledger WHERE address LIKE 'ann%'").fetchall() == []


def test_who_stands_in_a_decision_alone_is_erased_once_more_too(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    one = decision(BOB, sender="bob@example.com")
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw())
        opened.commit([Work(lambda connection: connection.execute(query("insert_decision"), decision_row(one)))])
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        erase_everywhere(opened, BOB.wide, NOW)
    database.write_bytes(backup)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW).erased == 1
    assert b"bob@example" not in database.read_bytes()
    with committer(tmp_path) as opened:
        assert opened.connection.execute("SELECT recipient, sender FROM decisions").fetchone() == ("", "@example.com")


def test_who_came_back_and_was_erased_a_second_time_is_erased_by_the_replay_too(tmp_path: Path) -> None:
    """The journal knows of the first erasure already; a store from between the two must not keep the person."""
    database = tmp_path / "relay.db"
    with committer(tmp_path) as opened:
        add(opened, grant(at=ago(30), recorded_at=ago(30)))
        erase_everywhere(opened, ANN.wide, ago(20))
        add(opened, grant(at=ago(9), recorded_at=ago(9), own_act=True))
        assert _yes(opened)
    backup = database.read_bytes()
    with committer(tmp_path) as opened:
        erase_everywhere(opened, ANN.wide, ago(3))
    database.write_bytes(backup)
    with committer(tmp_path, behind_is_fine=True) as opened:
        assert replay(opened, NOW).erased == 1
        assert not _yes(opened)
        assert opened.connection.execute("SELECT count(address) FROM ledger").fetchone() == (0,)


def test_who_asks_again_with_nothing_left_says_no_to_what_comes_to_light_later(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(at=ago(30), recorded_at=ago(30)))
        erase_everywhere(opened, ANN.wide, ago(20))
        assert not erase_everywhere(opened, ANN.wide, ago(3))
        add(opened, grant(at=ago(9), own_act=True))
        assert not _yes(opened)
        add(opened, grant(at=ago(1), own_act=True))
        assert _yes(opened)


def _yes(opened: Committer) -> bool:
    return read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN].yes is not None
