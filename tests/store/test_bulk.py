from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import LONG
from store.samples import PSEUDONYMS, ago, block_of, committer, grant, tolds_in, withdraw
from store.test_disk_faults import small_disk
from store.test_taking import content

from relay.address import Address
from relay.decision import new_id
from relay.store.appending import append_events
from relay.store.bulk import Taken, import_bulk
from relay.store.bundles import bundles
from relay.store.committing import Committer
from relay.store.port import StoreUnavailableError
from relay.store.reading import open_reader
from relay.store.told import Block, event_told, told_of

__all__ = ["small_disk"]

ROWS = 3000
PER_BLOCK = 500


def blocks() -> Iterator[Block]:
    """Some say several things, one in ten has withdrawn."""
    for start in range(0, ROWS, PER_BLOCK):
        told = []
        for number in range(start, start + PER_BLOCK):
            who = Address(f"p{number * 7919 % ROWS - number % 7}", "example.com")
            said = (withdraw if number % 10 == 3 else grant)(who, id=new_id(ago(9), number.to_bytes(10)))
            told.append(told_of(said, number % 3))
        yield block_of(start, told)


def take(
    opened: Committer, processes: int = 2, *, dry_run: bool = False, say: Callable[..., None] = lambda *_: None
) -> tuple[Taken, list[tuple[str, int, int]]]:
    seen: list[tuple[str, int, int]] = []
    taken = import_bulk(
        opened,
        blocks(),
        tolds_in,
        on_parsed=lambda _: None,
        judge=lambda _connection, _rows: None,
        progress=lambda *said: (seen.append(said), say(*said))[0],
        dry_run=dry_run,
        processes=processes,
    )
    return taken, seen


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the list comes to when it is appended in one go, without any of this."""
    with committer(tmp_path_factory.mktemp("plain")) as opened:
        told = [one for block in blocks() for one in tolds_in(block).told]
        opened.connection.execute("BEGIN")
        append_events(opened.connection, list(map(event_told, told)), PSEUDONYMS, os.urandom)
        opened.connection.execute("COMMIT")
        return content(opened.connection)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_long_list_comes_to_what_its_events_come_to(
    tmp_path: Path, expected: dict[str, object], processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.bulk._SMALL", 0)
    with committer(tmp_path) as opened:
        dry, _ = take(opened, processes, dry_run=True)
        assert content(opened.connection)["ledger"] == []
        taken, seen = take(opened, processes)
        assert content(opened.connection) == expected
        assert (taken.rows, taken.known, taken.events) == (ROWS, 0, ROWS)
        assert (dry.rows, dry.known, dry.alone) == (taken.rows, 0, taken.alone)
        again, _ = take(opened, processes)
        assert (again.rows, again.known, again.events) == (ROWS, ROWS, 0)
        assert len(list(opened.journal.events())) == ROWS // 10
    assert [phase for phase, _, _ in seen] == sorted(phase for phase, _, _ in seen)  # reading, then writing
    assert seen[-1] == ("writing", ROWS, ROWS)


CHILD = """
import os, signal, sys
from pathlib import Path
from store.samples import committer
from store.test_bulk import take
from relay.store import bulk, bundles, crew

folder, processes, word, count = sys.argv[1:]
count = int(count)

def die_at(statement):
    global count
    count -= word in statement
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)

bulk._SMALL = 0
crew.bundles = lambda lists: bundles.bundles(lists, 50)

if __name__ == "__main__":
    with committer(Path(folder)) as opened:
        if word == "reading":
            print(take(opened, int(processes), say=lambda *_: die_at("reading"))[0].events)
        else:
            opened.connection.set_trace_callback(die_at)
            print(take(opened, int(processes))[0].events)
"""


def run_child(folder: Path, processes: int, word: str, count: int) -> subprocess.CompletedProcess[str]:
    script = folder / "child.py"
    script.write_text(CHILD)
    return subprocess.run(
        [sys.executable, str(script), str(folder), str(processes), word, str(count)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


@pytest.mark.parametrize("processes", [0, 2])
def test_an_import_killed_anywhere_and_run_again_comes_to_the_same_as_once(
    tmp_path: Path, expected: dict[str, object], processes: int
) -> None:
    events = 0
    kills = (
        ("reading", 5),
        ("COMMIT", 20),
        ("INSERT INTO ledger", 9),
        ("INSERT OR REPLACE INTO facts", 20),
        ("INSERT OR REPLACE INTO noes", 20),
        ("FROM json_each", 30),
    )
    for word, count in kills if processes == 0 else kills[::2]:
        child = run_child(tmp_path, processes, word, count)
        assert child.returncode == -signal.SIGKILL, child.stderr
        with committer(tmp_path) as opened:  # opens, and the journal is brought up to it
            (lines, last) = opened.connection.execute("SELECT count(*), max(sequence) FROM ledger").fetchone()
            assert lines == (last or 0)
            assert events <= lines < ROWS
            events = lines
            noes = opened.connection.execute("SELECT count(*) FROM ledger WHERE kind = 'withdraw'").fetchone()
            assert noes == (len(list(opened.journal.events())),)
    assert events > ROWS // 10
    child = run_child(tmp_path, processes, "never", -1)
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) == ROWS - events
    with committer(tmp_path) as opened:
        assert content(opened.connection) == expected
        assert len(list(opened.journal.events())) == ROWS // 10
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        numbers = reader._connection.execute("SELECT sequence FROM ledger ORDER BY sequence").fetchall()
        assert numbers == [(number,) for number in range(1, ROWS + 1)]


@pytest.mark.integration
def test_a_disk_that_fills_up_costs_no_withdrawal_and_the_list_goes_on_when_there_is_room(
    small_disk: Path, expected: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.crew.bundles", lambda lists: bundles(lists, 50))
    ballast = small_disk / "ballast"
    with committer(small_disk) as opened:
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 1_000_000))
        with pytest.raises(
            StoreUnavailableError, match=r"rows of the list were taken, and all its withdrawals"
        ) as told:
            take(opened, processes=0)
        assert told.value.full
        assert len(list(opened.journal.events())) == ROWS // 10
        assert 0 < opened.connection.execute("SELECT count(*) FROM ledger").fetchone()[0] < ROWS
        ballast.unlink()
        take(opened, processes=0)
        assert content(opened.connection) == expected


@pytest.mark.integration
@pytest.mark.parametrize("processes", [0, 2])
def test_without_room_to_put_a_list_aside_nothing_of_it_is_taken_and_that_is_said(
    small_disk: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.bulk._SMALL", 0)
    with committer(small_disk) as opened:
        (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 40_000))
        with pytest.raises(StoreUnavailableError, match="No space left") as told:
            take(opened, processes)
        assert told.value.full
        assert content(opened.connection)["ledger"] == []


@pytest.mark.parametrize("processes", [0, 2])
def test_what_was_parsed_is_told_in_the_order_of_the_list(
    tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.bulk._SMALL", 0)
    told: list[int] = []
    with committer(tmp_path) as opened:
        import_bulk(
            opened,
            blocks(),
            tolds_in,
            on_parsed=lambda parsed: told.append(parsed.extra[0]),
            judge=lambda _connection, _rows: None,
            dry_run=True,
            processes=processes,
        )
    assert told == [number for number, _ in blocks()]
