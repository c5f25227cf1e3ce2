"""Deliveries that something comes between: bugs, a store that is away, a relay that stops, a worker that dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_hop import Session, say, stall
from workers.yard import Yard, in_yard, until

from relay.decision import Outcome
from relay.queued import Copy, State, Step
from relay.reason import Reason
from relay.store.connection import open_for_writing
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore
from relay.workers.settling import Settling

ANN, BEN, CAY = "ann@example.org", "ben@example.org", "cay@example.org"


def test_a_message_on_which_our_code_fails_three_times_is_set_aside(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN)

        def fail(*_: object) -> None:
            raise RuntimeError("a bug")

        patch.setattr(type(there.rewriter), "plan", fail)
        for _ in range(3):
            assert await there.deliver_due() == 1
            assert there.states() == [(ANN, "queued", "internal-error")]
            there.later += timedelta(minutes=6)
        patch.undo()
        await there.queue(BEN)
        assert await there.deliver_due() == 1
        assert there.states() == [(ANN, "aside", "internal-error")]
        assert there.got() == [BEN]

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_a_copy_that_cannot_be_made_takes_no_other_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        copy = type(there.rewriter).copy

        def fail(rewriter: object, plan: object, reader: object) -> object:
            if str(reader.address) == ANN:  # type: ignore[attr-defined]
                raise RuntimeError("a bug")
            return copy(rewriter, plan, reader)  # type: ignore[arg-type]

        patch.setattr(type(there.rewriter), "copy", fail)
        await there.deliver_due()
        assert there.got() == [BEN]
        assert there.states() == [(ANN, "queued", "internal-error")]
        assert there.rows("SELECT starts FROM messages") == [(1,)]
        assert capsys.readouterr().out.count("] internal-error ") == 1
        for _ in range(2):
            there.later += timedelta(minutes=6)
            await there.deliver_due()
        there.later += timedelta(minutes=6)
        await there.deliver_due()
        assert there.states() == [(ANN, "aside", "internal-error")]

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_a_bug_after_one_copys_attempt_breaks_off_no_other_that_is_on_its_way(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        attempted, may_end = Settling.attempted, asyncio.Event()

        async def wait_for_the_bug(session: Session) -> None:
            if any(BEN.encode() in command for command in session.commands):
                await may_end.wait()
                await asyncio.sleep(0.1)
            session.say(b"250 2.0.0 ok\r\n")

        def fail_once(settling: Settling, copy: Copy, outcome: Outcome) -> object:
            if str(copy.recipient.address) == ANN:
                may_end.set()
                raise RuntimeError("a bug")
            return attempted(settling, copy, outcome)

        there.hop.script["dot"] = deque([wait_for_the_bug])
        patch.setattr(Settling, "attempted", fail_once)
        await there.deliver_due()
        assert there.outcomes() == [("delivered", 250)]
        assert there.states() == [(ANN, "queued", "internal-error")]

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_while_the_store_cannot_tell_nothing_is_sent_and_nothing_is_lost(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)

        async def away(*_: object) -> None:
            raise StoreUnavailableError("locked")

        patch.setattr(SqliteStore, "facts", away)
        await there.deliver_due()
        assert there.got() == []
        assert there.states() == [(ANN, "queued", "store-unavailable")]
        patch.undo()
        there.later = timedelta(seconds=11)
        await there.deliver_due()
        assert there.got() == [ANN]
        assert there.states() == []

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_what_is_decided_anew_goes_out_only_once_that_is_on_disk(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, state=State.HELD, reason=Reason.STALE, due_in=timedelta(days=30))
        there.later = timedelta(seconds=5)
        await there.yes(ANN, days_ago=-0.00001)
        there.later = timedelta(seconds=10)
        commit = SqliteStore.commit

        async def not_now(store: SqliteStore, step: Step) -> None:
            if step.decisions:
                raise StoreUnavailableError("locked")
            await commit(store, step)

        patch.setattr(SqliteStore, "commit", not_now)
        await there.deliver_due()
        assert there.got() == []
        assert there.states() == [(ANN, "queued", "store-unavailable")]
        patch.undo()
        there.later = timedelta(seconds=25)
        await there.deliver_due()
        assert there.got() == [ANN]
        assert there.decided() == [("hold", "stale"), ("deliver", "confirmed")]

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_a_store_that_goes_away_before_the_last_look_keeps_the_copy_here(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        facts, looks = SqliteStore.facts, iter([True, False])

        async def once(store: SqliteStore, *question: object) -> object:
            if not next(looks):
                raise StoreUnavailableError("locked")
            return await facts(store, *question)  # type: ignore[arg-type]

        patch.setattr("relay.second_look._FRESH", timedelta(0))
        patch.setattr(SqliteStore, "facts", once)
        await there.deliver_due()
        assert there.got() == []
        assert there.states() == [(ANN, "queued", "store-unavailable")]
        assert there.rows("SELECT attempts FROM copies") == [(0,)]

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_what_was_delivered_while_the_store_was_away_is_not_delivered_again(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)

        async def away(*_: object) -> None:
            raise StoreUnavailableError("locked")

        patch.setattr(SqliteStore, "commit", away)
        await there.deliver_due()
        assert there.got() == [ANN]
        there.later = timedelta(hours=1)
        assert await there.deliver_due() == 0
        assert there.states() == []

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_what_was_not_begun_when_the_relay_stops_is_given_back_as_it_was(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        people = [f"p{number}@example.org" for number in range(30)]
        await there.yes(*people)
        await there.queue(*people)
        claimed = await there.store.claim(there.clock(), 100)
        delivering = asyncio.create_task(there.deliveries.deliver(claimed[0], there.go_on))
        await until(lambda: len(there.hop.messages) >= 1)
        there.stopping.set()
        await delivering
        assert 1 <= len(there.hop.messages) < 30
        assert len(there.states()) + len(there.hop.messages) == 30
        assert there.rows("SELECT DISTINCT lease, starts, reason FROM copies JOIN messages") == [(None, 0, "confirmed")]
        there.stopping.clear()
        await there.deliver_due()
        assert sorted(there.got()) == sorted(people)

    in_yard(tmp_path, story)


def test_what_was_cut_short_is_tried_again_as_unknown(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        (claimed,) = await there.store.claim(there.clock(), 100)
        delivering = asyncio.create_task(there.deliveries.deliver(claimed, there.go_on))
        await until(lambda: bool(there.hop.messages))
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering
        await there.store.flush()
        assert there.states() == [(ANN, "queued", "outcome-unknown")]
        assert there.rows("SELECT attempts FROM copies") == [(1,)]
        assert await there.deliver_due() == 1

    in_yard(tmp_path, story, dot=[stall, say("250 2.0.0 ok")])


def test_a_message_that_is_gone_meanwhile_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN)
        (claimed,) = await there.store.claim(there.clock(), 100)
        gone = replace(claimed, message=replace(claimed.message, number=claimed.message.number + 1))
        await there.deliveries.deliver(gone, there.go_on)
        assert there.got() == []

    in_yard(tmp_path, story)
    assert "internal-error" not in capsys.readouterr().out


def test_mail_that_is_in_the_hands_of_the_next_hop_is_not_to_blame_when_its_worker_dies(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN, CAY)
        await there.queue(ANN, BEN)
        await there.queue(CAY, ANN)
        with contextlib.closing(open_for_writing(there.path)) as connection:
            connection.execute("UPDATE messages SET starts = 2")  # as after two that died
            connection.execute(
                "UPDATE copies SET due_at = due_at + 3600000000 WHERE message = 2 AND address = ?", (ANN,)
            )
            connection.commit()
        (first,) = await there.store.claim(there.clock(), 10)
        (second,) = await there.store.claim(there.clock(), 10)
        tasks = [asyncio.create_task(there.deliveries.deliver(one, lambda: True)) for one in (first, second)]
        starts = "SELECT number, starts FROM messages ORDER BY number"
        await until(lambda: there.rows(starts) == [(1, 0), (2, 3)])  # of the second, not all was tried
        await until(lambda: len(there.got()) == 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    in_yard(tmp_path, story, dot=stall)
