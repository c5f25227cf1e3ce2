"""What comes next for one person in one stream: when today's answer ends by itself, and what would change it. Pure.

In words for somebody who answers for it, at night or to a complaint; every rule with its value and its place. Decides
nothing: the verdict is that of `relay.policy.evaluate`, the moments are those of `relay.consent.freshness`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.config.durations import write_duration
from relay.consent.facts import Facts
from relay.consent.freshness import (
    QUESTIONS,
    Change,
    Deadline,
    Rule,
    deadlines_of_request,
    deadlines_of_yes,
    in_order,
)
from relay.policy.evaluate import Evaluation, has_accepted_yes, rules_in_migration
from relay.policy.model import Mode, Origin, Stream
from relay.reason import Reason, Verdict

#: What puts an end off, in words.
_UNLESS: Final = {
    Change.CONTACT: "mail of this stream is delivered",
    Change.YES: "the person says yes anew",
    Change.PURCHASE: "the person buys again",
    Change.INQUIRY: "the person asks again",
    Change.CLICK: "the person clicks the link",
    Change.SENDING: "the mail that asks leaves",
}
_MOMENT: Final = timedelta(microseconds=1)
#: Reasons that a person's own no gives.
_NOES: Final = frozenset({Reason.WITHDRAWN, Reason.COMPLAINED})
#: Reasons that a new yes ends.
_TO_BE_ASKED: Final = frozenset({Reason.STALE, Reason.RENEWAL_DUE, Reason.FIRST_MAIL_LATE})
#: After these ends there is no yes any more.
_NO_YES: Final = frozenset({Reason.BASIS_NOT_ACCEPTED, Reason.NO_CONSENT})
_KEYS: Final = {
    Reason.STALE: Rule.STALE_AFTER,
    Reason.RENEWAL_DUE: Rule.RENEW_EVERY,
    Reason.FIRST_MAIL_LATE: Rule.FIRST_MAIL_WITHIN,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that happens by itself. reason: what applies to mail from then on, None where mail is not concerned (the
    sender's own deadline). verdict: what then happens to mail, None likewise. since: what the time counts from.
    ask_from: when asking begins, None where nobody is asked. unless: what would put it off, in words.
    """

    at: datetime
    reason: Reason | None
    verdict: Verdict | None
    key: str
    value: str
    origin: Origin
    since: datetime
    ask_from: datetime | None
    unless: tuple[str, ...]

    def __str__(self) -> str:
        """`2027-03-01 (stale_after = "365d", policies/newsletter.toml:41) unless mail of this stream is delivered`"""
        unless = f" unless {' or '.join(self.unless)}" if self.unless else ""
        return (
            f"{self.at:%Y-%m-%d} ({self.key.removeprefix('consent.')} = {self.value}, {place_of(self.origin)}){unless}"
        )


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would change the answer. act: what has to have happened, in words. command: what then records it, "" where
    nothing is to be typed.
    """

    act: str
    command: str = ""


def endings(stream: Stream, evaluation: Evaluation, facts: Facts, now: datetime) -> tuple[Ending, ...]:
    """What is still to come, the earliest first; nothing where today's answer holds until somebody does something."""
    return tuple(
        Ending(
            at=end.at,
            reason=end.reason,
            verdict=None if end.reason is None else stream.verdicts.get(end.reason),
            key=str(end.rule),
            value=_value(stream, end.rule),
            origin=stream.origin(str(end.rule)),
            since=end.since,
            ask_from=end.ask_from if stream.hold.ask_again else None,
            unless=tuple(_UNLESS[change] for change in end.changes),
        )
        for end in in_order(_deadlines(stream, evaluation, facts, now))
        if not end.is_past(now)
    )


def _deadlines(stream: Stream, evaluation: Evaluation, facts: Facts, now: datetime) -> Iterator[Deadline]:
    reason = evaluation.reasons[0]
    freshness = stream.consent.freshness
    if reason is Reason.CONFIRMED:
        yield from deadlines_of_yes(facts, freshness)
    elif reason is Reason.MIGRATION and stream.migration is not None and facts.yes is not None:
        # Until the migration ends nobody is held for an old yes; after it, no other end matters. Asking is what the time
        # is for, so it begins at once.
        last = stream.migration.ends_at - _MOMENT
        since = min(facts.yes.at, last)
        ends = deadlines_of_yes(facts, rules_in_migration(stream.consent).freshness)
        yield from (end for end in ends if end.at <= last)
        yield Deadline(Rule.MIGRATION_UNTIL, Reason.BASIS_NOT_ACCEPTED, since, last, ask_from=since)
    elif reason is Reason.UNCONFIRMED:
        yield from deadlines_of_request(facts, freshness)
    elif reason in _TO_BE_ASKED and has_accepted_yes(stream.consent, facts, now):
        # Held; only an end after which the yes does not count at all is worth telling.
        yield from (end for end in deadlines_of_yes(facts, freshness) if end.reason in _NO_YES)


def remedies(stream: Stream, evaluation: Evaluation, facts: Facts, address: Address) -> tuple[Remedy, ...]:
    """What would change the answer, the most fitting first."""
    return tuple(_remedies(stream, evaluation, facts, address))


def _remedies(stream: Stream, evaluation: Evaluation, facts: Facts, address: Address) -> Iterator[Remedy]:
    reason = evaluation.reasons[0]
    if not evaluation.enforced:
        place = place_of(stream.origin("stream.mode"))
        yield Remedy(f'mail passes all the same, because the policy is only tried out: mode = "{Mode.SHADOW}", {place}')
    if reason in _NOES:
        since = facts.complained_at if reason is Reason.COMPLAINED else facts.withdrawn_at
        after = f" after {since:%Y-%m-%d %H:%M} UTC" if since is not None else ""
        yield Remedy(
            f"only the person's own new yes, said{after}; no import, policy or older yes lifts it. If they have said "
            "it to you and you can show it",
            _grant(address, stream, "--after-withdrawal"),
        )
    elif reason is Reason.UNDELIVERABLE:
        told = f"consent-relay consent deliverable {shlex.quote(str(address))} --source HOW_YOU_KNOW"
        yield Remedy("the mailbox works, as you know from somewhere else than mail", told)
        yield Remedy("the person says yes anew", _grant(address, stream))
    elif reason is Reason.NO_CONSENT and facts.asked >= QUESTIONS:
        yield Remedy(
            f"the person says yes anew; the relay has asked {facts.asked} times and asks no more, so in a way of their own",
            _grant(address, stream),
        )
    elif reason is Reason.NO_CONSENT:
        yield Remedy("the person agreed, and it was not recorded for exactly this address", _grant(address, stream))
        yield Remedy("the person has not agreed: no mail may go out; take the address off the list")
    elif reason is Reason.BASIS_NOT_ACCEPTED:
        yield from _better_yes(stream, facts, address)
    elif reason is Reason.UNCONFIRMED:
        yield Remedy(
            "the person clicks the link in the mail that asks, or says yes to you in another way",
            _grant(address, stream),
        )
    elif reason in _TO_BE_ASKED:
        yield Remedy("the person says yes anew", _grant(address, stream))
        rule = _KEYS[reason]
        value, place = _value(stream, rule), place_of(stream.origin(str(rule)))
        yield Remedy(f"or the policy allows more than {rule} = {value} ({place}), as far as the law does")
    elif evaluation.verdict is Verdict.DELIVER and (stream.is_commercial or reason is Reason.TRANSACTIONAL):
        stop = f"consent-relay consent withdraw {shlex.quote(str(address))} --stream {stream.id} --source HOW_YOU_KNOW"
        yield Remedy("the person wants no more of it", stop)


def _better_yes(stream: Stream, facts: Facts, address: Address) -> Iterator[Remedy]:
    yes = facts.yes
    accepted = ", ".join(sorted(stream.consent.accept)) or "nothing"
    if yes is not None and not yes.act.is_active and yes.basis not in stream.consent.accept:
        yield Remedy(
            f"the yes of {yes.at:%Y-%m-%d} came with an act of the person that was not recorded (a box they ticked, a "
            "link they clicked): record it with its act",
            _grant(address, stream, at=yes.at),
        )
    yield Remedy("the person says yes anew", _grant(address, stream))
    yield Remedy(
        f"or the policy accepts more than {accepted}: consent.accept, {place_of(stream.origin('consent.accept'))}; for an "
        "old list for a while: [migration]"
    )


def _grant(address: Address, stream: Stream, *more: str, at: datetime | None = None) -> str:
    """Capitals stand for what only the operator knows."""
    moment = "TIME" if at is None else at.isoformat(timespec="seconds")
    words = ["consent-relay consent grant", shlex.quote(str(address)), "--stream", stream.id]
    words += ["--basis BASIS --act ACT --at", moment, "--source WHERE", *more]
    return " ".join(words)


def _value(stream: Stream, rule: Rule) -> str:
    """As it stands in the policy file."""
    if rule is Rule.MIGRATION_UNTIL:
        return "" if stream.migration is None else f"{stream.migration.until}"
    period = getattr(stream.consent.freshness, str(rule).removeprefix("consent."))
    return '"never"' if period is None else f'"{write_duration(period)}"'


def place_of(origin: Origin) -> str:
    """File and line; the law behind a figure stands in the profile."""
    return str(replace(origin, source="")) if origin.file else "the built-in default"
