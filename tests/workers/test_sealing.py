from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import LONG
from store.ledgers import findings, write
from structlog.testing import capture_logs

from relay.config.settings import LedgerSettings
from relay.store.port import StoreBrokenError
from relay.store.seals import Sealer
from relay.store.signing import load_ledger_key, public_text
from relay.workers import sealing
from relay.workers.sealing import LedgerKeeper


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_PAUSE", 0.05)


def keeper(folder: Path, **more: Any) -> LedgerKeeper:
    settings = LedgerSettings(folder / "ledger.heads", more.pop("every", timedelta(minutes=5)))
    return LedgerKeeper(folder / "relay.db", settings, folder / "keys" / "ledger.pem", **more)


def sealed(folder: Path) -> int:
    with sqlite3.connect(folder / "relay.db") as connection:
        last: int = connection.execute("SELECT coalesce(max(last), 0) FROM seals").fetchone()[0]
    return last


def trusted(folder: Path) -> tuple[str, ...]:
    return (public_text(load_ledger_key(folder / "keys" / "ledger.pem")),)


def heads(folder: Path) -> int:
    file = folder / "ledger.heads"
    return len(file.read_text().splitlines()) if file.exists() else 0


async def until(done: Callable[[], bool], seconds: float = LONG) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_what_is_recorded_is_sealed_and_signed_while_the_relay_runs_and_once_more_at_its_stop(tmp_path: Path) -> None:
    write(tmp_path, 5)

    async def run() -> None:
        running = keeper(tmp_path)
        running.start()
        await until(lambda: sealed(tmp_path) == 5 and heads(tmp_path) == 1)
        await asyncio.to_thread(write, tmp_path, 7, seed=2)
        await until(lambda: sealed(tmp_path) == 12)
        assert heads(tmp_path) == 1, "it was not time for another one"
        await running.stop()

    with capture_logs() as logged:
        asyncio.run(run())
    assert heads(tmp_path) == 2
    assert findings(tmp_path, trusted=trusted(tmp_path)) == []
    assert [line["event"] for line in logged if line["event"].startswith("ledger")] == [
        "ledger-heads-begun", "ledger-head", "ledger-head",
    ]  # fmt: skip


def test_a_head_is_signed_whenever_it_is_time_for_one(tmp_path: Path) -> None:
    write(tmp_path, 5)

    async def run() -> None:
        running = keeper(tmp_path, every=timedelta(milliseconds=10))
        running.start()
        await until(lambda: heads(tmp_path) == 1)
        await asyncio.to_thread(write, tmp_path, 7, seed=2)
        await until(lambda: heads(tmp_path) == 2)
        await asyncio.sleep(0.3)
        assert heads(tmp_path) == 2, "nothing new, no new head"
        await running.stop()

    asyncio.run(run())


def test_two_relays_on_one_store_leave_one_chain(tmp_path: Path) -> None:
    write(tmp_path, 5)

    async def run() -> None:
        both = [keeper(tmp_path, every=timedelta(milliseconds=10)) for _ in range(2)]
        for one in both:
            one.start()
        for seed in range(10):
            await asyncio.to_thread(write, tmp_path, 5, seed=seed)
        await asyncio.gather(*(one.stop() for one in both))

    asyncio.run(run())
    assert sealed(tmp_path) == 55
    assert findings(tmp_path, trusted=trusted(tmp_path)) == []


def test_nothing_is_sealed_or_signed_while_it_is_anothers_turn(tmp_path: Path) -> None:
    write(tmp_path, 5)
    running = keeper(tmp_path)
    with contextlib.closing(Sealer(tmp_path / "relay.db")) as other, other.turn() as mine:
        assert mine
        assert not running._once()
        assert (sealed(tmp_path), heads(tmp_path)) == (0, 0)
    running._once()
    assert (sealed(tmp_path), heads(tmp_path)) == (5, 1)
    running._finish()


def test_many_lines_are_sealed_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_MANY", 20)

    def never(_self: Sealer, _most: int = 0) -> int:
        raise AssertionError("not in this process")

    write(tmp_path, 50)

    async def run() -> None:
        running = keeper(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(Sealer, "step", never)
            running.start()
            await until(lambda: sealed(tmp_path) == 50)
        await running.stop()

    asyncio.run(run())
    assert findings(tmp_path, trusted=trusted(tmp_path)) == []


def test_a_stop_does_not_wait_for_a_process_that_catches_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_MANY", 20)
    write(tmp_path, 500)

    async def run() -> None:
        running = keeper(tmp_path)
        running.start()
        await until(lambda: running._catching_up is not None)
        await running.stop()
        assert not running._catching_up.is_alive()

    asyncio.run(run())
    assert findings(tmp_path, trusted=trusted(tmp_path)) == []


def test_heads_that_cannot_be_written_are_an_alarm_not_one_a_second_and_nothing_else_stops(tmp_path: Path) -> None:
    write(tmp_path, 5)
    (tmp_path / "ledger.heads").mkdir()

    async def run() -> None:
        running = keeper(tmp_path)
        running.start()
        await until(lambda: sealed(tmp_path) == 5)
        await asyncio.to_thread(write, tmp_path, 5, seed=2)
        await until(lambda: sealed(tmp_path) == 10)
        await running.stop()

    with capture_logs() as logged:
        asyncio.run(run())
    (alarm,) = [line for line in logged if line["log_level"] == "error"]
    assert alarm["event"] == "head-failed"
    assert "ledger.heads" in alarm["why"]


def test_a_line_that_cannot_be_sealed_is_an_alarm(tmp_path: Path) -> None:
    write(tmp_path, 5)
    with sqlite3.connect(tmp_path / "relay.db") as stranger:
        stranger.execute("UPDATE ledger SET salt = x'' WHERE sequence = 1")

    async def run() -> None:
        running = keeper(tmp_path)
        running.start()
        await asyncio.sleep(0.3)
        await running.stop()

    with capture_logs() as logged:
        asyncio.run(run())
    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["sealing-failed"]


def test_seals_that_somebody_filled_with_rubbish_are_an_alarm(tmp_path: Path) -> None:
    write(tmp_path, 5)
    with sqlite3.connect(tmp_path / "relay.db") as stranger:
        stranger.execute("INSERT INTO seals (number, first, last, at, marks, hash) VALUES (1, 1, 3, 0, x'', x'00')")

    async def run() -> None:
        running = keeper(tmp_path)
        running.start()
        await asyncio.sleep(0.3)
        await running.stop()

    asyncio.run(run())
    assert findings(tmp_path, trusted=trusted(tmp_path))


def test_a_disk_that_lies_stops_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 5)
    broken: list[StoreBrokenError] = []

    def lies(_self: Sealer, _most: int = 0) -> int:
        raise StoreBrokenError("disk I/O error")

    monkeypatch.setattr(Sealer, "step", lies)

    async def run() -> None:
        running = keeper(tmp_path, on_broken=broken.append)
        running.start()
        await until(lambda: bool(broken))
        await running.stop()

    asyncio.run(run())


def test_a_relay_that_could_not_start_stops_all_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        await keeper(tmp_path).stop()

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []
