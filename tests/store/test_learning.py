"""Through the store that a relay runs on: outcomes in, facts out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, decision, event, grant, outcome, withdraw

from relay import log
from relay.address import Address
from relay.consent.events import Basis, EventKind
from relay.decision import Outcome, Result
from relay.reply import Reply
from relay.store.learning import tells_of_address
from relay.store.reading import open_reader
from relay.store.sqlite import SqliteStore, open_store

HOP: Final = "127.0.0.1:25"
UNKNOWN: Final = Reply(550, "5.1.1", "no such user")
TAKEN: Final = Reply(250, "2.0.0", "queued")
LATER: Final = timedelta(hours=25)
Use = Callable[[SqliteStore], Awaitable[None]]


def with_store(folder: Path, use: Use) -> None:
    async def run() -> None:
        store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS)
        try:
            await use(store)
        finally:
            await store.close()

    asyncio.run(run())


async def attempts(
    store: SqliteStore,
    addresses: Sequence[Address],
    at: datetime,
    result: Result = Result.REFUSED,
    reply: Reply = UNKNOWN,
    **more: Any,
) -> None:
    decisions = [decision(one, at=at) for one in addresses]
    await store.record(decisions)
    fields: dict[str, Any] = {"at": at, "result": result, "reply": reply, "stream": "newsletter", **more}
    settled: list[Outcome] = [outcome(one, address=one.recipient, **fields) for one in decisions]
    store.settle_later(settled)
    await store.flush()


async def delivered(store: SqliteStore, addresses: Sequence[Address], at: datetime, **more: Any) -> None:
    await attempts(store, addresses, at, Result.DELIVERED, TAKEN, contact=True, **more)


def people(number: int) -> list[Address]:
    return [Address(f"person{place}", "example.com") for place in range(number)]


async def is_undeliverable(store: SqliteStore, address: Address = ANN, stream: str = "newsletter") -> bool:
    return (await store.facts("brand", stream, [address]))[address].undeliverable_at is not None


def test_two_refusals_of_the_address_a_day_apart_stop_the_mail_to_exactly_that_address(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant(), grant(TAGGED), grant(stream="offers")])
        await attempts(store, [ANN], NOW)
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + LATER)
        assert await is_undeliverable(store)
        assert await is_undeliverable(store, stream="offers")
        assert not await is_undeliverable(store, TAGGED)

    with_store(tmp_path, use)
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        (learnt,) = [one for one in reader.events_of(ANN) if one.kind is EventKind.UNDELIVERABLE]
    assert (learnt.address, learnt.brand, learnt.stream) == (ANN, "", "")
    assert (learnt.at, learnt.recorder, learnt.live) == (NOW + LATER, "relay", True)
    assert learnt.source == "refused with 5.1.1 on 2026-03-01 12:00 UTC and 5.1.1 on 2026-03-02 13:00 UTC"


@pytest.mark.parametrize("code", ["5.1.1", "5.1.2", "5.1.6", "5.1.10"])
def test_these_codes_speak_of_the_address(tmp_path: Path, code: str) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        for at in (NOW, NOW + LATER):
            await attempts(store, [ANN], at, reply=Reply(550, code, "no"))
        assert await is_undeliverable(store)

    with_store(tmp_path, use)


@pytest.mark.parametrize(
    ("result", "reply"),
    [
        (Result.REFUSED, Reply(550, "5.7.1", "you are on a list")),
        (Result.REFUSED, Reply(552, "5.2.2", "mailbox full")),
        (Result.REFUSED, Reply(550, "5.0.0", "no such user")),
        (Result.DEFERRED, Reply(450, "4.1.1", "no such user just now")),
        (Result.UNKNOWN, Reply(451, "4.4.2", "connection lost")),
    ],
)
def test_others_do_not(tmp_path: Path, result: Result, reply: Reply) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        for days in range(5):
            await attempts(store, [ANN], NOW + days * LATER, result, reply)
        assert not await is_undeliverable(store)

    with_store(tmp_path, use)


def test_two_refusals_within_a_day_are_one(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        for hours in (0, 1, 23):
            await attempts(store, [ANN], NOW + timedelta(hours=hours))
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + timedelta(hours=24))
        assert await is_undeliverable(store)

    with_store(tmp_path, use)


@pytest.mark.parametrize("stream", ["newsletter", "receipts"])
def test_a_delivery_forgets_the_refusal_before_it(tmp_path: Path, stream: str) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        await attempts(store, [ANN], NOW)
        await delivered(store, [ANN], NOW + timedelta(hours=1), stream=stream)
        await attempts(store, [ANN], NOW + LATER)
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + 2 * LATER)
        assert await is_undeliverable(store)

    with_store(tmp_path, use)


def test_a_delivery_whose_decision_was_purged_meanwhile_counts_by_its_watermark(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        await attempts(store, [ANN], NOW)
        await delivered(store, [ANN], NOW + timedelta(hours=1))

    with_store(tmp_path, use)
    purge(tmp_path)

    async def again(store: SqliteStore) -> None:
        await attempts(store, [ANN], NOW + LATER)
        assert not await is_undeliverable(store)

    with_store(tmp_path, again)


def purge(folder: Path) -> None:
    connection = sqlite3.connect(folder / "relay.db")
    connection.executescript("DELETE FROM outcomes; DELETE FROM decisions;")
    connection.close()


def test_a_yes_after_the_refusal_forgets_it_and_one_after_the_second_clears_it(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        await attempts(store, [ANN], NOW)
        at = NOW + timedelta(hours=2)
        await store.append([grant(at=at, recorded_at=at)])
        await attempts(store, [ANN], NOW + LATER)
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + 2 * LATER)
        assert await is_undeliverable(store)
        at = NOW + 3 * LATER
        await store.append([grant(at=at, recorded_at=at)])
        assert not await is_undeliverable(store)

    with_store(tmp_path, use)


def test_being_a_customer_again_says_nothing_of_the_mailbox(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        await attempts(store, [ANN], NOW)
        at = NOW + timedelta(hours=2)
        await store.append([grant(at=at, recorded_at=at, basis=Basis.CUSTOMER, act=None)])
        await attempts(store, [ANN], NOW + LATER)
        assert await is_undeliverable(store)

    with_store(tmp_path, use)


def test_an_operator_clears_it_and_two_new_refusals_bring_it_back(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        for days in range(2):
            await attempts(store, [ANN], NOW + days * LATER)
        assert await is_undeliverable(store)
        at = NOW + 2 * LATER
        cleared = event(EventKind.DELIVERABLE, at=at, recorded_at=at, brand="", stream="")
        await store.append([cleared])
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + 3 * LATER)
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + 4 * LATER)
        assert await is_undeliverable(store)

    with_store(tmp_path, use)


def test_nothing_is_learnt_while_more_than_five_percent_of_the_next_hops_attempts_fail(tmp_path: Path) -> None:
    everybody = people(94)

    async def use(store: SqliteStore) -> None:
        await store.append([grant(), *map(grant, everybody)])
        await attempts(store, [ANN], NOW)
        await delivered(store, everybody[6:], NOW + LATER)
        await attempts(store, everybody[:6], NOW + LATER)  # 6 of 94
        await attempts(store, [ANN], NOW + LATER)
        assert not await is_undeliverable(store)
        await attempts(store, [ANN], NOW + LATER, next_hop="192.0.2.1:25")
        assert await is_undeliverable(store)

    with_store(tmp_path, use)


def test_while_a_next_hop_fails_nothing_is_remembered_for_later_either(tmp_path: Path) -> None:
    everybody = people(50)

    async def use(store: SqliteStore) -> None:
        await store.append([grant(), *map(grant, everybody)])
        await attempts(store, everybody, NOW)  # a directory that is down calls everybody unknown
        await attempts(store, [ANN], NOW)
        await delivered(store, everybody, NOW + LATER)
        await attempts(store, [ANN], NOW + LATER)
        assert not await is_undeliverable(store)

    with_store(tmp_path, use)


def test_a_few_dead_mailboxes_among_many_are_learnt(tmp_path: Path) -> None:
    everybody = people(100)

    async def use(store: SqliteStore) -> None:
        await store.append([grant(one) for one in everybody])
        for days in range(2):
            at = NOW + days * LATER
            await delivered(store, everybody[5:], at)
            await attempts(store, everybody[:5], at + timedelta(minutes=1))
        found = [await is_undeliverable(store, one) for one in everybody]
        assert found == [True] * 5 + [False] * 95

    with_store(tmp_path, use)


def test_a_refusal_of_a_dead_mailbox_is_written_down_once(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        for days in range(6):
            await attempts(store, [ANN], NOW + days * LATER)

    with_store(tmp_path, use)
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        assert [one.kind for one in reader.events_of(ANN)] == [EventKind.GRANT, EventKind.UNDELIVERABLE]


@pytest.mark.parametrize("stranger", [ANN, BOB], ids=["another spelling of somebody known", "nobody known"])
def test_strangers_never_come_into_the_ledger(tmp_path: Path, stranger: Address) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant(TAGGED)])
        for days in range(3):
            await attempts(store, [stranger], NOW + days * LATER)
        assert not await is_undeliverable(store, stranger)

    with_store(tmp_path, use)
    with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        assert reader.counts().events == 1


def test_a_withdrawn_person_stays_withdrawn_whatever_is_learnt(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.append([grant(), withdraw()])
        for days in range(2):
            await attempts(store, [ANN], NOW + days * LATER)
        known = (await store.facts("brand", "newsletter", [ANN]))[ANN]
        assert known.withdrawn_at is not None
        assert known.undeliverable_at is not None

    with_store(tmp_path, use)


def test_what_was_learnt_is_told_in_the_log_once(tmp_path: Path) -> None:
    log.configure(str(tmp_path / "log"))

    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        for days in range(3):
            await attempts(store, [ANN], NOW + days * LATER)

    with_store(tmp_path, use)
    (line,) = [json.loads(text) for text in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert line["event"] == "undeliverable-learned"
    assert (line["recipient"], line["code"], line["next_hop"]) == ("ann@example.com", "5.1.1", HOP)


def test_mail_that_is_delivered_never_asks_the_store_about_failures(tmp_path: Path) -> None:
    asked: list[str] = []

    async def use(store: SqliteStore) -> None:
        await store.append([grant()])
        await attempts(store, [ANN], NOW)
        store._committer.connection.set_trace_callback(asked.append)
        await delivered(store, [ANN], NOW + LATER)

    with_store(tmp_path, use)
    assert any("INSERT INTO outcomes" in statement for statement in asked)
    assert not any("failures" in statement or "ledger" in statement for statement in asked)


def test_only_a_next_hops_own_refusal_tells_of_an_address() -> None:
    said = outcome(decision(), result=Result.REFUSED, reply=UNKNOWN, address=ANN, stream="newsletter")
    assert tells_of_address(said)
    ours = outcome(decision(), result=Result.REFUSED, reply=UNKNOWN, address=ANN, stream="newsletter", next_hop="")
    assert not tells_of_address(ours)
    withheld = outcome(decision(), result=Result.WITHHELD, reply=UNKNOWN, address=ANN, stream="newsletter")
    assert not tells_of_address(withheld)
