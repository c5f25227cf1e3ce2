"""From an evaluation to a decision, and from decisions and outcomes to the one reply that answers DATA. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.consent.facts import NOTHING_KNOWN, Facts, as_json
from relay.decision import Decision, Outcome, Result, refusal
from relay.envelope import Transaction
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.model import Stream
from relay.reason import Reason, Verdict
from relay.reply import Reply, one_line

#: Worst first: what one reply has to say when several recipients fared differently.
_WORST_FIRST: Final = (Result.UNKNOWN, Result.DEFERRED, Result.WITHHELD, Result.REFUSED, Result.DELIVERED)


def decide(
    tx: Transaction,
    stream: Stream,
    recipient: Address,
    facts: Facts,
    now: datetime,
    *,
    decision_id: str,
    after_data: bool,
    undisclosable: str = "",
) -> Decision:
    """The decision on one recipient in a settled stream.

    undisclosable: why the message cannot carry the headers and footer that the stream owes its recipients, "" when
    it can; told with the facts where it decides.
    """
    found = evaluate(stream, facts, recipient, now)
    known = as_json(facts)
    if found.by_migration and stream.migration is not None:
        known["migration"] = stream.migration.until.isoformat()
    detail = ""
    if found.verdict is Verdict.DELIVER and found.enforced and undisclosable:
        known = {"undisclosable": undisclosable, **known}
        detail = undisclosable
        why = Reason.DISCLOSURE_IMPOSSIBLE
        found = Evaluation(found.status, (why, *found.reasons), stream.verdicts[why], enforced=True)
    if found.verdict is Verdict.DELIVER or not found.enforced:
        reply = Reply(250, "2.1.5", f"accepted (id {decision_id})")
    else:
        reply = refusal(found.reasons[0], found.verdict, stream.id, decision_id, after_data=after_data, detail=detail)
    return Decision(
        id=decision_id,
        at=now,
        message=tx.id,
        client=tx.client.name,
        stream=stream.id,
        brand=stream.brand,
        sender=tx.sender_text,
        recipient=recipient,
        verdict=found.verdict,
        reasons=found.reasons,
        status=found.status,
        facts=known,
        policy=stream.hash,
        reply=reply,
        enforced=found.enforced,
    )


def objection(stream: Stream, recipient: Address, facts: Facts, now: datetime) -> Reply | None:
    """Why a recipient whose decision passed must not get the message any more; None while nothing speaks against it.

    Without the id of a decision: what is told to the client names the one that passed.
    """
    found = evaluate(stream, facts, recipient, now)
    if found.verdict is Verdict.DELIVER or not found.enforced:
        return None
    return refusal(found.reasons[0], found.verdict, stream.id, "", after_data=True)


def without_stream(
    tx: Transaction,
    recipient: Address | None,
    reason: Reason,
    now: datetime,
    *,
    decision_id: str,
    after_data: bool,
) -> Decision:
    """The decision where no stream is settled: the sender's fault, or `observed`."""
    if reason is Reason.OBSERVED:
        verdict, reply = Verdict.DELIVER, Reply(250, "2.1.5", f"accepted (id {decision_id})")
    else:
        verdict = Verdict.REJECT
        reply = refusal(reason, verdict, "", decision_id, after_data=after_data)
    return Decision(
        id=decision_id,
        at=now,
        message=tx.id,
        client=tx.client.name,
        stream="",
        brand="",
        sender=tx.sender_text,
        recipient=recipient,
        verdict=verdict,
        reasons=(reason,),
        status="",
        facts=as_json(NOTHING_KNOWN),
        policy="",
        reply=reply,
    )


def has_to_wait(decisions: Sequence[Decision]) -> Decision | None:
    """The first decision that is to be asked for again although others of the same message pass.

    A single reply answers for all recipients. Were the others sent now, every retry of the client would send them
    again; were the message accepted, the one that waits would be lost. So nothing is sent.
    """
    if not any(decision.passes for decision in decisions):
        return None
    return next((one for one in decisions if not one.passes and one.reply.is_temporary), None)


def reply_to_data(decisions: Sequence[Decision], outcomes: Sequence[Outcome]) -> Reply:
    """What DATA is answered. `outcomes` are those of the decisions that passed, in their order; empty when none did.

    One recipient: the next hop's own reply. Several: success only when every copy was taken. A part that failed for
    now makes the whole temporary; the client then sends again, and those who have their copy get it twice. A part that
    failed for good makes the whole permanent: nobody gets it twice, and the sender learns of the failure.
    """
    waits = has_to_wait(decisions)
    if waits is not None:
        return _wait_for_one(waits, len(decisions))
    if not outcomes:
        temporary = next((one for one in decisions if one.reply.is_temporary), None)
        return (temporary or decisions[0]).reply
    worst = min(outcomes, key=lambda one: (_WORST_FIRST.index(one.result), not one.reply.is_temporary))
    taken = sum(outcome.result is Result.DELIVERED for outcome in outcomes)
    words = worst.reply.text if worst.reason is None else f"{worst.reason}: {worst.reply.text}"
    if 0 < taken < len(outcomes):
        words = f"{taken} of {len(outcomes)} copies were taken, one was not: {words}"
    refused = sum(not decision.passes for decision in decisions)
    if refused and worst.result is Result.DELIVERED:
        first = next(decision for decision in decisions if not decision.passes)
        words = f"sent to {taken}, refused for {refused} ({first.reason}): {words}"
    return replace(worst.reply, text=f"{one_line(words, 400)} (id {worst.decision})")


def _wait_for_one(waits: Decision, count: int) -> Reply:
    words = f"one of {count} recipients has to wait, send to each alone: {waits.reply.text}"
    return replace(waits.reply, text=one_line(words, 480))
