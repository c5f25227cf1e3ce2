"""How long a copy is held before it is given up. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from relay.consent.facts import Facts
from relay.policy.asking import may_be_asked
from relay.policy.model import Stream
from relay.reason import Reason


def give_up_at(
    stream: Stream,
    reason: Reason,
    facts: Facts,
    now: datetime,
    waiting: timedelta,
    *,
    asked_at: datetime | None = None,
    came_at: datetime | None = None,
) -> datetime:
    """When a copy that is held from now on is given up, if nothing happens meanwhile.

    Of somebody who was asked and has not answered: hold.for from then, or of mail that came later from when it came; but
    once the time for the answer is over, and they will be asked again, as of somebody who was not asked. Of somebody who
    will be asked: `waiting`, until it is their turn; asking sets it anew, to hold.for from then. Of everybody else:
    hold.for from now, for only they themselves can come back.

    asked_at, came_at: of a copy that was held before: what it knows of the question, and when it came. Being decided anew,
    by whomever, gives it no more time.
    """
    longest = stream.hold.longest
    asked_at = open_question(facts, asked_at)
    if asked_at is None:
        return now + (waiting if may_be_asked(stream, facts, (reason,), now) else longest)
    came_at = came_at or now
    end = end_of_answer(asked_at, came_at, longest)
    if end is None:
        return came_at + (waiting if may_be_asked(stream, facts, (reason,), now) else longest)
    return end


def open_question(facts: Facts, asked_at: datetime | None = None) -> datetime | None:
    """When the person was asked, if they have not answered. asked_at: as their copy knows it, also of a question whose mail
    is under way; else as the ledger has it.
    """
    if asked_at is not None and not _has_answered(facts, asked_at):
        return asked_at
    return facts.asked_at


def end_of_answer(asked_at: datetime, came_at: datetime, longest: timedelta) -> datetime | None:
    """When mail that came then is given up if its person does not answer; None where it came after the time to answer."""
    return max(asked_at, came_at) + longest if came_at < asked_at + longest else None


def _has_answered(facts: Facts, asked_at: datetime) -> bool:
    yeses = (facts.renewed_at, None if facts.yes is None else facts.yes.at)
    return any(said is not None and said > asked_at for said in yeses)
