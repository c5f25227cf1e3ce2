from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import time
from itertools import pairwise
from pathlib import Path

import pytest
from patience import LONG
from store.ledgers import findings, make_ledger, seal_and_sign, sealer, sign, write
from store.samples import NOW

from relay.consent.ledger import microseconds
from relay.store import seals
from relay.store.port import StoreUnavailableError
from relay.store.seals import Sealer, digests_of, seal_in_the_background

_spawn = multiprocessing.get_context("spawn")


def rows(folder: Path) -> list[tuple[int, int, int, int]]:
    with contextlib.closing(sqlite3.connect(folder / "relay.db")) as connection:
        return connection.execute("SELECT number, first, last, at FROM seals ORDER BY number").fetchall()


def test_what_was_committed_is_sealed_once_in_steps_of_a_bounded_size(tmp_path: Path) -> None:
    write(tmp_path, 25)
    with sealer(tmp_path) as opened:
        assert opened.unsealed() == 25
        assert [opened.step(10) for _ in range(4)] == [10, 10, 5, 0]
        assert opened.unsealed() == 0
        last = opened.last()
        assert last is not None
        assert opened.place_of(3) == (25, last.hash.hex())
        assert opened.place_of(4) is None
        assert opened.place_of(1 << 80) is None
    assert rows(tmp_path) == [
        (number, first, end, microseconds(NOW)) for number, first, end in ((1, 1, 10), (2, 11, 20), (3, 21, 25))
    ]


def test_an_empty_ledger_has_nothing_to_seal(tmp_path: Path) -> None:
    write(tmp_path, 0)
    with sealer(tmp_path) as opened:
        assert opened.seal_all() == 0
        assert opened.last() is None
        sign(tmp_path, opened)
    assert not (tmp_path / "ledger.heads").exists()


def test_several_processes_make_the_seals_that_one_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "_WORTH_PROCESSES", 10)
    monkeypatch.setattr(seals, "MOST_LINES", 7)
    write(tmp_path, 60)
    told: list[int] = []
    with sealer(tmp_path) as opened:
        assert opened.seal_all(told.append, processes=2) == 60
        sign(tmp_path, opened)
    assert sum(told) == 60
    assert len(rows(tmp_path)) == 9
    assert findings(tmp_path) == []


def test_a_seal_that_another_was_faster_with_is_thrown_away(tmp_path: Path) -> None:
    write(tmp_path, 5)
    with sealer(tmp_path) as opened, contextlib.closing(Sealer(tmp_path / "relay.db")) as other:
        digests = digests_of(tmp_path / "relay.db", 1, 5)
        assert other.step() == 5
        assert opened._put(None, seals._split(digests)) == 0
    assert len(rows(tmp_path)) == 1


def test_only_one_takes_a_turn(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with sealer(tmp_path), contextlib.closing(Sealer(tmp_path / "relay.db")) as other, other.turn() as mine:
        assert not mine
    with sealer(tmp_path) as one, contextlib.closing(Sealer(tmp_path / "relay.db")) as other:
        with one.turn() as mine, other.turn() as theirs:
            assert (mine, theirs) == (True, False)
        with other.turn() as mine:
            assert mine


def test_two_processes_that_seal_while_a_third_writes_leave_one_chain(tmp_path: Path) -> None:
    write(tmp_path, 1)
    processes = [_spawn.Process(target=_seal_for_a_while, args=(tmp_path / "relay.db",)) for _ in range(2)]
    for process in processes:
        process.start()
    for seed in range(20):
        write(tmp_path, 7, seed=seed)
    for process in processes:
        process.join(LONG)
        assert process.exitcode == 0
    seal_and_sign(tmp_path)
    found = rows(tmp_path)
    assert [row[0] for row in found] == list(range(1, len(found) + 1))
    assert all(before[2] + 1 == after[1] for before, after in pairwise(found))
    assert found[-1][2] == 141
    assert findings(tmp_path) == []


def _seal_for_a_while(path: Path) -> None:
    until = time.monotonic() + 2
    with contextlib.closing(Sealer(path)) as opened:
        while time.monotonic() < until:
            opened.step(5)  # without taking turns, on purpose


def test_a_kill_at_any_moment_leaves_what_the_next_one_seals(tmp_path: Path) -> None:
    write(tmp_path, 3000)
    killed = 0
    for delay in (0.25, 0.3, 0.35, 0.4):
        process = _spawn.Process(target=_seal_one_by_one, args=(tmp_path / "relay.db",))
        process.start()
        process.join(delay)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            killed += 1
        process.join(LONG)
    assert killed
    seal_and_sign(tmp_path)
    assert rows(tmp_path)[-1][2] == 3000
    assert findings(tmp_path) == []


def _seal_one_by_one(path: Path) -> None:
    with contextlib.closing(Sealer(path)) as opened:
        while opened.step(1):
            pass


def test_a_process_in_the_background_seals_everything(tmp_path: Path) -> None:
    write(tmp_path, 30)
    process = _spawn.Process(target=seal_in_the_background, args=(tmp_path / "relay.db",))
    process.start()
    process.join(LONG)
    assert process.exitcode == 0
    assert rows(tmp_path)[-1][2] == 30


def test_a_line_that_is_none_is_not_sealed_and_not_passed_over(tmp_path: Path) -> None:
    make_ledger(tmp_path, 10)
    write(tmp_path, 10, seed=2)
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as stranger:
        stranger.execute("UPDATE ledger SET salt = x'00' WHERE sequence = 14")
    with sealer(tmp_path) as opened:
        assert opened.step() == 3
        with pytest.raises(StoreUnavailableError, match="line 14 of the ledger cannot be sealed: its salt"):
            opened.step()
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as stranger:
        stranger.execute("DELETE FROM ledger WHERE sequence = 14")
    with sealer(tmp_path) as opened, pytest.raises(StoreUnavailableError, match=r"line 14 .* it is missing"):
        opened.step()


def test_mail_is_not_held_up_by_a_seal_that_waits_for_its_turn_to_write(tmp_path: Path) -> None:
    """Digests are made before the lock is taken: who holds it meanwhile holds up the sealer, not the other way round."""
    write(tmp_path, 500)
    with sealer(tmp_path) as opened:
        held = []
        enter = opened._lock.__class__.__enter__

        class Watched:
            def __enter__(self) -> None:
                enter(lock)
                held.append(time.monotonic())

            def __exit__(self, *error: object) -> None:
                held.append(time.monotonic())
                lock.__exit__(None, None, None)

        lock, opened._lock = opened._lock, Watched()  # type: ignore[assignment]
        assert opened.step() == 500
        opened._lock = lock
    assert len(held) == 2
