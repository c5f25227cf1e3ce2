"""From an evaluation to a decision: what is recorded of it, and what the client is told. Pure."""

from __future__ import annotations

from datetime import datetime

from relay.address import Address
from relay.consent.facts import NOTHING_KNOWN, Facts, as_json
from relay.decision import Decision, refusal
from relay.envelope import Refusal, Transaction
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.model import Stream
from relay.reason import MEANINGS, Reason, Verdict
from relay.reply import Reply


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

    Its verdict is what happens: a refusal by consent that the client does not want to see is mail held or not sent.
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
    verdict = found.verdict
    if verdict is Verdict.DELIVER or not found.enforced:
        reply = Reply(250, "2.1.5", f"accepted (id {decision_id})")
    else:
        verdict = as_wished(tx.client.refusal, found.reasons[0], verdict)
        if verdict is not found.verdict:
            known = {"refusal": tx.client.refusal.value, **known}
        reply = refusal(found.reasons[0], verdict, stream.id, decision_id, after_data=after_data, detail=detail)
    return Decision(
        id=decision_id,
        at=now,
        message=tx.id,
        client=tx.client.name,
        stream=stream.id,
        brand=stream.brand,
        sender=tx.sender_text,
        recipient=recipient,
        verdict=verdict,
        reasons=found.reasons,
        status=found.status,
        facts=known,
        policy=stream.hash,
        reply=reply,
        enforced=found.enforced,
    )


def as_wished(wish: Refusal, reason: Reason, verdict: Verdict) -> Verdict:
    """What becomes of a verdict for a client with such a `refusal`. A no is final: it is never kept for later (law 2)."""
    if verdict is not Verdict.REJECT or wish is Refusal.REJECT:
        return verdict
    may_be_held = Verdict.HOLD in MEANINGS[reason].allowed
    return Verdict.HOLD if wish is Refusal.HOLD and may_be_held else Verdict.DISCARD


def objection(stream: Stream, recipient: Address, facts: Facts, now: datetime) -> Reply | None:
    """Why a recipient whose decision passed must not get the message now; None while nothing speaks against it.

    Never a success, for the mail does not go out; and without the id of a decision, for there is none so far.
    """
    found = evaluate(stream, facts, recipient, now)
    if found.verdict is Verdict.DELIVER or not found.enforced:
        return None
    verdict = Verdict.REJECT if found.verdict is Verdict.REJECT else Verdict.DEFER
    return refusal(found.reasons[0], verdict, stream.id, "", after_data=True)


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
