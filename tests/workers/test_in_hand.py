from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from workers.yard import Yard, in_yard

from relay.decision import Outcome, Result
from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore
from relay.workers.in_hand import InHand

ANN, BEN = "ann@example.org", "ben@example.org"
MINUTE = timedelta(minutes=1)


async def taken(there: Yard) -> InHand:
    """A message for two, which this process has claimed."""
    await there.queue(ANN, BEN)
    (claimed,) = await there.store.claim(there.clock(), 10)
    return InHand(claimed, store=there.store, clock=there.clock, receipts=None)


async def written(there: Yard) -> list[tuple[str, str, str]]:
    await there.store.flush()
    return there.states()


def over(in_hand: InHand, there: Yard) -> Step:
    """Of the first copy."""
    copy = next(iter(in_hand.left.values()))
    now = there.clock()
    outcome = Outcome(copy.decision, now, Result.DELIVERED, Reply(250, "2.0.0", "ok"))
    return Step(moves=(Move(copy.number, now, counts=True),), outcomes=(outcome,))


def test_what_is_settled_is_on_disk_and_in_the_log_and_ours_no_more(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        with capture_logs() as logs:
            await in_hand.settle([over(in_hand, there)])
        assert [str(copy.recipient.address) for copy in in_hand.left.values()] == [BEN]
        assert there.states() == [(BEN, "queued", "confirmed")]
        assert [one["event"] for one in logs] == ["outcome"]

    in_yard(tmp_path, story)


@pytest.mark.parametrize("at_once", [False, True])
def test_what_cannot_be_written_waits_for_the_store_unless_a_decision_hangs_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailableError("locked")

    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        monkeypatch.setattr(SqliteStore, "commit", away)
        if at_once:
            with pytest.raises(StoreUnavailableError):
                await in_hand.settle([over(in_hand, there)], at_once=True)
            assert len(in_hand.left) == 2
            assert len(await written(there)) == 2
        else:
            await in_hand.settle([over(in_hand, there)])
            assert len(in_hand.left) == 1
            assert await written(there) == [(BEN, "queued", "confirmed")]

    in_yard(tmp_path, story)


def test_what_is_put_back_waits_and_no_attempt_is_counted(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        in_hand.put_back(in_hand.left, Reason.STORE_UNAVAILABLE, MINUTE)
        assert not in_hand.left
        assert await written(there) == [(one, "queued", "store-unavailable") for one in (ANN, BEN)]
        assert there.rows("SELECT DISTINCT attempts, lease FROM copies") == [(0, None)]
        assert await there.store.claim(there.clock(), 10) == ()
        there.later = 2 * MINUTE
        assert len(await there.store.claim(there.clock(), 10)) == 1

    in_yard(tmp_path, story)


def test_only_what_is_ours_can_be_put_back(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        await in_hand.settle([over(in_hand, there)])
        in_hand.put_back([1, 2, 99], Reason.INTERNAL_ERROR, MINUTE)
        assert await written(there) == [(BEN, "queued", "internal-error")]

    in_yard(tmp_path, story)


def test_what_is_given_back_is_as_if_it_had_not_been_claimed(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        await in_hand.give_back()
        await in_hand.give_back()  # there is nothing left to give
        assert there.states() == [(one, "queued", "confirmed") for one in (ANN, BEN)]
        assert there.rows("SELECT DISTINCT lease, starts FROM copies JOIN messages") == [(None, 0)]

    in_yard(tmp_path, story)


def test_of_what_was_cut_short_only_that_counts_which_a_next_hop_has(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        in_hand.started[min(in_hand.left)] = "01J00000000000000000000NEW"
        in_hand.cut_short()
        assert await written(there) == [(ANN, "queued", "outcome-unknown"), (BEN, "queued", "confirmed")]
        assert there.rows("SELECT attempts FROM copies ORDER BY number") == [(1,), (0,)]
        # The decision by which it went out stands, not one of before.
        assert there.rows("SELECT decision FROM copies WHERE attempts = 1") == [("01J00000000000000000000NEW",)]

    in_yard(tmp_path, story)


def test_of_a_message_that_is_gone_nothing_is_written(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        before = there.rows("SELECT * FROM copies")
        in_hand.forget()
        in_hand.cut_short()
        in_hand.put_back([1, 2], Reason.INTERNAL_ERROR, MINUTE)
        await in_hand.give_back()
        await there.store.flush()
        assert there.rows("SELECT * FROM copies") == before

    in_yard(tmp_path, story)


def test_a_copy_that_waits_again_is_ours_no_more_either(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        in_hand = await taken(there)
        now, (first, second) = there.clock(), in_hand.left
        later = Move(first, now, State.QUEUED, Reason.NEXT_HOP_DEFERRED, now + MINUTE, counts=True)
        await in_hand.settle([Step(moves=(later,)), Step(moves=(replace(later, copy=second),))])
        assert not in_hand.left

    in_yard(tmp_path, story)
