"""The status of one address in one stream, and why a yes has to be asked for again.

Pure functions of facts, freshness rules and now. Never looks at a policy's verdicts: what follows from a status is
decided in `relay.policy.evaluate`.
"""

from __future__ import annotations

from datetime import datetime

from relay.consent.facts import Facts, Freshness, Status
from relay.consent.freshness import Rule, deadlines_of_request, ended_by
from relay.reason import Reason


def status_of(facts: Facts, freshness: Freshness, now: datetime, ended: tuple[Reason, ...] | None = None) -> Status:
    """The first that applies: a complaint, a withdrawal, a dead mailbox, a yes (fresh or not), an open question.

    ended: `ended_by` of the same, where the caller has it already.
    """
    if facts.complained_at is not None:
        return Status.COMPLAINED
    if facts.withdrawn_at is not None:
        return Status.WITHDRAWN
    if facts.undeliverable_at is not None:
        return Status.UNDELIVERABLE
    if facts.yes is not None:
        ended = ended_by(facts, freshness, now) if ended is None else ended
        if Reason.BASIS_NOT_ACCEPTED not in ended and Reason.NO_CONSENT not in ended:
            return Status.STALE if ended else Status.CONFIRMED
    return Status.PENDING if is_asked(facts, freshness, now) else Status.NONE


def is_asked(facts: Facts, freshness: Freshness, now: datetime) -> bool:
    """Asked to confirm, not answered yet, and the time for it not over."""
    return facts.requested_at is not None and not any(
        end.rule is Rule.CONFIRM_WITHIN and end.is_past(now) for end in deadlines_of_request(facts, freshness)
    )
