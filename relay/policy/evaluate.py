"""What consent allows: one recipient's facts under one stream's policy, judged at one moment. Pure.

Looks, never changes anything. All reasons that apply are found; the first in the order of precedence decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from relay.address import Address, matches_pattern
from relay.consent.facts import Facts, Status, Yes
from relay.consent.freshness import ended_by, expiry_of, is_left_unanswered
from relay.consent.status import is_asked, status_of
from relay.policy.model import ConsentRules, Mode, Stream
from relay.reason import Reason, Verdict, in_precedence

#: A person's own no. It counts in shadow mode, too, and for internal addresses.
NOES: Final = frozenset({Reason.COMPLAINED, Reason.WITHDRAWN})
#: What a listed internal address is spared: that there is no yes, or none that holds.
_ABOUT_CONSENT: Final = frozenset(
    {
        Reason.NO_CONSENT,
        Reason.BASIS_NOT_ACCEPTED,
        Reason.UNCONFIRMED,
        Reason.STALE,
        Reason.RENEWAL_DUE,
        Reason.FIRST_MAIL_LATE,
    }
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """reasons: in order of precedence, at least one; the first decides. enforced: False where the verdict is only
    recorded (shadow mode, unless the person has said no). by_migration: the yes counts only because of [migration].
    """

    status: Status
    reasons: tuple[Reason, ...]
    verdict: Verdict
    enforced: bool
    by_migration: bool = False


def evaluate(stream: Stream, facts: Facts, recipient: Address, now: datetime, *, paused: bool = False) -> Evaluation:
    """facts: of this recipient in this stream. now: aware UTC. paused: the stream sends nothing just now."""
    by_migration = counts_by_migration(stream, facts, now)
    rules = rules_in_migration(stream.consent) if by_migration else stream.consent
    counts = by_migration or has_accepted_yes(rules, facts, now)
    counted = facts if counts else replace(facts, yes=None, renewed_at=None)
    ended = ended_by(counted, rules.freshness, now)
    if stream.is_commercial:
        found = set(_commercial_reasons(rules, facts, counted, now)) | set(ended)
        passing = Reason.MIGRATION if by_migration else Reason.CONFIRMED
        if found & _ABOUT_CONSENT and is_internal(stream, recipient):
            found -= _ABOUT_CONSENT
            passing = Reason.INTERNAL
    else:
        # A no to "all mail" means all commercial mail; a receipt stops only for a no that names its stream (law 2).
        names_stream = facts.withdrawn_at is not None and facts.withdrawn_from == stream.id
        found = {Reason.WITHDRAWN} if names_stream else set()
        passing = Reason.TRANSACTIONAL
    if paused:
        found.add(Reason.STREAM_PAUSED)
    reasons = in_precedence(found) or (passing,)
    return Evaluation(
        status=status_of(counted, rules.freshness, now, ended),
        reasons=reasons,
        verdict=stream.verdicts[reasons[0]],
        enforced=stream.mode is Mode.ENFORCE or reasons[0] in NOES,
        by_migration=by_migration,
    )


def has_accepted_yes(rules: ConsentRules, facts: Facts, now: datetime) -> bool:
    """A yes whose basis the policy does not accept is no yes, nor is an implied one whose time is over, nor one whose
    person was asked for a new one twice and did not answer.
    """
    return (
        facts.yes is not None
        and facts.yes.basis in rules.accept
        and not has_lapsed(rules, facts.yes, now)
        and not is_left_unanswered(facts, rules.freshness, now)
    )


def counts_by_migration(stream: Stream, facts: Facts, now: datetime) -> bool:
    """A yes that the policy accepts only until its [migration] ends. Implied consent that is over stays over."""
    migration = stream.migration
    return (
        migration is not None
        and facts.yes is not None
        and migration.takes(facts.yes, now)
        and not has_accepted_yes(stream.consent, facts, now)
        and not has_lapsed(stream.consent, facts.yes, now)
        and not is_left_unanswered(facts, stream.consent.freshness, now)
    )


def rules_in_migration(rules: ConsentRules) -> ConsentRules:
    """People of an old list are asked while they get mail; that their yes is old as well is no reason to hold it."""
    return replace(rules, freshness=replace(rules.freshness, renew_every=None))


def has_lapsed(rules: ConsentRules, yes: Yes, now: datetime) -> bool:
    """Implied consent ends some time after the purchase or the inquiry (CASL: two years, half a year); mail in between
    does not prolong it.
    """
    end = expiry_of(yes, rules.freshness)
    return end is not None and end.is_past(now)


def is_internal(stream: Stream, recipient: Address) -> bool:
    return any(matches_pattern(pattern, recipient) for pattern in stream.internal)


def _commercial_reasons(rules: ConsentRules, facts: Facts, counted: Facts, now: datetime) -> Iterator[Reason]:
    """counted: the facts with only such a yes as the policy accepts."""
    if facts.complained_at is not None:
        yield Reason.COMPLAINED
    if facts.withdrawn_at is not None:
        yield Reason.WITHDRAWN
    if facts.undeliverable_at is not None:
        yield Reason.UNDELIVERABLE
    if counted.yes is not None:
        return
    if is_asked(facts, rules.freshness, now):
        # Held until the person answers; a 550 now would make the mailer drop somebody who is about to say yes.
        yield Reason.UNCONFIRMED
    elif facts.yes is not None and not is_left_unanswered(facts, rules.freshness, now):
        yield Reason.BASIS_NOT_ACCEPTED
    else:
        yield Reason.NO_CONSENT
