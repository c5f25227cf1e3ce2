"""What becomes of a copy that a worker has in hand, as the step that is written: after its decision, and after its attempt.

Writes nothing itself, knows neither the store nor the next hops, and decides nothing about consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from relay.config.durations import write_duration
from relay.consent.facts import NOTHING_KNOWN
from relay.decision import Outcome, Result
from relay.policy.acceptance import TOLD_WITHIN, Judged, reported_instead
from relay.policy.holding import give_up_at, open_question
from relay.policy.model import Stream
from relay.queued import Copy, Fate, Message, Move, Origin, ReportLine, State, Step
from relay.reason import Reason, Verdict
from relay.reply import Reply, one_line
from relay.schedule import next_attempt

#: Characters of the next hop's last answer that the reply of an expired copy repeats.
_LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Terms:
    """Of [queue] and [hold]. retry: waits between attempts. expire: how long a copy is tried. asking: how long one that
    becomes held may wait until its recipient is asked.
    """

    retry: Sequence[timedelta]
    expire: timedelta
    asking: timedelta


@dataclass(frozen=True, slots=True)
class Turn:
    """What a copy has come to just now. decision: the newest on it, "" where that is as it was. last: what was answered.
    counts: is it the end of an attempt?
    """

    at: datetime
    reason: Reason
    decision: str = ""
    last: Reply | None = None
    next_hop: str = ""
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Settling:
    """One message's copies. stream: None where no policy claims it. chance: of [0, 1), spreads the next attempts."""

    message: Message
    stream: Stream | None
    terms: Terms
    chance: float

    def kept_back(self, copy: Copy, judged: Judged) -> Step:
        """Its decision does not pass."""
        decision = judged.decision
        turn = Turn(decision.at, decision.reason, decision.id, decision.reply)
        match decision.verdict:
            case Verdict.HOLD if self.stream is not None:
                end = self._held(self.stream, copy, judged)
            case Verdict.DISCARD:
                end = self._reported(copy, Fate.DISCARDED, turn)
            case (
                Verdict.REJECT
            ):  # the recipient's own no, mostly: whoever sent it is told as if it had been refused at once
                end = self._failed(copy, turn)
            case _ if copy.reason is decision.reason:  # as before: nothing new to record
                return self.later(copy, replace(turn, decision=""))
            case _:
                end = self.later(copy, turn)
        return merged([Step(decisions=(decision,)), end])

    def attempted(self, copy: Copy, outcome: Outcome) -> Step:
        """The next hop has answered, or should have."""
        reason = outcome.reason or Reason.NEXT_HOP_DEFERRED
        turn = Turn(outcome.at, reason, outcome.decision, outcome.reply, outcome.next_hop, counts=True)
        match outcome.result:
            case Result.DELIVERED:
                end = Step(moves=(_move(copy, turn),))
            case Result.REFUSED:
                end = self._failed(copy, turn)
            case _:
                end = self.later(copy, turn)
        return merged([end, Step(outcomes=(outcome,))])

    def later(self, copy: Copy, turn: Turn) -> Step:
        """Tried again, or given up when it has waited too long."""
        if turn.at - copy.since > self.terms.expire:
            words = f"not delivered within {write_duration(self.terms.expire)}"
            text = one_line(f"expired: {words}: {turn.last.text if turn.last else turn.reason}", _LONGEST_TEXT)
            # RFC 3463 section 3.5: delivery time expired
            return self._failed(copy, replace(turn, last=Reply(451, "4.4.7", text)))
        attempts = max(copy.attempts + turn.counts, 1)
        due_at = next_attempt(attempts, turn.at, self.terms.retry, self.chance)
        return Step(moves=(_move(copy, turn, State.QUEUED, due_at),))

    def _held(self, stream: Stream, copy: Copy, judged: Judged) -> Step:
        decision, facts = judged.decision, judged.facts or NOTHING_KNOWN
        until = give_up_at(
            stream,
            decision.reason,
            facts,
            decision.at,
            self.terms.asking,
            asked_at=copy.asked_at,
            came_at=None if copy.asked_at is None else copy.at,
        )
        turn = Turn(decision.at, decision.reason, decision.id)  # nobody was answered anything
        move = replace(_move(copy, turn, State.HELD, until), asked_at=open_question(facts, copy.asked_at))
        return Step(moves=(move,))

    def _failed(self, copy: Copy, turn: Turn) -> Step:
        """The sender is to be told; where there is none, or it is the relay itself, the report tells it."""
        fate = self._reported_instead(turn.reason)
        if fate is not None:
            return self._reported(copy, fate, turn)
        return Step(moves=(_move(copy, turn, State.FAILED, turn.at + TOLD_WITHIN),))

    def _reported_instead(self, reason: Reason) -> Fate | None:
        if self.message.origin is not Origin.CLIENT:
            return Fate.UNREPORTED
        return reported_instead(self.message.tx, self.stream, reason)

    def _reported(self, copy: Copy, fate: Fate, turn: Turn) -> Step:
        """It is over; the client's owner reads of it."""
        line = report_line(
            self.message, copy, fate, turn.at, reason=turn.reason, decision=turn.decision, reply=turn.last
        )
        return Step(moves=(Move(copy.number, turn.at, decision=turn.decision),), reports=(line,))


def _move(copy: Copy, turn: Turn, state: State | None = None, due_at: datetime | None = None) -> Move:
    reason = None if state is None else turn.reason
    return Move(copy.number, turn.at, state, reason, due_at, turn.decision, turn.counts, turn.last, turn.next_hop)


def report_line(
    message: Message, copy: Copy, fate: Fate, now: datetime, *, reason: Reason, decision: str = "", reply: Reply | None
) -> ReportLine:
    """One copy that did not go out, for the client's owner. decision: the newest on it, where it is not the copy's. Of a
    notification that reached nobody, the message is the one that it tells of, which failed.
    """
    return ReportLine(
        at=now,
        client=message.tx.client.name,
        brand=message.brand,
        stream=message.stream,
        message=message.about if message.origin is Origin.BOUNCE else message.tx.id,
        decision=decision or copy.decision,
        sender=message.tx.sender_text,
        recipient=str(copy.recipient.address),
        fate=fate,
        reason=reason,
        reply="" if reply is None else str(reply),
    )


def merged(steps: Iterable[Step]) -> Step:
    """All of them as one. None has a message."""
    steps = list(steps)
    return Step(
        decisions=tuple(one for step in steps for one in step.decisions),
        moves=tuple(one for step in steps for one in step.moves),
        outcomes=tuple(one for step in steps for one in step.outcomes),
        reports=tuple(one for step in steps for one in step.reports),
    )
