from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from patience import LONG
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, contact, decision, event, grant, outcome, withdraw

from relay import log
from relay.consent.events import EventKind
from relay.consent.facts import NOTHING_KNOWN
from relay.queued import Step
from relay.store.port import StoreBehindError, StoreBrokenError, StoreUnavailableError
from relay.store.reading import open_reader
from relay.store.sqlite import SqliteStore, open_store


def with_store(folder: Path, use: Callable[[SqliteStore], Awaitable[None]], **more: Any) -> None:
    async def run() -> None:
        store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS, **more)
        try:
            await use(store)
        finally:
            await store.close()

    asyncio.run(run())


def test_what_was_granted_is_known_at_once_and_after_opening_again(tmp_path: Path) -> None:
    async def record(store: SqliteStore) -> None:
        assert await store.append([grant(source="form")]) == (1,)
        known = await store.facts("brand", "newsletter", [ANN, BOB])
        assert known[ANN].yes is not None
        assert known[BOB] == NOTHING_KNOWN

    async def look(store: SqliteStore) -> None:
        known = (await store.facts("brand", "newsletter", [ANN]))[ANN]
        assert known.yes is not None
        assert known.yes.source == "form"
        assert await store.facts("brand", "offers", [ANN]) == {ANN: NOTHING_KNOWN}

    with_store(tmp_path, record)
    with_store(tmp_path, look)


def test_no_addresses_no_facts(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        assert await store.facts("brand", "newsletter", []) == {}

    with_store(tmp_path, use)


def test_a_withdrawal_counts_for_every_spelling_and_no_later_import_lifts_it(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant(), grant(TAGGED)])
        await store.append([withdraw(TAGGED, stream="")])
        await store.append([grant(at=ago(1))])
        for address, facts in (await store.facts("brand", "newsletter", [ANN, TAGGED])).items():
            assert facts.withdrawn_at == ago(5), address
            assert facts.yes is None
        await store.append([grant(at=ago(0), own_act=True)])
        known = await store.facts("brand", "newsletter", [ANN, TAGGED])
        assert known[ANN].withdrawn_at is None
        assert known[TAGGED].withdrawn_at == ago(5)

    with_store(tmp_path, use)


def test_an_event_that_is_known_is_not_added_again(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        first, second = grant(), grant(BOB)
        assert await store.append([first]) == (1,)
        assert await store.append([first, second, second]) == (1, 2, 2)

    with_store(tmp_path, use)
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        assert reader.counts().events == 2
        assert reader.head()[0] == reader.counts().events  # no number is left out


def test_a_contact_moves_the_watermark_of_its_stream_only_forwards(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        made = decision()
        await store.record([made])
        store.settle_later([contact(made, at=ago(1))])
        store.settle_later([contact(made, at=ago(3))])
        store.settle_later([outcome(made, at=NOW)])
        await store.flush()
        known = await store.facts("brand", "newsletter", [ANN])
        assert known[ANN].last_contact_at == ago(1)
        other = await store.facts("brand", "offers", [ANN])
        assert other[ANN].last_contact_at is None

    with_store(tmp_path, use)


def test_outcomes_are_written_soon_though_nobody_waits(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        made = decision()
        await store.record([made])
        store.settle_later([outcome(made)])
        async with asyncio.timeout(LONG):
            while not _outcomes(tmp_path, made.id):  # noqa: ASYNC110 - another connection can only look
                await asyncio.sleep(0.02)

    with_store(tmp_path, use)


def test_closing_writes_what_was_settled_last(tmp_path: Path) -> None:
    made = decision()

    async def use(store: SqliteStore) -> None:
        await store.record([made])
        store.settle_later([outcome(made)])

    with_store(tmp_path, use)
    assert len(_outcomes(tmp_path, made.id)) == 1


def _outcomes(folder: Path, identity: str) -> list[Any]:
    with open_reader(folder / "relay.db", PSEUDONYMS) as reader:
        return list(reader.outcomes_of([identity]))


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        store = await open_store(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
        await store.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await store.record([decision()])
        with pytest.raises(StoreUnavailableError, match="closed"):
            await store.facts("brand", "newsletter", [ANN])
        store.settle_later([outcome(decision())])

    asyncio.run(run())


def test_cancelled_callers_harm_nobody(tmp_path: Path) -> None:
    """A connection that goes away in the middle of a commit must not take other people's rows with it."""
    made = [decision() for _ in range(60)]

    async def use(store: SqliteStore) -> None:
        for start in range(0, 60, 6):
            tasks = [asyncio.create_task(store.record([one])) for one in made[start : start + 6]]
            await asyncio.sleep(0 if start % 12 else 0.0004)
            for task in tasks[::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(result is None for result in results[1::2])
        await store.append([withdraw()])
        assert (await store.facts("brand", "newsletter", [ANN]))[ANN].withdrawn_at is not None

    with_store(tmp_path, use)
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        for index, one in enumerate(made):
            found = reader.found_by_id(one.id)
            assert len(found) == 1 or index % 2 == 0


def test_one_write_that_cannot_be_done_fails_alone(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        good = [decision() for _ in range(5)]
        unfit = decision(sender="\ud800@example.com")  # SQLite takes no lone surrogate
        writes = [store.record([one]) for one in (*good[:3], unfit, *good[3:])]
        results = await asyncio.gather(*writes, store.append([withdraw()]), return_exceptions=True)
        assert [type(result) for result in results] == [type(None)] * 3 + [UnicodeEncodeError] + [type(None)] * 2 + [
            tuple
        ]

    with_store(tmp_path, use)
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        assert reader.counts().decisions == 5


def test_a_store_held_by_another_program_is_unavailable_and_then_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.connection._BUSY_TIMEOUT", 0.1)

    async def use(store: SqliteStore) -> None:
        stranger = sqlite3.connect(tmp_path / "relay.db", isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked") as caught:
            await store.record([decision()])
        assert not caught.value.full
        stranger.execute("ROLLBACK")
        stranger.close()
        await store.record([decision()])

    with_store(tmp_path, use)


def test_whoever_waits_too_long_gets_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.grouping._PATIENCE", 0.1)

    async def use(store: SqliteStore) -> None:
        with _held_lock(tmp_path), pytest.raises(StoreUnavailableError, match="did not answer"):
            await store.record([decision()])

    with_store(tmp_path, use)


def test_a_step_whose_caller_was_told_that_it_failed_is_not_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.grouping._PATIENCE", 0.1)
    late, known = decision(), decision()

    async def use(store: SqliteStore) -> None:
        with _held_lock(tmp_path), pytest.raises(StoreUnavailableError, match="did not answer"):
            await store.commit(Step(decisions=(late,)))
        monkeypatch.setattr("relay.store.grouping._PATIENCE", 15.0)
        await store.commit(Step(decisions=(known,)))

    with_store(tmp_path, use)
    with sqlite3.connect(tmp_path / "relay.db") as tables:
        assert tables.execute("SELECT id FROM decisions").fetchall() == [(known.id,)]


class _held_lock:  # noqa: N801 - reads as a statement
    """The write lock in the hands of another process that does not move."""

    def __init__(self, folder: Path) -> None:
        code = f"import fcntl, sys; f = open({str(folder / 'relay.db.lock')!r}); fcntl.flock(f, 2); print(flush=True); sys.stdin.read()"
        self._process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._process.communicate(b"")


def test_facts_can_be_read_while_another_process_writes(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        with _held_lock(tmp_path):
            assert (await store.facts("brand", "newsletter", [ANN]))[ANN].yes is not None

    with_store(tmp_path, use)


def test_a_disk_that_lies_stops_the_process(tmp_path: Path) -> None:
    """Everybody who waits gets an answer, nobody is promised anything afterwards, and the callback is told once."""
    told: list[StoreBrokenError] = []

    async def use(store: SqliteStore) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        store._committer._transaction = _raising(error)  # type: ignore[method-assign]
        results = await asyncio.gather(*(store.record([decision()]) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, StoreBrokenError) for result in results)
        with pytest.raises(StoreBrokenError):
            await store.append([withdraw()])

    with_store(tmp_path, use, on_broken=told.append)
    assert len(told) == 1


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def test_a_store_behind_its_journal_is_refused(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant(), withdraw()])

    with_store(tmp_path, use)
    (tmp_path / "relay.db").unlink()
    with pytest.raises(StoreBehindError, match="replay-withdrawals"):
        with_store(tmp_path, use)


def test_a_folder_that_cannot_be_written_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError):
        with_store(tmp_path / "file" / "var", _nothing)


async def _nothing(_: SqliteStore) -> None: ...


WRITER = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from store.samples import PSEUDONYMS, decision, withdraw
from relay.address import Address
from relay.store.sqlite import open_store

async def main() -> None:
    folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS)
    for number in range(count):
        made = [decision() for _ in range(5)]
        await asyncio.gather(*(store.record([one]) for one in made))
        await store.append([withdraw(Address(f"{{name}}{{number}}", "example.com"))])
        print(*[one.id for one in made], flush=True)
    await store.close()

asyncio.run(main())
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    processes = [writer(tmp_path, name, 40) for name in ("ann", "bob")]
    ids = [one for process in processes for one in process.communicate(timeout=LONG)[0].split()]
    assert [process.returncode for process in processes] == [0, 0]
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        assert len(ids) == 400
        assert all(reader.found_by_id(one) for one in ids)
        assert reader.counts().events == 80
        assert reader.head()[0] == reader.counts().events  # no number is left out
    journal = (tmp_path / "withdrawals.journal").read_text().splitlines()
    assert len(journal) == 80


def test_what_was_promised_survives_being_killed(tmp_path: Path) -> None:
    for round_number in range(3):
        process = writer(tmp_path, f"round{round_number}-", 10_000)
        assert process.stdout is not None
        promised = [process.stdout.readline() for _ in range(10 * (round_number + 1))]
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        complete = rest[: rest.rfind("\n") + 1]
        ids = "".join([*promised, complete]).split()
        with_store(tmp_path, _nothing)  # opens although the last withdrawal may not have reached the journal
        with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
            assert all(reader.found_by_id(one) for one in ids)
            assert reader.head()[0] == reader.counts().events  # no number is left out
            journal = (tmp_path / "withdrawals.journal").read_text().splitlines()
            assert len(journal) == reader.counts().events


def test_a_lone_complaint_reaches_the_journal_too(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([event(EventKind.COMPLAIN, stream="", at=None)])
        assert "complain" in (tmp_path / "withdrawals.journal").read_text()

    with_store(tmp_path, use)


def test_a_wal_that_nobody_takes_over_is_an_alarm_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("relay.store.sqlite._WAL_ALARM", 1)
    monkeypatch.setattr("relay.store.grouping._AFTER_EVERY", 0.0)
    log.configure()

    async def use(store: SqliteStore) -> None:
        for _ in range(5):
            await store.record([decision()])

    with_store(tmp_path, use)
    structlog.reset_defaults()
    assert capfd.readouterr().out.count('"wal-grows"') == 1
