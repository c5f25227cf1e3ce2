"""What becomes of a copy that a worker has in hand, as the step that is written: after its decision, and after its attempt.

Writes nothing itself, knows neither the store nor the next hops, and decides nothing about consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.config.durations import write_duration
from relay.consent.facts import NOTHING_KNOWN
from relay.decision import Outcome, Result
from relay.policy.acceptance import TOLD_WITHIN, Judged, reported_instead
from relay.policy.holding import give_up_at
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
class Settling:
    """One message's copies. stream: None where no policy claims it. chance: of [0, 1), spreads the next attempts."""

    message: Message
    stream: Stream | None
    terms: Terms
    chance: float

    def kept_back(self, copy: Copy, judged: Judged) -> Step:
        """Its decision does not pass."""
        decision = judged.decision
        now = decision.at
        match decision.verdict:
            case Verdict.HOLD if self.stream is not None:
                facts, waiting = judged.facts or NOTHING_KNOWN, self.terms.asking
                until = give_up_at(self.stream, decision.reason, facts, now, waiting, asked_at=copy.asked_at)
                move = Move(copy.number, now, State.HELD, decision.reason, until, decision.id)
                end = Step(moves=(move,))
            case Verdict.DISCARD:
                end = self._reported(
                    copy, Fate.DISCARDED, now, decision=decision.id, reason=decision.reason, reply=decision.reply
                )
            case (
                Verdict.REJECT
            ):  # the recipient's own no, mostly: whoever sent it is told as if it had been refused at once
                end = self._failed(copy, decision.id, decision.reason, decision.reply, now)
            case _ if copy.reason is decision.reason:  # as before: nothing new to record
                return self.later(copy, "", decision.reason, now, last=decision.reply)
            case _:
                end = self.later(copy, decision.id, decision.reason, now, last=decision.reply)
        return merged([Step(decisions=(decision,)), end])

    def later(
        self,
        copy: Copy,
        decision: str,
        reason: Reason,
        now: datetime,
        *,
        last: Reply | None = None,
        next_hop: str = "",
        counts: bool = False,
    ) -> Step:
        """Tried again, or given up when it has waited too long. counts: was that an attempt?"""
        attempts = copy.attempts + counts
        if now - copy.since > self.terms.expire:
            words = f"not delivered within {write_duration(self.terms.expire)}"
            text = one_line(f"expired: {words}: {last.text if last else reason}", _LONGEST_TEXT)
            expired = Reply(451, "4.4.7", text)  # RFC 3463 section 3.5: delivery time expired
            return self._failed(copy, decision, reason, expired, now, next_hop=next_hop, counts=counts)
        due_at = next_attempt(max(attempts, 1), now, self.terms.retry, self.chance)
        move = Move(copy.number, now, State.QUEUED, reason, due_at, decision, counts, last, next_hop)
        return Step(moves=(move,))

    def attempted(self, copy: Copy, outcome: Outcome) -> Step:
        """The next hop has answered, or should have."""
        now, decision = outcome.at, outcome.decision
        match outcome.result:
            case Result.DELIVERED:
                move = Move(
                    copy.number, now, decision=decision, counts=True, last=outcome.reply, next_hop=outcome.next_hop
                )
                end = Step(moves=(move,))
            case Result.REFUSED:
                end = self._failed(
                    copy,
                    decision,
                    Reason.NEXT_HOP_REFUSED,
                    outcome.reply,
                    now,
                    next_hop=outcome.next_hop,
                    counts=True,
                )
            case _:
                reason = outcome.reason or Reason.NEXT_HOP_DEFERRED
                end = self.later(
                    copy, decision, reason, now, last=outcome.reply, next_hop=outcome.next_hop, counts=True
                )
        return merged([end, Step(outcomes=(outcome,))])

    def _failed(
        self,
        copy: Copy,
        decision: str,
        reason: Reason,
        reply: Reply,
        now: datetime,
        *,
        next_hop: str = "",
        counts: bool = False,
    ) -> Step:
        """The sender is to be told; where there is none, or it is the relay itself, the report tells it."""
        fate = self._reported_instead(reason)
        if fate is not None:
            return self._reported(copy, fate, now, decision=decision, reason=reason, reply=reply)
        move = Move(copy.number, now, State.FAILED, reason, now + TOLD_WITHIN, decision, counts, reply, next_hop)
        return Step(moves=(move,))

    def _reported_instead(self, reason: Reason) -> Fate | None:
        if self.message.origin is not Origin.CLIENT:
            return Fate.UNREPORTED
        return reported_instead(self.message.tx, self.stream, reason)

    def _reported(self, copy: Copy, fate: Fate, now: datetime, *, decision: str, reason: Reason, reply: Reply) -> Step:
        """It is over; the client's owner reads of it."""
        line = report_line(self.message, copy, fate, now, reason=reason, decision=decision, reply=reply)
        return Step(moves=(Move(copy.number, now, decision=decision),), reports=(line,))


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
