from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journey import NEWS, NOW
from workers.yard import TERMS

from relay.address import Address, address_from_text
from relay.decision import Decision, Outcome, Result
from relay.envelope import Client, Connection, Recipient, Transaction
from relay.policy.acceptance import Judged
from relay.policy.files import load_policies
from relay.policy.model import RefusedAfterData, Stream
from relay.queued import Copy, Fate, Message, Origin, State, Step
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.workers.settling import Settling, merged, report_line

TX = Transaction("01M", NOW, Client("shop"), Connection("192.0.2.7", "shop.example", "ESMTP"), NEWS)
MESSAGE = Message(1, TX, "newsletter", "brand", NOW, 100)
COPY = Copy(
    number=7,
    message=1,
    decision="01OLD",
    recipient=Recipient(address_from_text("ann@example.org")),
    state=State.QUEUED,
    reason=Reason.CONFIRMED,
    stream="newsletter",
    octets=100,
    at=NOW,
    since=NOW,
    due_at=NOW,
)
FULL = Reply(450, "4.2.1", "mailbox full")
SETTLING = Settling(MESSAGE, None, TERMS, 0.5)


def outcome(result: Result, reply: Reply = FULL, *, after: timedelta = timedelta(0)) -> Outcome:
    return Outcome("01NEW", NOW + after, result, reply, "127.0.0.1:25", 0.1)


def newsletter() -> Stream:
    return load_policies(Path(__file__).parents[2] / "policies", NOW).by_id["newsletter"]


def judged(verdict: Verdict, reason: Reason) -> Judged:
    decision = Decision(
        id="01NEW",
        at=NOW,
        message="01M",
        client="shop",
        stream="newsletter",
        brand="brand",
        sender=str(NEWS),
        recipient=COPY.recipient.address,
        verdict=verdict,
        reasons=(reason,),
        status="",
        facts={},
        policy="",
        reply=Reply(550, "5.7.1", "no") if verdict is Verdict.REJECT else Reply(250, "2.0.0", "held"),
    )
    return Judged(COPY.recipient, decision, None)


def state_of(step: Step) -> State | None:
    (move,) = step.moves
    return move.state


@pytest.mark.parametrize(
    ("result", "reply", "state", "reason"),
    [
        (Result.DELIVERED, Reply(250, "2.0.0", "ok"), None, None),
        (Result.REFUSED, Reply(550, "5.1.1", "nobody"), State.FAILED, Reason.NEXT_HOP_REFUSED),
        (Result.DEFERRED, FULL, State.QUEUED, Reason.NEXT_HOP_DEFERRED),
        (Result.UNKNOWN, FULL, State.QUEUED, Reason.OUTCOME_UNKNOWN),
    ],
)
def test_an_attempt_ends_by_what_the_next_hop_said(
    result: Result, reply: Reply, state: State | None, reason: Reason | None
) -> None:
    step = SETTLING.attempted(COPY, outcome(result, reply))
    (move,) = step.moves
    assert (move.state, move.reason, move.counts, move.last) == (state, reason, True, reply)
    assert (move.decision, move.next_hop) == ("01NEW", "127.0.0.1:25")
    assert len(step.outcomes) == 1
    assert step.reports == ()


def test_the_next_attempt_keeps_to_the_schedule() -> None:
    waits = []
    for attempts in range(6):
        (move,) = SETTLING.attempted(replace(COPY, attempts=attempts), outcome(Result.DEFERRED)).moves
        assert move.due_at is not None
        waits.append(move.due_at - NOW)
    assert waits == [*TERMS.retry, TERMS.retry[-1], TERMS.retry[-1]]


@given(st.integers(0, 20), st.timedeltas(timedelta(0), timedelta(days=10)))
def test_a_deferred_copy_is_tried_again_until_it_expires_and_then_its_sender_is_told(
    attempts: int, age: timedelta
) -> None:
    (move,) = SETTLING.attempted(replace(COPY, attempts=attempts), outcome(Result.DEFERRED, after=age)).moves
    expired = age > TERMS.expire
    assert move.state is (State.FAILED if expired else State.QUEUED)
    assert move.reason is Reason.NEXT_HOP_DEFERRED
    assert move.due_at is not None
    assert move.due_at > NOW + age
    assert move.last is not None
    assert (move.last.enhanced == "4.4.7") is expired


def test_the_words_of_an_expired_copy_repeat_what_was_said_last() -> None:
    (move,) = SETTLING.attempted(COPY, outcome(Result.DEFERRED, after=timedelta(days=6))).moves
    assert str(move.last) == "451 4.4.7 expired: not delivered within 5d: mailbox full"
    assert (move.counts, move.next_hop) == (True, "127.0.0.1:25")


def test_time_in_a_hold_is_not_time_in_the_queue() -> None:
    let_go = replace(COPY, since=NOW + timedelta(days=20))
    assert state_of(SETTLING.attempted(let_go, outcome(Result.DEFERRED, after=timedelta(days=21)))) is State.QUEUED


@pytest.mark.parametrize(
    "message", [replace(MESSAGE, origin=Origin.ASK), replace(MESSAGE, tx=replace(TX, sender=None))]
)
def test_where_nobody_can_be_told_the_report_tells(message: Message) -> None:
    step = replace(SETTLING, message=message).attempted(COPY, outcome(Result.REFUSED, Reply(550, "5.1.1", "nobody")))
    assert state_of(step) is None
    (line,) = step.reports
    assert (line.fate, line.reason, line.decision) == (Fate.UNREPORTED, Reason.NEXT_HOP_REFUSED, "01NEW")
    assert line.reply == "550 5.1.1 nobody"


def test_a_policy_that_only_logs_refusals_says_nothing_of_what_the_next_hop_refuses() -> None:
    rules = replace(newsletter().message, refused_after_data=RefusedAfterData.LOG)
    settling = replace(SETTLING, stream=replace(newsletter(), message=rules))
    assert state_of(settling.attempted(COPY, outcome(Result.REFUSED, Reply(550, "5.1.1", "nobody")))) is State.FAILED
    assert state_of(settling.attempted(COPY, outcome(Result.DEFERRED, after=timedelta(days=6)))) is State.FAILED
    assert state_of(settling.kept_back(COPY, judged(Verdict.REJECT, Reason.WITHDRAWN))) is None


def test_a_new_decision_stands_in_the_same_step_as_what_it_does() -> None:
    settling = replace(SETTLING, stream=newsletter())
    held = settling.kept_back(COPY, judged(Verdict.HOLD, Reason.STALE))
    rejected = settling.kept_back(COPY, judged(Verdict.REJECT, Reason.WITHDRAWN))
    discarded = settling.kept_back(COPY, judged(Verdict.DISCARD, Reason.WITHDRAWN))
    deferred = settling.kept_back(COPY, judged(Verdict.DEFER, Reason.STREAM_PAUSED))
    steps = (held, rejected, discarded, deferred)
    assert [state_of(step) for step in steps] == [State.HELD, State.FAILED, None, State.QUEUED]
    assert all(step.decisions[0].id == step.moves[0].decision == "01NEW" for step in steps)
    assert not any(step.moves[0].counts for step in steps)
    assert [[line.fate for line in step.reports] for step in steps] == [[], [], [Fate.DISCARDED], []]
    assert held.moves[0].last is None  # nobody was told of it


def test_what_is_put_off_for_the_same_reason_as_before_keeps_its_decision() -> None:
    before = replace(COPY, reason=Reason.STREAM_PAUSED)
    step = SETTLING.kept_back(before, judged(Verdict.DEFER, Reason.STREAM_PAUSED))
    assert (step.decisions, step.moves[0].decision, step.moves[0].state) == ((), "", State.QUEUED)


def test_being_decided_anew_gives_a_held_copy_no_more_time() -> None:
    settling, day = replace(SETTLING, stream=newsletter()), timedelta(days=1)
    asked = replace(COPY, at=NOW - 3 * day, asked_at=NOW - 2 * day)
    came_later = replace(asked, at=NOW - day)
    ends = [settling.kept_back(copy, judged(Verdict.HOLD, Reason.STALE)).moves[0] for copy in (COPY, asked, came_later)]
    assert [move.due_at for move in ends] == [NOW + 14 * day, NOW + 12 * day, NOW + 13 * day]
    assert [move.asked_at for move in ends] == [None, NOW - 2 * day, NOW - 2 * day]


@pytest.mark.parametrize("sender", [NEWS, None])
def test_what_a_policy_refuses_and_only_logs_is_called_so_whoever_sent_it(sender: Address | None) -> None:
    rules = replace(newsletter().message, refused_after_data=RefusedAfterData.LOG)
    message = replace(MESSAGE, tx=replace(TX, sender=sender))
    settling = replace(SETTLING, message=message, stream=replace(newsletter(), message=rules))
    (line,) = settling.kept_back(COPY, judged(Verdict.REJECT, Reason.WITHDRAWN)).reports
    assert line.fate is Fate.REFUSED


def test_a_line_of_the_report_names_the_decision_that_stands() -> None:
    line = report_line(MESSAGE, COPY, Fate.EXPIRED, NOW, reason=Reason.STALE, reply=None)
    assert (line.decision, line.reply, line.client, line.recipient) == ("01OLD", "", "shop", "ann@example.org")


def test_steps_are_merged_in_their_order() -> None:
    steps = [
        SETTLING.attempted(replace(COPY, number=number), outcome(Result.DELIVERED, Reply(250, "2.0.0", "ok")))
        for number in range(3)
    ]
    assert [move.copy for move in merged(steps).moves] == [0, 1, 2]
    assert len(merged(steps).outcomes) == 3


def test_a_notification_that_reaches_nobody_is_told_as_the_message_that_it_is_about() -> None:
    bounce = replace(SETTLING.message, origin=Origin.BOUNCE, about="01ABOUT")
    step = replace(SETTLING, message=bounce).attempted(COPY, outcome(Result.REFUSED, Reply(550, "5.1.1", "nobody")))
    (line,) = step.reports
    assert (line.message, line.fate) == ("01ABOUT", Fate.UNREPORTED)
