"""When a yes, or an open question, runs out, and by which rule: each deadline is a value. Pure: facts and limits only.

Everything that depends on time is told here and nowhere else: what applies to mail now (`relay.consent.status`), what
will apply when (forecasts), and what would move the end (explanations). Never asks a clock, never knows a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from relay.consent.events import Basis
from relay.consent.facts import Facts, Freshness, Yes
from relay.reason import Reason


class Rule(StrEnum):
    """The key of the policy that sets a deadline."""

    CONFIRMATION_SENT_WITHIN = "consent.confirmation_sent_within"
    CONFIRM_WITHIN = "consent.confirm_within"
    STALE_AFTER = "consent.stale_after"
    RENEW_EVERY = "consent.renew_every"
    FIRST_MAIL_WITHIN = "consent.first_mail_within"
    CUSTOMER_WITHIN = "consent.customer_within"
    INQUIRY_WITHIN = "consent.inquiry_within"
    MIGRATION_UNTIL = "migration.until"


class Change(StrEnum):
    """What puts a deadline off, or does away with it."""

    CONTACT = "contact"  # a mail of this stream that is delivered
    YES = "yes"  # a new yes of the person, by an active act
    PURCHASE = "purchase"
    INQUIRY = "inquiry"
    CLICK = "click"  # on the link in the mail that asks
    SENDING = "sending"  # of the mail that asks


#: What would move the deadline of each rule. A new yes helps against all of them but the sender's own.
CHANGES: Final[Mapping[Rule, tuple[Change, ...]]] = MappingProxyType(
    {
        Rule.CONFIRMATION_SENT_WITHIN: (Change.SENDING,),
        Rule.CONFIRM_WITHIN: (Change.CLICK, Change.YES),
        Rule.STALE_AFTER: (Change.CONTACT, Change.YES),
        Rule.RENEW_EVERY: (Change.YES,),
        Rule.FIRST_MAIL_WITHIN: (Change.CONTACT, Change.YES),
        Rule.CUSTOMER_WITHIN: (Change.PURCHASE, Change.YES),
        Rule.INQUIRY_WITHIN: (Change.INQUIRY, Change.YES),
        Rule.MIGRATION_UNTIL: (Change.YES,),
    }
)
#: Rules whose end the person can be asked before; an answer to a question is no first mail.
_ASKED_BEFORE: Final = frozenset(
    {Rule.STALE_AFTER, Rule.RENEW_EVERY, Rule.CUSTOMER_WITHIN, Rule.INQUIRY_WITHIN, Rule.MIGRATION_UNTIL}
)
#: A rule, what applies when it is broken, what it counts from, for how long.
_Limit = tuple[Rule, Reason, datetime, timedelta | None]
#: What ends later ends never: no moment can be named.
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
#: So many questions of the relay without an answer, and the yes counts no more.
QUESTIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last moment at which one rule is kept.

    reason: what applies to mail afterwards; None for the sender's own deadline, which is an alarm and refuses nothing.
    since: what it counts from; it runs out at `at`, and one instant later is too late. ask_from: when asking the person
    begins, None where nobody is asked before.
    """

    rule: Rule
    reason: Reason | None
    since: datetime
    at: datetime
    ask_from: datetime | None = None

    def is_past(self, now: datetime) -> bool:
        return now > self.at

    @property
    def changes(self) -> tuple[Change, ...]:
        return CHANGES[self.rule]


def deadlines(facts: Facts, freshness: Freshness) -> tuple[Deadline, ...]:
    """All that run or have run out, of the yes and of the open question, the earliest first."""
    return in_order((*deadlines_of_yes(facts, freshness), *deadlines_of_request(facts, freshness)))


def deadlines_of_yes(facts: Facts, freshness: Freshness) -> tuple[Deadline, ...]:
    """In order of precedence of their reasons; none without a yes. Whether its basis is accepted, a policy says."""
    ends = (_end(*limit, freshness.ask_before) for limit in _limits_of_yes(facts, freshness))
    return tuple(end for end in ends if end is not None)


def ended_by(facts: Facts, freshness: Freshness, now: datetime) -> tuple[Reason, ...]:
    """What those of `deadlines_of_yes` that are past come to; with BASIS_NOT_ACCEPTED the yes counts as none, and so it
    does with NO_CONSENT, when nobody answered twice.

    Every mail asks this, so no deadline is built for it.
    """
    return tuple(
        [
            reason
            for _, reason, since, limit in _limits_of_yes(facts, freshness)
            if limit is not None and now - since > limit
        ]
    )


def deadlines_of_request(facts: Facts, freshness: Freshness) -> tuple[Deadline, ...]:
    """The sender's own for the mail that asks, and the person's for the click; none without an open question."""
    asked_at, sent_at = facts.requested_at, facts.mail_sent_at
    if asked_at is None:
        return ()
    # The person's time begins with the mail: before it there is nothing to click.
    begins = asked_at if sent_at is None else max(asked_at, sent_at)
    ends = [_end(Rule.CONFIRM_WITHIN, Reason.NO_CONSENT, begins, freshness.confirm_within)]
    if sent_at is None and facts.request_live:
        ends.insert(0, _end(Rule.CONFIRMATION_SENT_WITHIN, None, asked_at, freshness.confirmation_sent_within))
    return tuple(end for end in ends if end is not None)


def expiry_of(yes: Yes, freshness: Freshness) -> Deadline | None:
    """The end of implied consent, some time after the purchase or the inquiry (CASL, s. 10 (10): two years, six months).
    Mail in between does not put it off; afterwards it is no yes at all, so nobody is asked for another.
    """
    limit = _limit_of_implied(yes, freshness)
    return None if limit is None else _end(*limit, freshness.ask_before)


def is_left_unanswered(facts: Facts, freshness: Freshness, now: datetime) -> bool:
    """The person was asked twice for a new yes, and the time to answer is over: their old yes counts no more."""
    limit = freshness.confirm_within
    return (
        facts.asked >= QUESTIONS and facts.asked_at is not None and limit is not None and now - facts.asked_at > limit
    )


def in_order(ends: Iterable[Deadline]) -> tuple[Deadline, ...]:
    """The earliest first; those of one moment stay in the order given."""
    return tuple(sorted(ends, key=lambda end: end.at))


def runs_out(facts: Facts, freshness: Freshness) -> Deadline | None:
    """The first end of the yes, past or to come; None without a yes, or when nothing ends it."""
    return min(deadlines_of_yes(facts, freshness), key=lambda end: end.at, default=None)


def ask_from(ends: Iterable[Deadline]) -> datetime | None:
    """When asking begins: before the first end that can be asked before."""
    return min((end.ask_from for end in ends if end.ask_from is not None), default=None)


def is_confirmation_late(facts: Facts, freshness: Freshness, now: datetime) -> bool:
    """Somebody asked for mail, and the mail that asks for the click has not left within the sender's own time."""
    return any(
        end.rule is Rule.CONFIRMATION_SENT_WITHIN and end.is_past(now) for end in deadlines_of_request(facts, freshness)
    )


def deadline_until(
    rule: Rule, reason: Reason | None, since: datetime, at: datetime, before: timedelta | None = None
) -> Deadline:
    """A deadline at a moment that is known. before: how long before it asking begins, where anybody is asked."""
    if before is None or rule not in _ASKED_BEFORE:
        return Deadline(rule, reason, since, at)
    return Deadline(rule, reason, since, at, at - before if at - since > before else since)


def newest_yes(facts: Facts, yes: Yes) -> datetime:
    """When the person last said yes: the consent itself or its newest renewal."""
    return yes.at if facts.renewed_at is None else max(yes.at, facts.renewed_at)


def last_sign_of_life(facts: Facts, yes: Yes) -> datetime:
    """The newest of yes, renewal and contact: from here `stale_after` runs."""
    newest = newest_yes(facts, yes)
    return newest if facts.last_contact_at is None else max(newest, facts.last_contact_at)


def _limits_of_yes(facts: Facts, freshness: Freshness) -> Sequence[_Limit]:
    yes = facts.yes
    if yes is None:
        return ()
    said_at = newest_yes(facts, yes)
    limits: list[_Limit] = [
        (Rule.STALE_AFTER, Reason.STALE, last_sign_of_life(facts, yes), freshness.stale_after),
        (Rule.RENEW_EVERY, Reason.RENEWAL_DUE, said_at, freshness.renew_every),
    ]
    implied = _limit_of_implied(yes, freshness)
    if implied is not None:
        limits.insert(0, implied)
    if facts.asked >= QUESTIONS and facts.asked_at is not None:
        # Who leaves the last question unanswered for as long as a link may be clicked has answered.
        limits.insert(0, (Rule.CONFIRM_WITHIN, Reason.NO_CONSENT, facts.asked_at, freshness.confirm_within))
    # An imported consent says nothing of mails sent before the import, so only a live one can be late.
    if yes.live and (facts.last_contact_at is None or facts.last_contact_at < yes.at):
        limits.append((Rule.FIRST_MAIL_WITHIN, Reason.FIRST_MAIL_LATE, said_at, freshness.first_mail_within))
    return limits


def _limit_of_implied(yes: Yes, freshness: Freshness) -> _Limit | None:
    if yes.basis is Basis.CUSTOMER:
        return Rule.CUSTOMER_WITHIN, Reason.BASIS_NOT_ACCEPTED, yes.at, freshness.customer_within
    if yes.basis is Basis.INQUIRY:
        return Rule.INQUIRY_WITHIN, Reason.BASIS_NOT_ACCEPTED, yes.at, freshness.inquiry_within
    return None


def _end(
    rule: Rule, reason: Reason | None, since: datetime, limit: timedelta | None, before: timedelta | None = None
) -> Deadline | None:
    if limit is None or limit > _FOREVER - since:
        return None
    return deadline_until(rule, reason, since, since + limit, before)
