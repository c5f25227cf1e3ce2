"""The status of one address in one stream, and why a yes has to be asked for again.

Pure functions of facts, freshness rules and now. Never looks at a policy's verdicts: what follows from a status is
decided in `relay.policy.evaluate`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from relay.consent.facts import Facts, Freshness, Status, Yes
from relay.reason import Reason


def status_of(facts: Facts, freshness: Freshness, now: datetime) -> Status:
    """The first that applies: a complaint, a withdrawal, a dead mailbox, a yes (fresh or not), an open question."""
    if facts.complained_at is not None:
        return Status.COMPLAINED
    if facts.withdrawn_at is not None:
        return Status.WITHDRAWN
    if facts.undeliverable_at is not None:
        return Status.UNDELIVERABLE
    if facts.yes is not None:
        return Status.STALE if freshness_reasons(facts, freshness, now) else Status.CONFIRMED
    if facts.requested_at is not None and not _older(facts.requested_at, freshness.confirm_within, now):
        return Status.PENDING
    return Status.NONE


def freshness_reasons(facts: Facts, freshness: Freshness, now: datetime) -> tuple[Reason, ...]:
    """Why the yes must be asked for again, in order of precedence; empty when it is fresh, or when there is none."""
    if facts.yes is None:
        return ()
    reasons: list[Reason] = []
    if _older(last_sign_of_life(facts, facts.yes), freshness.stale_after, now):
        reasons.append(Reason.STALE)
    if _older(newest_yes(facts, facts.yes), freshness.renew_every, now):
        reasons.append(Reason.RENEWAL_DUE)
    # An imported consent says nothing of mails sent before the import, so only a live one can be late.
    waiting = facts.last_contact_at is None or facts.last_contact_at < facts.yes.at
    if facts.yes.live and waiting and _older(newest_yes(facts, facts.yes), freshness.first_mail_within, now):
        reasons.append(Reason.FIRST_MAIL_LATE)
    return tuple(reasons)


def newest_yes(facts: Facts, yes: Yes) -> datetime:
    """When the person last said yes: the consent itself or its newest renewal."""
    return yes.at if facts.renewed_at is None else max(yes.at, facts.renewed_at)


def last_sign_of_life(facts: Facts, yes: Yes) -> datetime:
    """The newest of yes, renewal and contact: from here `stale_after` runs."""
    newest = newest_yes(facts, yes)
    return newest if facts.last_contact_at is None else max(newest, facts.last_contact_at)


def _older(moment: datetime, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and now - moment > limit
