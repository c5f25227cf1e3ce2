"""How many consents run out when, and by which rule: the people of one stream, counted one by one. Pure.

Each address counts once, at its first end: afterwards no mail reaches it, so nothing later can happen to it. People
under a standing no are not counted, nor dead mailboxes: no time changes anything there. Nothing is foretold that
somebody would have to do: no mail is sent and nobody says a word until the end of the forecast, so every number is
what happens if nothing does. Keeps counts only, however many people there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from relay.consent.events import Basis
from relay.consent.facts import Facts, Freshness, Yes
from relay.consent.freshness import (
    Deadline,
    Rule,
    deadlines_of_request,
    deadlines_of_yes,
    is_confirmation_late,
)
from relay.reason import Reason

#: What ends a consent or an open question, in the order in which reports name it.
ENDS: Final = (
    Rule.STALE_AFTER,
    Rule.RENEW_EVERY,
    Rule.FIRST_MAIL_WITHIN,
    Rule.CUSTOMER_WITHIN,
    Rule.INQUIRY_WITHIN,
    Rule.MIGRATION_UNTIL,
    Rule.CONFIRM_WITHIN,
)
_DAY: Final = timedelta(days=1)
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class OldList:
    """[migration]: covers: does this yes count by it? ends_at: aware UTC, the first moment that no longer counts."""

    covers: Callable[[Yes], bool]
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """What a stream's policy says of time. accept: the bases that count. old_list: None without a migration."""

    accept: frozenset[Basis]
    freshness: Freshness
    old_list: OldList | None = None


@dataclass(slots=True)
class Forecast:
    """One stream. now: aware UTC; days: how many, today the first. `add` each address; then read the counts.

    ends: by rule, how many end on each day. counting: get mail today. awaited: were asked to confirm, may still answer.
    late: of these, whose mail that asks has not left in time. ask_now: get mail today and should be asked, by the rule
    for which asking began first; who has an open question is not among them. over: a yes, but no mail any more, by the rule that
    ended it; not_accepted: a yes of a basis that does not count. barred: under a no, or a dead mailbox.
    """

    rules: Rules
    now: datetime
    days: int
    ends: dict[Rule, list[int]] = field(init=False)
    counting: int = 0
    awaited: int = 0
    late: int = 0
    ask_now: Counter[Rule] = field(default_factory=Counter)
    over: Counter[Rule] = field(default_factory=Counter)
    not_accepted: int = 0
    barred: int = 0
    _midnight: datetime = field(init=False)
    _until: datetime = field(init=False)
    _in_migration: Freshness = field(init=False)

    def __post_init__(self) -> None:
        self.ends = {rule: [0] * self.days for rule in ENDS}
        self._midnight = datetime.combine(self.now.astimezone(UTC).date(), time(), UTC)
        self._until = self._midnight + self.days * _DAY
        self._in_migration = replace(self.rules.freshness, renew_every=None)

    def add(self, facts: Facts) -> None:
        """facts: of one address in the stream."""
        if facts.complained_at or facts.withdrawn_at or facts.undeliverable_at:
            self.barred += 1
            return
        asked = deadlines_of_request(facts, self.rules.freshness) if facts.requested_at else ()
        if asked and is_confirmation_late(facts, self.rules.freshness, self.now):
            self.late += 1
        ends = None if facts.yes is None else self._ends_of(facts, facts.yes)
        if ends is None:
            self.not_accepted += facts.yes is not None
        else:
            first = min(ends, key=_at, default=None)
            if first is None or not first.is_past(self.now):
                self._counts(first, ends, has_been_asked=facts.asked > 0 or self._is_awaited(facts, asked))
                return
            self.over[first.rule] += 1
        if self._is_awaited(facts, asked):
            self.awaited += 1
            self._note(next((end for end in asked if end.rule is Rule.CONFIRM_WITHIN), None))

    def total(self, rule: Rule) -> int:
        return sum(self.ends[rule])

    @property
    def today(self) -> date:
        return self._midnight.date()

    def _ends_of(self, facts: Facts, yes: Yes) -> tuple[Deadline, ...] | None:
        """All ends of the yes; None where its basis does not count."""
        rules = self.rules
        if yes.basis in rules.accept:
            return deadlines_of_yes(facts, rules.freshness)
        if rules.old_list is None or not rules.old_list.covers(yes):
            return None
        last = rules.old_list.ends_at - _MOMENT
        since = min(yes.at, last)
        # Asking is what the time is for, so it begins at once.
        end = Deadline(Rule.MIGRATION_UNTIL, Reason.BASIS_NOT_ACCEPTED, since, last, ask_from=since)
        return (end, *deadlines_of_yes(facts, self._in_migration))

    def _is_awaited(self, facts: Facts, asked: tuple[Deadline, ...]) -> bool:
        return facts.requested_at is not None and not any(
            end.rule is Rule.CONFIRM_WITHIN and end.is_past(self.now) for end in asked
        )

    def _counts(self, first: Deadline | None, ends: tuple[Deadline, ...], *, has_been_asked: bool) -> None:
        self.counting += 1
        if first is None:
            return
        self._note(first)
        begin = min((end for end in ends if end.ask_from is not None), key=_ask_from, default=None)
        if begin is not None and _ask_from(begin) <= self.now and not has_been_asked:
            self.ask_now[begin.rule] += 1

    def _note(self, end: Deadline | None) -> None:
        if end is not None and end.at < self._until:
            self.ends[end.rule][(end.at - self._midnight) // _DAY] += 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days from `first` to `last`, both included, and how many end in them by each rule."""

    first: date
    last: date
    counts: dict[Rule, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def stretches(forecast: Forecast, length: int) -> list[Stretch]:
    """The days of the forecast in stretches of `length` days; the last may be shorter."""
    found = []
    for start in range(0, forecast.days, length):
        end = min(start + length, forecast.days)
        counts = {rule: sum(days[start:end]) for rule, days in forecast.ends.items()}
        found.append(Stretch(forecast.today + start * _DAY, forecast.today + (end - 1) * _DAY, counts))
    return found


def _at(end: Deadline) -> datetime:
    return end.at


def _ask_from(end: Deadline) -> datetime:
    return end.at if end.ask_from is None else end.ask_from
