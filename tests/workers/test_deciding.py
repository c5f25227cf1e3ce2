"""Mail that waited is decided anew before it goes out: who may have it now, and what becomes of the others."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import ANY

import pytest
from journey import NEWS, NEWSLETTER
from workers.yard import TERMS, Yard, in_yard

from relay.envelope import Client, Refusal
from relay.judging import Judging
from relay.message.index import index
from relay.policy.model import RELAY_NOTICES
from relay.policy.notices import stream_of
from relay.queued import Claimed, Origin, State
from relay.reason import Reason
from relay.rewriting import Plan
from relay.store import interventions
from relay.store.connection import open_for_writing
from relay.store.uncertain import set_all_aside
from relay.workers.deciding import Deciding
from relay.workers.in_hand import InHand
from relay.workers.settling import Settling

ANN, BEN = "ann@example.org", "ben@example.org"
#: The wait after an attempt, and what chance makes of it.
FIRST = (timedelta(minutes=4.4), timedelta(minutes=5.6))


def test_who_withdraws_while_mail_is_queued_gets_none_and_the_sender_is_told(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        await there.no(ANN)
        await there.deliver_due()
        assert there.got() == [BEN]
        assert there.states() == [(ANN, "failed", "withdrawn")]
        assert there.decided()[2:] == [("reject", "withdrawn no-consent")]
        ((newest,),) = there.rows("SELECT id FROM decisions ORDER BY rowid DESC LIMIT 1")
        assert there.rows("SELECT decision, code FROM copies") == [(newest, 550)]

    in_yard(tmp_path, story)


def test_a_yes_that_grew_old_in_the_queue_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The yes is of long ago; for the store it came a moment before the hold, and it would let go at once.
    monkeypatch.setattr("relay.store.queue.release_overtaken", lambda *_: None)

    async def story(there: Yard) -> None:
        await there.yes(ANN, days_ago=364)
        await there.queue(ANN)
        there.later = timedelta(days=2)
        await there.deliver_due()
        assert there.got() == []
        assert there.states() == [(ANN, "held", "stale")]
        assert there.wait() > timedelta(days=29)  # until it is their turn to be asked

    in_yard(tmp_path, story)


def test_who_was_asked_gains_no_time_when_their_mail_is_decided_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.queue.release_overtaken", lambda *_: None)

    async def story(there: Yard) -> None:
        await there.yes(ANN, days_ago=364)
        await there.queue(ANN)
        with contextlib.closing(open_for_writing(there.path)) as connection:
            connection.execute("UPDATE copies SET asked_at = at")
        there.later = timedelta(days=2)
        await there.deliver_due()
        assert there.states() == [(ANN, "held", "stale")]
        assert there.wait() < timedelta(days=15)

    in_yard(tmp_path, story)


def test_what_was_let_go_of_a_hold_passes_by_a_decision_of_its_own(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, state=State.HELD, reason=Reason.STALE, due_in=timedelta(days=30))
        ((held,),) = there.rows("SELECT decision FROM copies")
        there.later = timedelta(seconds=5)
        await there.yes(ANN, days_ago=-0.00001)
        there.later = timedelta(seconds=10)
        await there.deliver_due()
        assert there.got() == [ANN]
        assert there.decided() == [("hold", "stale"), ("deliver", "confirmed")]
        assert there.rows(f"SELECT count(*) FROM outcomes WHERE decision = '{held}'") == [(0,)]

    in_yard(tmp_path, story)


def test_what_was_held_when_the_backup_was_made_passes_by_a_decision_of_its_own(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, state=State.HELD, reason=Reason.STALE, due_in=timedelta(days=30))
        there.later = timedelta(seconds=5)
        with contextlib.closing(open_for_writing(there.path)) as connection:
            # It had been tried before it was held.
            connection.execute("UPDATE copies SET attempts = 2")
            set_all_aside(connection, there.clock())
            interventions.retry(connection, [1], there.clock(), aside=True)
        await there.yes(ANN, days_ago=-0.00001)
        there.later = timedelta(seconds=10)
        await there.deliver_due()
        assert there.got() == [ANN]
        assert there.decided() == [("hold", "stale"), ("deliver", "confirmed")]

    in_yard(tmp_path, story)


def test_who_says_yes_and_then_no_gets_nothing_of_what_was_let_go(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, state=State.HELD, reason=Reason.STALE, due_in=timedelta(days=30))
        there.later = timedelta(seconds=5)
        await there.yes(ANN, days_ago=-0.00001)
        there.later = timedelta(seconds=7)
        await there.no(ANN)
        there.later = timedelta(seconds=10)
        await there.deliver_due()
        assert there.got() == []
        assert there.states() == [(ANN, "failed", "withdrawn")]
        assert [verdict for verdict, _ in there.decided()] == ["hold", "reject"]

    in_yard(tmp_path, story)


def test_a_client_that_wants_no_refusals_has_them_in_its_report(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        there.clients = [Client("shop", refusal=Refusal.ACCEPT_AND_REPORT)]
        await there.yes(ANN)
        await there.queue(ANN)
        await there.no(ANN)
        await there.deliver_due()
        assert there.states() == []
        assert there.reported() == [(ANN, "discarded", "withdrawn")]

    in_yard(tmp_path, story)


def test_a_policy_that_only_logs_refusals_does_so_for_the_queue_too(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        await there.no(ANN)
        await there.deliver_due()
        assert there.states() == []
        assert there.reported() == [(ANN, "refused", "withdrawn")]

    in_yard(tmp_path, story, newsletter=NEWSLETTER + '[message]\nrefused_after_data = "log"\n')


def test_what_the_policy_defers_is_decided_again_and_again_and_recorded_once(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, days_ago=400)
        await there.queue(ANN)
        for _ in range(3):
            assert await there.deliver_due() == 1
            assert there.states() == [(ANN, "queued", "stale")]
            assert there.rows("SELECT attempts FROM copies") == [(0,)]
            assert FIRST[0] < there.wait() < FIRST[1]
            there.later += FIRST[1]
        assert there.decided() == [("deliver", "confirmed"), ("defer", "stale")]

    in_yard(tmp_path, story, newsletter=NEWSLETTER + '[verdict]\nstale = "defer"\n')


async def looked_at(there: Yard, meanwhile: Callable[[], Awaitable[None]]) -> tuple[list[str], InHand]:
    """Who may have the one message that waits, after something has happened; and what is still in hand."""
    judging = Judging(
        store=there.store,
        policies=lambda: there.policies,
        mode=there.mode,
        clock=there.clock,
        randomness=lambda size: next(there.numbers).to_bytes(size),
    )
    (claimed,) = await there.store.claim(there.clock(), 100)
    await meanwhile()
    in_hand, stream = hand(there, claimed), stream_of(there.policies, claimed.message.stream)
    plan = Plan(claimed.message.tx, stream, index(b""), None, ())
    settling = Settling(claimed.message, stream, TERMS, 0.5)
    deciding = Deciding(judging, lambda: there.policies, there.clock)
    passing = await deciding.passing(in_hand, plan, settling, claimed.copies)
    return [str(one.judged.recipient.address) for one in passing], in_hand


def hand(there: Yard, claimed: Claimed) -> InHand:
    return InHand(claimed, store=there.store, clock=there.clock, receipts=None)


def test_who_passes_stays_in_hand_and_keeps_the_decision_and_of_the_others_all_is_written(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        passing, in_hand = await looked_at(there, lambda: there.no(ANN))
        assert passing == [BEN]
        assert [str(copy.recipient.address) for copy in in_hand.left.values()] == [BEN]
        assert there.decided()[2:] == [("reject", "withdrawn no-consent")]
        assert there.states() == [(ANN, "failed", "withdrawn"), (BEN, "queued", "confirmed")]

    in_yard(tmp_path, story)


def test_why_ones_own_copy_cannot_carry_the_footer_decides_on_that_one_alone(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        refuse = InHand.__init__

        def with_a_refusal(in_hand: InHand, claimed: Claimed, **parts: object) -> None:
            refuse(in_hand, claimed, **parts)  # type: ignore[arg-type]
            in_hand.refused[claimed.copies[0].number] = "the charset has no such character"

        patch.setattr(InHand, "__init__", with_a_refusal)
        passing, _ = await looked_at(there, nothing)
        assert passing == [BEN]
        assert there.states()[0] == (ANN, "queued", "disclosure-impossible")

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


async def nothing() -> None:
    return None


@pytest.mark.parametrize(("answers", "asked"), [((), [ANN, BEN]), ((ANN,), [BEN])])
def test_a_question_is_put_only_to_whom_it_is_still_open(
    tmp_path: Path, answers: tuple[str, ...], asked: list[str]
) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN, days_ago=400)
        await there.queue(
            ANN, BEN,
            stream=RELAY_NOTICES, sender=NEWS, reason=Reason.TRANSACTIONAL, origin=Origin.ASK, about="newsletter",
        )  # fmt: skip
        passing, in_hand = await looked_at(there, lambda: there.yes(*answers, days_ago=0))
        assert passing == asked
        assert len(in_hand.left) == len(asked)
        assert there.outcomes() == [("withheld", 550)] * len(answers)

    in_yard(tmp_path, story)


def test_a_question_about_a_stream_that_is_gone_is_put_to_nobody(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, days_ago=400)
        await there.queue(
            ANN, stream=RELAY_NOTICES, sender=NEWS, reason=Reason.TRANSACTIONAL, origin=Origin.ASK, about="gone"
        )
        assert await looked_at(there, nothing) == ([], ANY)
        assert there.states() == []

    in_yard(tmp_path, story)
