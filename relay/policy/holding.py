"""How long a copy is held before it is given up. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from relay.consent.facts import Facts
from relay.policy.asking import may_be_asked
from relay.policy.model import Stream
from relay.reason import Reason


def give_up_at(
    stream: Stream, reason: Reason, facts: Facts, now: datetime, waiting: timedelta, *, asked_at: datetime | None = None
) -> datetime:
    """When a copy that is held from now on is given up, if nothing happens meanwhile.

    Of somebody who will be asked: `waiting`, until it is their turn; asking sets it anew, to hold.for from then. Of
    everybody else: hold.for from now, for they were asked already, or only they themselves can come back.

    asked_at: when the person was asked about this copy. Being decided anew, by whomever, gives it no more time.
    """
    if asked_at is not None and not _has_answered(facts, asked_at):
        return asked_at + stream.hold.longest
    if may_be_asked(stream, facts, (reason,), now):
        return now + waiting
    return now + stream.hold.longest


def _has_answered(facts: Facts, asked_at: datetime) -> bool:
    yeses = (facts.renewed_at, None if facts.yes is None else facts.yes.at)
    return any(said is not None and said > asked_at for said in yeses)
