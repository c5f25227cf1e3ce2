"""Whether somebody may be asked for a new yes, by one mail of the relay's own. Pure.

The articles say: a yes of a year ago with no contact since is worth nothing, ask again; and even with regular contact,
ask again from time to time. The laws say when not to: never after a no (law 2), never after the end of implied consent,
because a request for consent is commercial mail itself (CASL, s. 1 (3)), and in Australia not at all
(`hold.ask_again` of the profile au). Decides nothing about mail: `relay.policy.evaluate` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.consent.events import Basis
from relay.consent.facts import Facts
from relay.consent.freshness import QUESTIONS, ask_from, deadlines_of_yes
from relay.decision import refusal
from relay.policy.evaluate import counts_by_migration, evaluate, has_accepted_yes
from relay.policy.model import Mode, Stream
from relay.reason import Reason, Verdict
from relay.reply import Reply

#: Why mail is held that a new yes lets go, and that the person can be asked for.
ASKED_ABOUT: Final = frozenset({Reason.STALE, Reason.RENEWAL_DUE, Reason.FIRST_MAIL_LATE})
_PASSING: Final = frozenset({Reason.CONFIRMED, Reason.MIGRATION})


def asks_at_all(stream: Stream) -> bool:
    """Is anybody ever asked for this stream?"""
    return stream.is_commercial and stream.mode is Mode.ENFORCE and stream.hold.ask_again


def may_be_asked(stream: Stream, facts: Facts, reasons: Sequence[Reason], now: datetime) -> bool:
    """reasons: of the evaluation of these facts, at least one; the first decides. True where mail waits for a yes that
    was one once, or still passes and will not much longer.

    Says nothing of when: that one person is asked only so often, and in which wave, the store and the worker see to.
    """
    if not asks_at_all(stream):
        return False
    if facts.withdrawn_at is not None or facts.complained_at is not None or facts.undeliverable_at is not None:
        return False
    if facts.asked >= QUESTIONS:
        return False
    if not (has_accepted_yes(stream.consent, facts, now) or counts_by_migration(stream, facts, now)):
        return False
    return reasons[0] in ASKED_ABOUT or (reasons[0] in _PASSING and is_ending(stream, facts, now))


def may_be_asked_now(stream: Stream, facts: Facts, recipient: Address, now: datetime) -> bool:
    """`may_be_asked` with the reasons of now: what is looked at again before every attempt to deliver a question."""
    return may_be_asked(stream, facts, evaluate(stream, facts, recipient, now).reasons, now)


def objection_to_asking(stream: Stream, recipient: Address, facts: Facts, now: datetime) -> Reply | None:
    """Why a question that waits must not be asked any more: they have answered, or said no, or the policy is another."""
    if may_be_asked_now(stream, facts, recipient, now):
        return None
    return refusal(evaluate(stream, facts, recipient, now).reasons[0], Verdict.DEFER, stream.id, "", after_data=True)


def is_ending(stream: Stream, facts: Facts, now: datetime) -> bool:
    """Has the time come to ask, before the yes ends?"""
    if counts_by_migration(stream, facts, now):
        return True  # asking is what the time of a migration is for
    begins = ask_from(end for end in deadlines_of_yes(facts, stream.consent.freshness) if not end.is_past(now))
    return begins is not None and begins <= now


def earliest_question(stream: Stream, now: datetime) -> datetime | None:
    """Of people who get mail of the stream: who said yes after this moment is not asked yet. None where nobody ever is."""
    rules, migration = stream.consent, stream.migration
    if migration is not None and not migration.is_over(now):
        return now
    freshness = rules.freshness
    limits = [
        freshness.renew_every,
        freshness.customer_within if Basis.CUSTOMER in rules.accept else None,
        freshness.inquiry_within if Basis.INQUIRY in rules.accept else None,
    ]
    shortest = min((limit for limit in limits if limit is not None), default=None)
    if shortest is None or freshness.ask_before is None:
        return None
    return now - max(shortest - freshness.ask_before, timedelta(0))
