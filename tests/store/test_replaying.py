from __future__ import annotations

from pathlib import Path

from store.samples import ANN, BOB, NOW, PSEUDONYMS, committer, grant, withdraw
from store.test_journal import add

from relay.address import Address
from relay.store.facts import read_facts
from relay.store.replaying import Replayed, replay


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
