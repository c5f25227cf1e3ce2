"""Who of a claimed message's recipients may have it now: each copy is decided anew with the facts of now.

What is new about any of them is on disk before its caller acts on it. A copy that has passed, and passes still, keeps its
decision. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.consent.facts import Facts
from relay.decision import Outcome, Result
from relay.judging import Judging
from relay.log import get_logger
from relay.policy.acceptance import Judged
from relay.policy.asking import may_be_asked_now
from relay.policy.model import Policies, Stream
from relay.queued import Copy, Message, Move, Origin, Step
from relay.reason import MEANINGS, Group, Reason
from relay.reply import Reply
from relay.rewriting import Plan
from relay.workers.in_hand import InHand
from relay.workers.settling import Settling

#: Reasons of copies whose attempt failed: the decision on them passed, and stands while it passes still.
_ATTEMPTED: Final = frozenset({Reason.NEXT_HOP_DEFERRED, Reason.OUTCOME_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Passing:
    """A copy whose decision passes."""

    copy: Copy
    judged: Judged


class Deciding:
    """policies: those in force now. clock: aware UTC now."""

    def __init__(self, judging: Judging, policies: Callable[[], Policies], clock: Callable[[], datetime]) -> None:
        self._judging = judging
        self._policies = policies
        self._clock = clock

    async def passing(self, in_hand: InHand, plan: Plan, settling: Settling, copies: Sequence[Copy]) -> list[Passing]:
        """Those of the copies that pass; the others are settled. Raises StoreUnavailableError."""
        if in_hand.message.origin is Origin.ASK:
            copies = await self._still_asked(in_hand, copies)
        facts = await self._judging.facts(plan.stream, _people(copies))
        steps: list[Step] = []
        passing: list[Passing] = []
        for copy in copies:
            judged = self._judged(plan, copy, facts, in_hand.refused.get(copy.number, ""))
            if judged.decision.passes:
                passing.append(Passing(copy, judged))
                if judged.decision.id != copy.decision:
                    steps.append(Step(decisions=(judged.decision,)))
            else:
                steps.append(settling.kept_back(copy, judged))
        if steps:
            await in_hand.settle(steps, at_once=True)
        return passing

    def asked_about(self, message: Message) -> Stream | None:
        """The stream that a question of the relay's own is about; None where it is none, or the stream is gone."""
        return self._policies().by_id.get(message.about) if message.origin is Origin.ASK else None

    async def _still_asked(self, in_hand: InHand, copies: Sequence[Copy]) -> list[Copy]:
        """Whom the question may still be put to; for the others it is over. They have answered, or said no (law 1)."""
        stream = self.asked_about(in_hand.message)
        now = self._clock()
        facts = await self._judging.facts(stream, _people(copies))
        asked = [
            copy
            for copy, who in zip(copies, _people(copies), strict=True)
            if stream is not None and may_be_asked_now(stream, facts[who], who, now)
        ]
        over = [copy for copy in copies if copy not in asked]
        if over:
            why = "no question is open any more"
            get_logger().info("dropped", message=in_hand.message.tx.id, copies=len(over), why=why)
            # Written down, or an attempt of before would be its last word: a bounce, where nobody was asked.
            outcomes = tuple(Outcome(copy.decision, now, Result.WITHHELD, Reply(550, "5.7.1", why)) for copy in over)
            moves = tuple(Move(copy.number, now) for copy in over)
            await in_hand.settle([Step(outcomes=outcomes, moves=moves)], at_once=True)
        return asked

    def _judged(self, plan: Plan, copy: Copy, facts: Mapping[Address, Facts], undisclosable: str) -> Judged:
        """The decision of now: with the id of the one that stands, where that has passed and this passes, too."""
        judged = self._judging.after_data(plan, copy.recipient, facts, undisclosable=undisclosable)
        if judged.decision.passes and _has_passed(copy):
            return replace(judged, decision=replace(judged.decision, id=copy.decision))
        return judged


def _people(copies: Sequence[Copy]) -> list[Address]:
    return [copy.recipient.address for copy in copies]


def _has_passed(copy: Copy) -> bool:
    """Did the decision that stands pass? One that was let go of a hold, or was aside, waits for its next decision."""
    if copy.reason in _ATTEMPTED:
        return copy.attempts > 0 or copy.since == copy.at
    return MEANINGS[copy.reason].group is Group.PASS and copy.since == copy.at
