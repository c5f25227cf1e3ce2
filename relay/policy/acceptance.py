"""What is taken over at DATA: from the decisions to the one step that is written down, and the reply (law 3). Pure.

A 250 is said only for what stands in that step; where nothing is taken over, nothing but the decisions is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.decision import Decision, Outcome, Result
from relay.envelope import Recipient, Transaction
from relay.policy.holding import give_up_at, open_question
from relay.policy.model import RefusedAfterData, Stream
from relay.queued import Fate, NewCopy, NewMessage, ReportLine, State, Step
from relay.reason import PRECEDENCE, Reason, Verdict
from relay.reply import Reply, one_line
from relay.schedule import next_attempt

#: How long the failed copies of one message wait for each other, so that its sender gets one notice.
TOLD_WITHIN: Final = timedelta(minutes=5)
_TO_BE_REPEATED: Final = frozenset({Result.DEFERRED, Result.UNKNOWN})
#: Where a part of a message's recipients is, in the order of the reply.
_PLACES: Final = ("queued", "held", "not sent", "refused")


@dataclass(frozen=True, slots=True)
class Judged:
    """A recipient and the decision on them. facts: what it was made from, None where no policy claims the message."""

    recipient: Recipient
    decision: Decision
    facts: Facts | None


@dataclass(frozen=True, slots=True)
class Mail:
    """A message of a client as it came. stream: None where no policy claims it."""

    tx: Transaction
    stream: Stream | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Waits:
    """How long mail waits. retry: between attempts. asking: held, for its recipient's turn to be asked."""

    retry: Sequence[timedelta]
    asking: timedelta


@dataclass(frozen=True, slots=True)
class Accepted:
    """What has to be written down before the client gets `reply`. Is anything taken over? Else the step has the
    decisions alone.
    """

    step: Step
    reply: Reply

    @property
    def takes_over(self) -> bool:
        return bool(self.step.messages or self.step.reports)


def accept(mail: Mail, judged: Sequence[Judged], now: datetime, waits: Waits, random: float) -> Accepted:
    """Take over what may be: everything that is not sent while the client waits.

    All refused, or to be asked for again: so is the message, and nothing is taken over. Otherwise every recipient has a
    copy that waits, or a line in the report to the client's owner. random: of [0, 1).
    """
    decisions = tuple(one.decision for one in judged)
    if not any(_is_taken(decision) for decision in decisions):
        temporary = next((one for one in decisions if one.reply.is_temporary), None)
        return Accepted(Step(decisions=decisions), (temporary or decisions[0]).reply)
    copies: list[NewCopy] = []
    reports: list[ReportLine] = []
    for one in judged:
        match _kept(mail, one, now, waits, random):
            case NewCopy() as copy:
                copies.append(copy)
            case line:
                reports.append(line)
    step = Step(decisions=decisions, messages=tuple(_message(mail, copies)), reports=tuple(reports))
    return Accepted(step, decisions[0].reply if _speaks_for_all(decisions) else _counted(mail, decisions))


def accept_later(mail: Mail, one: Judged, outcome: Outcome, waits: Waits, random: float) -> Accepted | None:
    """Take over a message that the next hop did not take for now; None where it has, or never will, or where the client
    keeps it itself. The decision was recorded before.
    """
    reason = outcome.reason
    if reason is None or outcome.result not in _TO_BE_REPEATED or mail.tx.client.retries:
        return None
    copy = NewCopy(
        decision=one.decision.id,
        recipient=one.recipient,
        state=State.QUEUED,
        reason=reason,
        due_at=next_attempt(1, outcome.at, waits.retry, random),
        attempts=1,
        last=outcome.reply,
        next_hop=outcome.next_hop,
    )
    words = one_line(f"queued: {reason}: {outcome.reply.text}", 400)
    reply = Reply(250, "2.0.0", f"{words} (id {one.decision.id})")
    return Accepted(Step(messages=tuple(_message(mail, [copy])), outcomes=(outcome,)), reply)


def accept_untried(mail: Mail, one: Judged, now: datetime) -> Accepted:
    """Take over a message for one recipient without an attempt, because its next hop is known to be away. Due at once: the
    queue knows when that is back.
    """
    copy = replace(_copy(one, State.QUEUED, now), reason=Reason.NEXT_HOP_DEFERRED)
    words = f"queued: {copy.reason}: the next hop is away at present"
    reply = Reply(250, "2.0.0", f"{words} (id {one.decision.id})")
    return Accepted(Step(decisions=(one.decision,), messages=tuple(_message(mail, [copy]))), reply)


def turned_down(judged: Sequence[Judged], what: str) -> Accepted:
    """Nothing is taken over because a cap is reached: the client is to come again. what: which cap, in few words."""
    reply = Reply(452, "4.3.1", f"{Reason.LIMIT}: no room for more mail that waits: {one_line(what, 150)}")
    decisions = tuple(
        replace(
            one.decision,
            verdict=Verdict.DEFER,
            reasons=(Reason.LIMIT, *one.decision.reasons),
            enforced=True,
            reply=replace(reply, text=f"{reply.text} (id {one.decision.id})"),
        )
        if _is_taken(one.decision)
        else one.decision
        for one in judged
    )
    return Accepted(Step(decisions=decisions), next(one.reply for one in decisions if one.reason is Reason.LIMIT))


def reply_after(outcome: Outcome) -> Reply:
    """What the client of a message with one recipient is told after its attempt: what the next hop said."""
    words = outcome.reply.text if outcome.reason is None else f"{outcome.reason}: {outcome.reply.text}"
    return replace(outcome.reply, text=f"{one_line(words, 400)} (id {outcome.decision})")


def reported_instead(tx: Transaction, stream: Stream | None, reason: Reason) -> Fate | None:
    """How the report to the client's owner calls mail that has failed for this reason; None where its sender gets a DSN.
    Not so where the policy wants its refusals only logged, nor where there is no sender.
    """
    only_logged = stream is not None and stream.message.refused_after_data is RefusedAfterData.LOG
    if only_logged and reason in PRECEDENCE:
        return Fate.REFUSED
    return Fate.UNREPORTED if tx.sender is None else None


def _is_taken(decision: Decision) -> bool:
    return decision.passes or decision.verdict in (Verdict.HOLD, Verdict.DISCARD)


def _kept(mail: Mail, one: Judged, now: datetime, waits: Waits, random: float) -> NewCopy | ReportLine:
    """Where a recipient's copy is when others of the same message are accepted."""
    decision = one.decision
    if decision.passes:
        return _copy(one, State.QUEUED, now)
    match decision.verdict:
        case Verdict.HOLD if mail.stream is not None:
            facts = one.facts or NOTHING_KNOWN
            until = give_up_at(mail.stream, decision.reason, facts, now, waits.asking)
            return replace(_copy(one, State.HELD, until), asked_at=open_question(facts))
        case Verdict.DISCARD:
            return _line(mail.tx, decision, Fate.DISCARDED, now)
        case Verdict.REJECT:
            return _refused(mail, one, now)
        case _:  # refused for now: decided anew when the time comes
            return _copy(one, State.QUEUED, next_attempt(1, now, waits.retry, random))


def _refused(mail: Mail, one: Judged, now: datetime) -> NewCopy | ReportLine:
    """Never silently: the sender is told, or the client's owner."""
    fate = reported_instead(mail.tx, mail.stream, one.decision.reason)
    if fate is not None:
        return _line(mail.tx, one.decision, fate, now)
    return replace(_copy(one, State.FAILED, now + TOLD_WITHIN), last=one.decision.reply)


def _copy(one: Judged, state: State, due_at: datetime) -> NewCopy:
    return NewCopy(one.decision.id, one.recipient, state, one.decision.reason, due_at)


def _line(tx: Transaction, decision: Decision, fate: Fate, now: datetime) -> ReportLine:
    return ReportLine(
        at=now,
        client=tx.client.name,
        brand=decision.brand,
        stream=decision.stream,
        message=tx.id,
        decision=decision.id,
        sender=tx.sender_text,
        recipient="" if decision.recipient is None else str(decision.recipient),
        fate=fate,
        reason=decision.reason,
        reply=str(decision.reply),
    )


def _message(mail: Mail, copies: Sequence[NewCopy]) -> Iterator[NewMessage]:
    """None where no copy waits: everything is in the report."""
    if copies:
        name, brand = ("", "") if mail.stream is None else (mail.stream.id, mail.stream.brand)
        yield NewMessage(mail.tx, name, brand, mail.content, tuple(copies))


def _speaks_for_all(decisions: Sequence[Decision]) -> bool:
    """One recipient alone, held or not sent: the decision's own words. One that passes is only queued here."""
    return len(decisions) == 1 and not decisions[0].passes


def _counted(mail: Mail, decisions: Sequence[Decision]) -> Reply:
    """`queued 3, held 1 (id ...)`: of the message, whose decisions the log has one by one."""
    count = Counter(_place(decision) for decision in decisions)
    words = ", ".join(f"{place} {count[place]}" for place in _PLACES if count[place])
    return Reply(250, "2.0.0", f"{words} (id {mail.tx.id})")


def _place(decision: Decision) -> str:
    if decision.passes:
        return "queued"
    return {Verdict.HOLD: "held", Verdict.DISCARD: "not sent", Verdict.REJECT: "refused"}.get(
        decision.verdict, "queued"
    )
