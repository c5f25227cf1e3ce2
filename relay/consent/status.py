"""The status of one address in one stream, and why a yes has to be asked for again.

Pure functions of facts, freshness rules and now. Never looks at a policy's verdicts: what follows from a status is
decided in `relay.policy.evaluate`.
"""

from __future__ import annotations

from datetime import datetime

from relay.consent.facts import Facts, Freshness, Status
from relay.consent.freshness import Rule, deadlines_of_request, deadlines_of_yes, expiry_of
from relay.reason import Reason


def status_of(facts: Facts, freshness: Freshness, now: datetime) -> Status:
    """The first that applies: a complaint, a withdrawal, a dead mailbox, a yes (fresh or not), an open question."""
    if facts.complained_at is not None:
        return Status.COMPLAINED
    if facts.withdrawn_at is not None:
        return Status.WITHDRAWN
    if facts.undeliverable_at is not None:
        return Status.UNDELIVERABLE
    if facts.yes is not None and not has_expired(facts, freshness, now):
        return Status.STALE if freshness_reasons(facts, freshness, now) else Status.CONFIRMED
    return Status.PENDING if is_asked(facts, freshness, now) else Status.NONE


def freshness_reasons(facts: Facts, freshness: Freshness, now: datetime) -> tuple[Reason, ...]:
    """Why the yes must be asked for again, in order of precedence; empty when it is fresh, has expired, or is none."""
    if has_expired(facts, freshness, now):
        return ()
    return tuple(
        end.reason for end in deadlines_of_yes(facts, freshness) if end.reason is not None and end.is_past(now)
    )


def has_expired(facts: Facts, freshness: Freshness, now: datetime) -> bool:
    """Is it a yes of implied consent whose time is over? It counts as none then."""
    end = None if facts.yes is None else expiry_of(facts.yes, freshness)
    return end is not None and end.is_past(now)


def is_asked(facts: Facts, freshness: Freshness, now: datetime) -> bool:
    """Asked to confirm, not answered yet, and the time for it not over."""
    return facts.requested_at is not None and not any(
        end.rule is Rule.CONFIRM_WITHIN and end.is_past(now) for end in deadlines_of_request(facts, freshness)
    )
