from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from store.samples import ANN, decision, grant, outcome
from store.samples import NOW as SAMPLED
from store.waiting import CONTENT, HOUR, NOW, PSEUDONYMS, Box, copy_to, message_to

from relay.decision import Result
from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.committing import Committer, Work
from relay.store.learning import Lessons
from relay.store.open_queue import OpenQueue
from relay.store.port import QueueFullError
from relay.store.queue import Caps
from relay.store.sqlite import SqliteStore, open_store


@contextlib.asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[SqliteStore]:
    store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS, **more)
    try:
        yield store
    finally:
        await store.close()


def test_what_is_committed_can_be_claimed_read_and_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            assert not await store.next_due(NOW)
            await store.commit(Step(messages=(message_to("a@example.org", "b@example.org"),)))
            assert await store.next_due(NOW)
            (claimed,) = await store.claim(NOW, 10)
            assert [str(copy.recipient.address) for copy in claimed.copies] == ["a@example.org", "b@example.org"]
            assert not await store.next_due(NOW)
            assert await store.claim(NOW, 10) == ()
            assert await store.content(claimed.message.number) == CONTENT
            first, second = claimed.copies
            later = Move(second.number, NOW, State.QUEUED, Reason.NEXT_HOP_DEFERRED, NOW + HOUR, counts=True)
            await store.commit(Step(moves=(Move(first.number, NOW), later)))
            assert await store.claim(NOW, 10) == ()
            ((again,),) = [one.copies for one in await store.claim(NOW + HOUR, 10)]
            assert (again.number, again.attempts, again.reason) == (second.number, 1, Reason.NEXT_HOP_DEFERRED)
            await store.commit(Step(moves=(Move(again.number, NOW + HOUR),)))
            with pytest.raises(KeyError):
                await store.content(claimed.message.number)

    asyncio.run(run())


def test_beyond_a_cap_nothing_of_the_step_is_written_and_others_are(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, caps=Caps(octets=len(CONTENT))) as store:
            results = await asyncio.gather(
                *(store.commit(Step(messages=(message_to(f"{name}@example.org"),))) for name in "abc"),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [type(None), QueueFullError, QueueFullError]
            ((only,),) = [one.copies for one in await store.claim(NOW, 10)]
            assert str(only.recipient.address) == "a@example.org"

    asyncio.run(run())


def test_held_copies_can_be_claimed_when_they_are_given_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            held = copy_to("a@example.org", State.HELD, due=NOW + HOUR)
            await store.commit(Step(messages=(message_to(held),)))
            assert await store.claim_expired(NOW, 10) == ()
            assert await store.next_due(NOW + HOUR, State.HELD)
            (claimed,) = await store.claim_expired(NOW + HOUR, 10)
            assert claimed.copies[0].state is State.HELD

    asyncio.run(run())


def test_something_is_due_only_when_a_claim_would_find_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            later = NOW + HOUR
            for copies in (
                [copy_to("a@example.org", due=later)],
                [copy_to("b@example.org", State.HELD, due=later)],
                [copy_to("c@example.org", State.FAILED, due=later), copy_to("d@example.org", due=later)],
            ):
                await store.commit(Step(messages=(message_to(*copies),)))
                for state in State:
                    assert not await store.next_due(NOW, state)

            claims = {State.QUEUED: store.claim, State.HELD: store.claim_expired, State.FAILED: store.claim_failed}
            for state, claim in claims.items():  # each on its own: what others wait for wakes nobody
                assert await store.next_due(later, state)
                assert await claim(later, 10)
                assert not await store.next_due(later, state)
            assert not await store.next_due(later, State.ASIDE)

    asyncio.run(run())


async def let_go(store: SqliteStore) -> bool:
    """Does what was held wait for the next hop again?"""
    return bool(await store.claim(NOW + HOUR, 10))


def test_a_yes_that_came_before_its_mail_was_written_down_as_held_lets_it_go(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            await store.append([grant(ANN)])
            await store.commit(Step(messages=(message_to(copy_to(str(ANN), State.HELD, due=NOW + 9 * HOUR)),)))
            assert await let_go(store)

    asyncio.run(run())


@pytest.mark.parametrize("meanwhile", [True, False], ids=["after the claim", "before it"])
def test_a_yes_lets_go_what_becomes_held_only_if_it_came_after_the_claim(tmp_path: Path, meanwhile: bool) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            await store.commit(Step(messages=(message_to(str(ANN)),)))
            if not meanwhile:
                await store.append([grant(ANN)])
            ((copy,),) = [one.copies for one in await store.claim(NOW, 10)]
            if meanwhile:
                await store.append([grant(ANN)])
            await store.commit(Step(moves=(Move(copy.number, NOW, State.HELD, Reason.STALE, NOW + 9 * HOUR),)))
            assert await let_go(store) is meanwhile

    asyncio.run(run())


def test_a_claim_that_nobody_waits_for_any_more_is_taken_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            await store.commit(Step(messages=(message_to("a@example.org"),)))
            claiming = asyncio.create_task(store.claim(NOW, 10))
            await asyncio.sleep(0)
            claiming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await claiming
            await store.flush()
            (claimed,) = await store.claim(NOW, 10)
            assert claimed.message.starts == 1

    asyncio.run(run())


def test_a_claim_that_was_not_kept_takes_nothing_back_from_the_next(tmp_path: Path) -> None:
    with contextlib.closing(
        Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
    ) as committer:
        queue = OpenQueue(committer, Caps(), lambda *_: Lessons())
        committer.commit([Work(queue.work_of(Step(messages=(message_to("a@example.org"),))))])
        first, second = (queue.claim(NOW, 10, None, ()) for _ in range(2))

        committer.connection.execute("BEGIN IMMEDIATE")
        first.run(committer.connection)
        committer.connection.execute("ROLLBACK")
        (told,) = committer.commit([Work(second.run)])
        assert len(told.answer) == 1
        committer.commit([Work(first.undo)])  # what nobody waits for comes when the store is there again
        (told,) = committer.commit([Work(queue.claim(NOW, 10, None, ()).run)])
        assert told.answer == ()
        committer.commit([Work(second.undo)])
        (told,) = committer.commit([Work(queue.claim(NOW, 10, None, ()).run)])
        assert len(told.answer) == 1
        queue.close()


def test_what_a_process_had_that_died_is_found_by_the_others_and_by_the_next(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            await store.commit(Step(messages=(message_to("a@example.org", "b@example.org"),)))
            other = Box(tmp_path, lease="of-one-that-died")
            (tmp_path / "relay.db.leases" / "of-one-that-died").touch()
            other.claim(most=1)
            assert await store.next_due(NOW)  # frees it, too
            (claimed,) = await store.claim(NOW, 10)
            assert len(claimed.copies) == 2
            other.lease = "of-another-that-died"
            (tmp_path / "relay.db.leases" / "of-another-that-died").touch()
            await store.commit(Step(messages=(message_to("c@example.org"),)))
            other.claim()
        async with opened(tmp_path) as store:
            found = [await store.claim(NOW, 10) for _ in range(2)]
            addresses = [str(copy.recipient.address) for part in found for one in part for copy in one.copies]
            assert sorted(addresses) == ["a@example.org", "b@example.org", "c@example.org"]

    asyncio.run(run())


def test_a_process_whose_lease_was_removed_is_not_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.open_queue._LOOK_EVERY", 0.0)

    async def run() -> None:
        async with opened(tmp_path) as one, opened(tmp_path) as other:
            await one.commit(Step(messages=(message_to("a@example.org"),)))
            assert await one.claim(NOW, 10)
            shutil.rmtree(tmp_path / "relay.db.leases")
            assert not await other.next_due(NOW)
            assert not await one.next_due(NOW)
            monkeypatch.setattr("relay.store.open_queue._MISSING_FOR", 0.0)
            assert not await other.next_due(NOW)
            assert await other.claim(NOW, 10) == ()
            shutil.rmtree(tmp_path / "relay.db.leases")
            await other.next_due(NOW)  # it is missing for long now
            assert len(await other.claim(NOW, 10)) == 1

    asyncio.run(run())


def test_what_is_refused_for_good_in_a_step_teaches_as_elsewhere(tmp_path: Path) -> None:
    async def run() -> None:
        gone = Reply(550, "5.1.1", "no such mailbox")
        async with opened(tmp_path) as store:
            await store.append([grant(ANN)])
            for day in (0, 8):
                judged = decision(at=SAMPLED + timedelta(days=day))
                refused = outcome(judged, result=Result.REFUSED, reply=gone, address=ANN, at=judged.at, next_hop="hop")
                await store.commit(Step((judged,), outcomes=(refused,)))
            known = await store.facts("brand", "newsletter", [ANN])
            assert known[ANN].undeliverable_at is not None

    asyncio.run(run())


def test_the_sender_can_be_told_as_soon_as_no_copy_waits_for_the_next_hop(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as store:
            failed = copy_to("a@example.org", State.FAILED, due=NOW + HOUR)
            await store.commit(Step(messages=(message_to(failed, "b@example.org"),)))
            assert not await store.next_due(NOW, State.FAILED)
            (claimed,) = await store.claim(NOW, 10)
            assert not await store.next_due(NOW, State.FAILED)
            await store.commit(Step(moves=(Move(claimed.copies[0].number, NOW),)))
            assert await store.next_due(NOW, State.FAILED)
            assert not await store.next_due(NOW)

    asyncio.run(run())
