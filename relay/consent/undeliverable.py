"""When an address is learnt to be undeliverable: twice refused as an address, a day apart, by a next hop that works.

Pure. One refusal proves little: a directory server that is down refuses everybody for an hour as "unknown user", and
whoever believes it strikes whole lists off. So nothing is learnt while a next hop refuses too much of what it gets,
and a delivery in between forgets the first refusal. What is learnt becomes an event `undeliverable`; a new yes or an
operator (`deliverable`) clears it. Never decides about mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Final

#: Enhanced codes that say the address itself is wrong (RFC 3463, 3.2; 5.1.10: RFC 7505, a domain that takes no mail).
#: Others (5.1.0, 5.2.x, 5.7.x) speak of full mailboxes, policies and senders, too.
ADDRESS_FAILURES: Final = frozenset({"5.1.1", "5.1.2", "5.1.6", "5.1.10"})
#: Between the two failures.
APART: Final = timedelta(hours=24)
#: Which attempts of a next hop are recent: so many at most, and none older.
RECENT_ATTEMPTS: Final = 200
RECENT_WITHIN: Final = timedelta(hours=24)
#: While more than so many percent of them failed, nothing is learnt.
FAILING_PERCENT: Final = 5


@dataclass(frozen=True, slots=True)
class AddressFailure:
    """A permanent failure of one address. at: aware UTC. code: one of ADDRESS_FAILURES."""

    at: datetime
    code: str

    def __post_init__(self) -> None:
        if not is_address_failure(self.code):
            raise ValueError(f"{self.code!r} says nothing of the address: it is none of {', '.join(ADDRESS_FAILURES)}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a next hop. failed: it did not take the mail, for good or for now."""

    address: str
    at: datetime
    failed: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """The recent attempts of a next hop, those to the address in question left out."""

    attempts: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.attempts:
            raise ValueError("of so many attempts not more can have failed")

    @property
    def is_failing(self) -> bool:
        return self.failed * 100 > self.attempts * FAILING_PERCENT


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing changes: what was remembered stays remembered. why: in words, for a log."""

    why: str


@dataclass(frozen=True, slots=True)
class Remember:
    """The first failure, to be kept in the place of whatever was remembered before."""

    failure: AddressFailure


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Two failures: an event `undeliverable` at the second; nothing needs to be remembered any more."""

    first: AddressFailure
    second: AddressFailure


Learnt = Nothing | Remember | Undeliverable


def is_address_failure(code: str) -> bool:
    """code: enhanced status code as in "5.1.1", "" for a reply without one."""
    return code in ADDRESS_FAILURES


def learn(
    previous: AddressFailure | None,
    now: datetime,
    code: str,
    recent: Recent,
    known_good_at: datetime | None = None,
) -> Learnt:
    """What the permanent failure `code` of an address at `now` comes to.

    previous: what is remembered of the address. recent: of the next hop that answered. known_good_at: the newest
    delivery, yes or operator's word that the mailbox works; a failure before it is forgotten.
    """
    if not is_address_failure(code):
        return Nothing(f"{code or 'no enhanced code'} says nothing of the address")
    if recent.is_failing:
        return Nothing(f"{recent.failed} of the {recent.attempts} recent attempts of this next hop failed")
    failure = AddressFailure(now, code)
    if previous is None or is_forgotten(previous, known_good_at):
        return Remember(failure)
    if now - previous.at < APART:
        return Nothing("the failure before is less than a day old")
    return Undeliverable(previous, failure)


def is_forgotten(previous: AddressFailure, known_good_at: datetime | None) -> bool:
    """Was the address good after all? At the same moment, too: what works is not struck off."""
    return known_good_at is not None and known_good_at >= previous.at


def recent_of(attempts: Iterable[Attempt], address: str, now: datetime) -> Recent:
    """The attempts of one next hop, in any order, as `learn` counts them."""
    others = (one for one in attempts if one.address != address and now - RECENT_WITHIN <= one.at <= now)
    counted = nlargest(RECENT_ATTEMPTS, others, key=lambda one: one.at)
    return Recent(len(counted), sum(one.failed for one in counted))
