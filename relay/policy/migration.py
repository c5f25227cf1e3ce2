"""[migration]: bases that count for a while besides consent.accept, so that an old list can be asked instead of being
called what it is not. Pure.

It stretches nothing but which basis counts: a no, a dead mailbox, `stale_after` and the end of implied consent stand as
they do without it. Only `renew_every` waits, because being asked is what the time is for. It ends by itself, at the
moment of each decision; nothing has to be loaded anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from relay.consent.events import Basis
from relay.consent.facts import Yes

#: How many days ahead a migration may end when the policy is loaded.
LONGEST_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Migration:
    """accept: the bases that count meanwhile. until: the last day, in the stream's time zone; ends_at: the first moment
    after it. said_before: only a yes said before this day counts, None for any; said_before_at: when that day begins.
    Moments are aware UTC.
    """

    accept: frozenset[Basis]
    until: date
    ends_at: datetime
    said_before: date | None = None
    said_before_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return now >= self.ends_at

    def covers(self, yes: Yes) -> bool:
        """Is it a yes of the old list? What is recorded live comes from a form that is in use: that one is to be mended."""
        early = self.said_before_at is None or yes.at < self.said_before_at
        return yes.basis in self.accept and not yes.live and early

    def takes(self, yes: Yes, now: datetime) -> bool:
        return self.covers(yes) and not self.is_over(now)

    def in_words(self, now: datetime) -> str:
        """`assumed, customer count until 2027-01-31 (61 days left), said before 2026-11-01`"""
        bases = bases_in_words(self.accept)
        verb = "counts" if len(self.accept) == 1 else "count"
        if self.is_over(now):
            return f"{bases}: over since {self.until}, {verb} no more"
        days = (self.ends_at - now).days
        left = f"{days} days left" if days > 1 else "1 day left" if days else "ends today"
        early = f", said before {self.said_before}" if self.said_before else ""
        return f"{bases} {verb} until {self.until} ({left}){early}"


def migration_until(accept: Iterable[Basis], until: date, timezone: str, said_before: date | None = None) -> Migration:
    """timezone: name of the zone in which the days are counted."""
    zone = ZoneInfo(timezone)
    return Migration(
        frozenset(accept),
        until,
        _start(until + timedelta(days=1), zone),
        said_before,
        None if said_before is None else _start(said_before, zone),
    )


def latest_end(now: datetime, timezone: str) -> date:
    """The last day that `until` may name in a policy that is loaded at `now`."""
    return now.astimezone(ZoneInfo(timezone)).date() + timedelta(days=LONGEST_DAYS)


def noon_of(day: date, timezone: str) -> datetime:
    """Aware UTC."""
    return datetime.combine(day, time(12), ZoneInfo(timezone)).astimezone(UTC)


def bases_in_words(bases: Iterable[Basis]) -> str:
    named = set(bases)
    return ", ".join(basis for basis in Basis if basis in named)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
