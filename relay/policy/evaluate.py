"""What consent allows: one recipient's facts under one stream's policy, judged at one moment. Pure.

Looks, never changes anything. All reasons that apply are found; the first in the order of precedence decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from relay.address import Address, matches_pattern
from relay.consent.events import Basis
from relay.consent.facts import Facts, Status, Yes
from relay.consent.status import freshness_reasons, status_of
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
    recorded (shadow mode, unless the person has said no).
    """

    status: Status
    reasons: tuple[Reason, ...]
    verdict: Verdict
    enforced: bool


def evaluate(stream: Stream, facts: Facts, recipient: Address, now: datetime, *, paused: bool = False) -> Evaluation:
    """facts: of this recipient in this stream. now: aware UTC. paused: the stream sends nothing just now."""
    counted = facts if has_accepted_yes(stream.consent, facts, now) else replace(facts, yes=None, renewed_at=None)
    if stream.is_commercial:
        found = set(_commercial_reasons(stream.consent, facts, counted, now))
        passing = Reason.CONFIRMED
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
        status=status_of(counted, stream.consent.freshness, now),
        reasons=reasons,
        verdict=stream.verdicts[reasons[0]],
        enforced=stream.mode is Mode.ENFORCE or reasons[0] in NOES,
    )


def has_accepted_yes(rules: ConsentRules, facts: Facts, now: datetime) -> bool:
    """A yes whose basis the policy does not accept is no yes, nor is a customer's past `customer_within`."""
    return facts.yes is not None and facts.yes.basis in rules.accept and not has_lapsed(rules, facts.yes, now)


def has_lapsed(rules: ConsentRules, yes: Yes, now: datetime) -> bool:
    """Implied consent ends some time after the purchase (CASL: two years); mail in between does not prolong it."""
    limit = rules.freshness.customer_within
    return yes.basis is Basis.CUSTOMER and limit is not None and now - yes.at > limit


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
        yield from freshness_reasons(counted, rules.freshness, now)
    elif _is_asked(rules, facts, now):
        # Held until the person answers; a 550 now would make the mailer drop somebody who is about to say yes.
        yield Reason.UNCONFIRMED
    elif facts.yes is not None:
        yield Reason.BASIS_NOT_ACCEPTED
    else:
        yield Reason.NO_CONSENT


def _is_asked(rules: ConsentRules, facts: Facts, now: datetime) -> bool:
    """Asked to confirm, not answered yet, and the time for it not over: what `pending` means without any no."""
    asked_only = Facts(requested_at=facts.requested_at)
    return status_of(asked_only, rules.freshness, now) is Status.PENDING
