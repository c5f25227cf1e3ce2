"""Rows that somebody edited, or that were written under other rules: a no is always taken, nothing is sent, and the log
names the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from store.keeping import keeping, periods
from store.samples import (
    ANN,
    BOB,
    NOW,
    PSEUDONYMS,
    ago,
    committer,
    contact,
    decision,
    event,
    grant,
    outcome,
    withdraw,
)
from structlog.testing import capture_logs

from relay.address import Address
from relay.consent.checking import Checked
from relay.consent.events import EventKind
from relay.consent.facts import Facts
from relay.decision import Result
from relay.reply import Reply
from relay.store.due import due_people
from relay.store.erasing import erase_everywhere
from relay.store.newest import newest_recorded
from relay.store.port import StoreUnavailableError, UnreadableError
from relay.store.reading import open_reader
from relay.store.refolding import verify_facts
from relay.store.sqlite import SqliteStore, open_store

#: What makes a line no event, and the words for it.
EDITS = {
    "a kind that never was": ("kind = 'agree'", "EventKind"),
    "a basis that never was": ("basis = 'friendship'", "Basis"),
    "a yes without a basis": ("basis = NULL", "names its basis"),
    "an act after its recording": ("at = recorded_at + 1", "cannot lie after its recording"),
    "a time that no calendar has": ("at = 9000000000000000000", "out of range"),
    "no address": ("address = 'nobody'", "local part"),
    "no address any more": ("address = NULL", "its address is gone"),
}
edits = pytest.mark.parametrize(("edit", "words"), EDITS.values(), ids=EDITS.keys())


def with_store(folder: Path, use: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS)
        try:
            await use(store)
        finally:
            await store.close()

    asyncio.run(run())


def edited(folder: Path, edit: str) -> None:
    """ANN and BOB said yes; then somebody took a shell to ANN's line."""

    async def agree(store: SqliteStore) -> None:
        await store.append([grant(live=True), grant(BOB)])

    with_store(folder, agree)
    with contextlib.closing(sqlite3.connect(folder / "relay.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE ledger SET {edit} WHERE sequence = 1")


async def facts_of(store: SqliteStore, address: Address = ANN, stream: str = "newsletter") -> Facts:
    return (await store.facts("brand", stream, [address]))[address]


@edits
def test_a_withdrawal_is_recorded_all_the_same_and_the_log_names_the_line(
    tmp_path: Path, edit: str, words: str
) -> None:
    edited(tmp_path, edit)

    async def use(store: SqliteStore) -> None:
        assert await store.append([withdraw(stream="offers"), withdraw(BOB)]) == (3, 4)
        assert (await facts_of(store)).withdrawn_at is not None
        assert (await facts_of(store, stream="offers")).withdrawn_at is not None

    with capture_logs() as logged:
        with_store(tmp_path, use)
    (told,) = [one for one in logged if one["event"] == "ledger-line-unreadable"]
    assert told["line"] == 1
    assert words in told["why"]
    assert "example.com" not in str(told)
    assert len((tmp_path / "withdrawals.journal").read_bytes().splitlines()) == 2


@edits
def test_the_line_counts_as_a_no_to_everything_until_a_yes_of_the_persons_own(
    tmp_path: Path, edit: str, words: str
) -> None:
    edited(tmp_path, edit)

    async def use(store: SqliteStore) -> None:
        await store.append([grant(stream="offers", at=NOW)])  # of a list
        assert (await facts_of(store)).yes is None
        assert (await facts_of(store, stream="offers")).yes is None
        assert (await facts_of(store, BOB)).yes is not None
        later = NOW + timedelta(minutes=1)
        await store.append([grant(at=later, recorded_at=later, own_act=True, live=True)])
        assert ((await facts_of(store)).yes is None) is (words == "out of range")  # then nobody knows what is later
        assert (await facts_of(store, stream="offers")).yes is None

    with_store(tmp_path, use)


def test_it_never_hides_an_older_no_nor_puts_a_newer_one_back(tmp_path: Path) -> None:
    edited(tmp_path, "kind = 'agree'")

    async def use(store: SqliteStore) -> None:
        everything = event(EventKind.WITHDRAW, stream="", brand="", at=NOW)
        await store.append([everything])
        await store.append([withdraw(stream="offers", at=ago(200), recorded_at=ago(200))])
        assert (await facts_of(store)).withdrawn_at == NOW

    with_store(tmp_path, use)


@pytest.mark.parametrize(
    ("table", "edit"),
    [
        ("facts", "basis = 'friendship'"),
        ("facts", "freed_at = 9000000000000000000"),
        ("noes", "kind = 'maybe'"),
        ("noes", "at = -9000000000000000000"),
        ("contacts", "at = 9000000000000000000"),
    ],
)
def test_what_was_folded_and_cannot_be_read_keeps_back_the_mail_of_its_person_alone(
    tmp_path: Path, table: str, edit: str
) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant(), withdraw(), grant(BOB)])
        store.settle_later([contact(decision())])
        await store.flush()

    with_store(tmp_path, use)
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE {table} SET {edit} WHERE address <> 'bob@example.com'")

    async def look(store: SqliteStore) -> None:
        of_ann, of_bob = await asyncio.gather(facts_of(store), facts_of(store, BOB), return_exceptions=True)
        assert isinstance(of_ann, UnreadableError)
        assert isinstance(of_ann, StoreUnavailableError)  # 451, and a line in the log
        assert "consent verify" in str(of_ann)
        assert isinstance(of_bob, Facts)

    with_store(tmp_path, look)


def test_a_no_of_an_erased_person_that_cannot_be_read_covers_everything(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        erase_everywhere(opened, ANN.wide, NOW)
        opened.connection.execute("UPDATE noes SET kind = 'maybe'")

    async def use(store: SqliteStore) -> None:
        await store.append([grant(at=ago(1), own_act=True), withdraw(at=NOW)])

    with_store(tmp_path, use)


def test_what_became_of_mail_is_kept_and_nothing_is_learnt(tmp_path: Path) -> None:
    edited(tmp_path, "basis = 'friendship'")

    async def use(store: SqliteStore) -> None:
        refused = outcome(decision(), result=Result.REFUSED, reply=Reply(550, "5.1.1", "no"), address=ANN)
        store.settle_later([refused])
        await store.flush()

    with_store(tmp_path, use)
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db")) as connection:
        assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM failures").fetchone() == (0,)


def test_retention_leaves_the_person_as_they_are_and_others_go(tmp_path: Path) -> None:
    with keeping(tmp_path) as store:
        store.yes(ANN, 2000)
        store.yes(BOB, 2000)
        connection = store.committer.connection
        connection.execute("UPDATE ledger SET basis = 'friendship' WHERE wide = ?", (ANN.wide,))
        assert due_people(connection, [ANN.wide, BOB.wide], PSEUDONYMS, periods()) == {BOB.wide}


def test_erasing_names_a_line_that_cannot_be_sealed(tmp_path: Path) -> None:
    edited(tmp_path, "salt = X'00'")
    with committer(tmp_path) as opened, pytest.raises(UnreadableError, match=r"line 1 of the ledger.*salt"):
        erase_everywhere(opened, ANN.wide, NOW)


def test_a_person_can_be_erased_whose_line_is_no_event(tmp_path: Path) -> None:
    edited(tmp_path, "basis = 'friendship'")
    with committer(tmp_path) as opened:
        assert erase_everywhere(opened, ANN.wide, NOW).lines == 1


def test_commands_say_which_line_it_is(tmp_path: Path) -> None:
    edited(tmp_path, "kind = 'agree'")
    with (
        open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader,
        pytest.raises(UnreadableError, match=r"line 1 of the ledger cannot be read: 'agree' .* consent verify"),
    ):
        reader.events_of(ANN)


def test_verify_names_the_line_once_also_after_the_person_said_more(tmp_path: Path) -> None:
    edited(tmp_path, "basis = 'friendship'")

    async def use(store: SqliteStore) -> None:
        await store.append([withdraw(stream="offers")])

    for _ in range(2):
        found = Checked()
        with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as connection:
            verify_facts(found, connection, PSEUDONYMS)
        assert [finding.line for finding in found.findings] == [1]
        with_store(tmp_path, use)


@pytest.mark.parametrize("edit", ["at = 9000000000000000000", "recorded_at = 9000000000000000000"])
def test_a_journal_is_written_anew_from_lines_with_times_that_no_calendar_has(tmp_path: Path, edit: str) -> None:
    async def stop(store: SqliteStore) -> None:
        await store.append([withdraw()])

    with_store(tmp_path, stop)
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE ledger SET {edit}")
    (tmp_path / "withdrawals.journal").unlink()
    with_store(tmp_path, stop)
    with committer(tmp_path) as opened:
        assert [entry.address for entry in opened.journal.entries()] == ["ann@example.com"] * 2
        assert newest_recorded(opened.connection) is not None
