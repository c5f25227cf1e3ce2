"""A forecast of consents in words, as a table and as JSON values; every number with what would change it.

Never counts anything: that is done in `relay.consent.forecast`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from relay.config.durations import write_duration
from relay.consent.forecast import ENDS, Forecast, Stretch, stretches
from relay.consent.freshness import CHANGES, Change, Rule
from relay.policy.model import Stream, text_in

#: How a table names what ends a consent: the reason of mail afterwards, where the rule has one of its own.
LABELS: Final[Mapping[Rule, str]] = {
    Rule.STALE_AFTER: "stale",
    Rule.RENEW_EVERY: "renewal-due",
    Rule.FIRST_MAIL_WITHIN: "first-mail-late",
    Rule.CUSTOMER_WITHIN: "customer",
    Rule.INQUIRY_WITHIN: "inquiry",
    Rule.MIGRATION_UNTIL: "migration",
    Rule.CONFIRM_WITHIN: "unanswered",
}
_CHANGES: Final[Mapping[Change, str]] = {
    Change.CONTACT: "a mail of this stream that is delivered",
    Change.YES: "a new yes",
    Change.PURCHASE: "a new purchase",
    Change.INQUIRY: "a new inquiry",
    Change.CLICK: "the person's click",
    Change.SENDING: "sending the mail that asks",
}
#: Up to so many days a line is a day, then a week, then four weeks.
_BY_DAY: Final = 14
_BY_WEEK: Final = 210


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast and the stream that it is of."""

    stream: Stream
    forecast: Forecast

    @property
    def stretches(self) -> list[Stretch]:
        days = self.forecast.days
        return stretches(self.forecast, 1 if days <= _BY_DAY else 7 if days <= _BY_WEEK else 28)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that end anything."""
        return tuple(rule for rule in ENDS if self.forecast.total(rule))

    @property
    def last_day(self) -> date:
        return self.stretches[-1].last

    def total(self) -> int:
        """Of consents and of open questions."""
        return sum(self.forecast.total(rule) for rule in ENDS)


def changes_of(rule: Rule) -> str:
    """`a new purchase or a new yes`"""
    return " or ".join(_CHANGES[change] for change in CHANGES[rule])


def lines_of(told: Told) -> Iterator[str]:
    """For a terminal."""
    stream, forecast = told.stream, told.forecast
    purpose = text_in(stream.purpose, "en")
    yield f"{stream.id}{f' ({purpose})' if purpose else ''}, {forecast.today} to {told.last_day}, days in UTC"
    if forecast.late:
        yield (
            f"  ALARM: {forecast.late:,} asked for this mail, and the mail that asks for the click has not left within "
            f"{_limit(stream, Rule.CONFIRMATION_SENT_WITHIN)} ({Rule.CONFIRMATION_SENT_WITHIN}). "
            f"What changes it: {changes_of(Rule.CONFIRMATION_SENT_WITHIN)}."
        )
    yield f"  get mail today: {forecast.counting:,}; asked to confirm, no answer yet: {forecast.awaited:,}"
    if stream.migration is not None:
        yield f"  [migration]: {stream.migration.in_words(forecast.now)}"
    if told.rules:
        yield ""
        yield from (f"  {line}" for line in _table(told))
        yield ""
    else:
        yield f"  nothing runs out until {told.last_day}"
    yield from (f"  {line}" for line in _reasons(told))


def as_json(told: Told) -> dict[str, object]:
    stream, forecast = told.stream, told.forecast
    return {
        "stream": stream.id,
        "at": forecast.now.isoformat(),
        "days": forecast.days,
        "gets_mail": forecast.counting,
        "awaited": forecast.awaited,
        "confirmation_late": forecast.late,
        "ask_now": {LABELS[rule]: forecast.ask_now[rule] for rule in ENDS if forecast.ask_now[rule]},
        "over": {LABELS[rule]: forecast.over[rule] for rule in ENDS if forecast.over[rule]},
        "basis_not_accepted": forecast.not_accepted,
        "under_a_no_or_undeliverable": forecast.barred,
        "migration": _migration(stream, forecast.now),
        "runs_out": [
            {
                "from": one.first.isoformat(),
                "until": one.last.isoformat(),
                "counts": {LABELS[rule]: one.counts[rule] for rule in told.rules},
                "total": one.total,
            }
            for one in told.stretches
        ],
        "total": {LABELS[rule]: forecast.total(rule) for rule in told.rules},
        "changes": {
            **{LABELS[rule]: changes_of(rule) for rule in told.rules},
            **({"confirmation_late": changes_of(Rule.CONFIRMATION_SENT_WITHIN)} if forecast.late else {}),
        },
    }


def _migration(stream: Stream, now: datetime) -> dict[str, object] | None:
    migration = stream.migration
    if migration is None:
        return None
    return {
        "accept": sorted(migration.accept),
        "until": migration.until.isoformat(),
        "said_before": migration.said_before and migration.said_before.isoformat(),
        "over": migration.is_over(now),
    }


def _table(told: Told) -> Iterator[str]:
    head = ["from", "until", *(LABELS[rule] for rule in told.rules), "together"]
    rows = [
        [str(one.first), str(one.last), *(_number(one.counts[rule]) for rule in told.rules), _number(one.total)]
        for one in told.stretches
        if one.total  # a year is mostly lines of "-"
    ]
    sums = [f"{told.forecast.total(rule):,}" for rule in told.rules]
    rows.append(["together", "", *sums, f"{told.total():,}"])
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        dates = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*dates, *numbers]).rstrip()


def _reasons(told: Told) -> Iterator[str]:
    """What stands behind each number, and what would change it."""
    stream, forecast = told.stream, told.forecast
    for rule in told.rules:
        yield (
            f"{LABELS[rule]}: {forecast.total(rule):,} by {rule} = {_limit(stream, rule)}. "
            f"What changes it: {changes_of(rule)}."
        )
    if forecast.ask_now:
        by_rule = ", ".join(f"{forecast.ask_now[rule]:,} {LABELS[rule]}" for rule in ENDS if forecast.ask_now[rule])
        before = stream.consent.freshness.ask_before
        yield (
            f"ask now: {forecast.ask_now.total():,} ({by_rule}), consent.ask_before = {_written(before)}. "
            "What changes it: a new yes; who has been asked already is not among them."
        )
    over = [f"{forecast.over[rule]:,} {LABELS[rule]}" for rule in ENDS if forecast.over[rule]]
    if forecast.not_accepted:
        over.append(f"{forecast.not_accepted:,} of a basis that is not accepted")
    if over:
        yield f"get no mail any more: {', '.join(over)}. What changes it: a new yes."


def _limit(stream: Stream, rule: Rule) -> str:
    """As in the policy file."""
    if rule is Rule.MIGRATION_UNTIL:
        return "" if stream.migration is None else stream.migration.until.isoformat()
    return _written(getattr(stream.consent.freshness, rule.partition(".")[2]))


def _written(period: timedelta | None) -> str:
    return '"never"' if period is None else f'"{write_duration(period)}"'


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"
