"""How long what is known of people is kept, and what may go at a given moment. Pure; the deleting is the store's.

Two periods. Evidence (the address, where and on which words it agreed) is kept as long as a consent holds, because it
proves it, and some time after the last mail, because a complaint about that mail may come late. Technical evidence (IP
address, browser) goes earlier. A no is never forgotten: a keyed hash keeps it when everything else has gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """Of one stream. evidence: after its last mail or event, once no consent holds any more. technical: IP address and
    browser of an event, from its recording. None: without limit.
    """

    evidence: timedelta | None = timedelta(days=1096)
    technical: timedelta | None = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Record:
    """One person in one stream. holds: does a consent hold, or is an answer still awaited? newest: the last mail or
    event, whichever came later.
    """

    retention: Retention
    holds: bool
    newest: datetime


def strictest(several: Iterable[Retention]) -> Retention:
    """For what belongs to several streams, or to one that nobody knows any more: evidence as long as any of them asks
    for, technical evidence as short.
    """
    every = tuple(several)
    if not every:
        return Retention()
    evidence = [one.evidence for one in every if one.evidence is not None]
    technical = [one.technical for one in every if one.technical is not None]
    return Retention(
        max(evidence) if len(evidence) == len(every) else None,
        min(technical, default=None),
    )


def person_may_go(records: Iterable[Record], now: datetime) -> bool:
    """May all that names this person go? Only as a whole: what was said in one stream explains what holds in another
    (a withdrawal from all mail, a yes that came after it).
    """
    every = tuple(records)
    return bool(every) and all(not one.holds and _over(one.newest, one.retention.evidence, now) for one in every)


def technical_may_go(recorded_at: datetime, retention: Retention, now: datetime) -> bool:
    return _over(recorded_at, retention.technical, now)


def _over(since: datetime, period: timedelta | None, now: datetime) -> bool:
    return period is not None and now - since > period
