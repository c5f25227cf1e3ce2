"""The clock that everything is dated and judged by, and when it is not to be trusted.

A clock that is behind what the store recorded, or that has jumped by more than a day, would let consents run out that
are fresh, or let pass what has run out. Then nobody is judged: mail is asked for again (451), nothing expires, nothing
is purged. What people say is taken all the same. A jump forward can only be seen while it happens: at the start, the
clock is believed unless the store knows better.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from relay.address import Address
from relay.consent.events import Event
from relay.consent.facts import Facts
from relay.decision import Decision, Outcome
from relay.log import get_logger
from relay.queued import Claimed, State, Step
from relay.store.port import NO_TEXTS, ClockWrongError, Store

#: How far the clock may be behind the newest record: clocks of virtual machines are put right by a few seconds.
_TOLERANCE: Final = timedelta(minutes=5)
_LARGEST_JUMP: Final = timedelta(days=1)
#: Seconds between two alarms, and between two looks when no mail comes.
_ALARM_EVERY: Final = 3600.0
_LOOK_EVERY: Final = 10.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The same moment by two clocks. wall: aware UTC, what people set. boottime: seconds since the machine was started,
    those it slept included; nobody sets it.
    """

    wall: datetime
    boottime: float


def moment() -> Moment:
    return Moment(datetime.now(UTC), time.clock_gettime(time.CLOCK_BOOTTIME))


class ClockGuard:
    """look: the time now. newest: what the store recorded last, None when nothing. since: when the relay was started,
    for a process that takes the place of one that ended; else it is now.
    """

    def __init__(
        self, look: Callable[[], Moment] = moment, *, newest: datetime | None = None, since: Moment | None = None
    ) -> None:
        self._look = look
        self._since = since or look()
        self._newest = newest
        self._alarm_from: float | None = None

    def now(self) -> datetime:
        """What the clock says, right or wrong."""
        return self._look().wall

    def steady(self) -> datetime:
        """What the clock would say if it had not jumped: for what is under way at the jump, and is written down all the
        same.
        """
        now = self._look()
        expected = self._since.wall + timedelta(seconds=now.boottime - self._since.boottime)
        return expected if abs(now.wall - expected) > _LARGEST_JUMP else now.wall

    def trouble(self) -> str:
        """Why the clock cannot be trusted, in words; "" when it can. Raises the alarm where that is due."""
        now = self._look()
        why = self._wrong(now)
        if not why:
            self._newest = now.wall if self._newest is None else max(self._newest, now.wall)
            if self._alarm_from is not None:
                self._alarm_from = None
                get_logger().warning("clock-right", now=now.wall.isoformat())
        elif self._alarm_from is None or now.boottime >= self._alarm_from:
            self._alarm_from = now.boottime + _ALARM_EVERY
            get_logger().critical("clock-wrong", why=why)
        return why

    def require(self) -> None:
        """Raises ClockWrongError."""
        why = self.trouble()
        if why:
            raise ClockWrongError(why)

    async def watch(self) -> None:
        """Look now and then, so that the alarm comes before the mail. Until it is cancelled."""
        while True:
            self.trouble()
            await asyncio.sleep(_LOOK_EVERY)

    def _wrong(self, now: Moment) -> str:
        passed = timedelta(seconds=now.boottime - self._since.boottime)
        jump = now.wall - self._since.wall - passed
        if abs(jump) > _LARGEST_JUMP:
            return (
                f"the clock has jumped {'forward' if jump > timedelta(0) else 'back'} by {_in_words(jump)} to "
                f"{_text(now.wall)} since the relay was started; set it right, or restart the relay if it is right now"
            )
        if self._newest is not None and self._newest - now.wall > _TOLERANCE:
            return (
                f"the clock stands at {_text(now.wall)}, and records were made until {_text(self._newest)}; set it "
                "right, or start with consent-relay serve --clock-is-right if it was ahead before"
            )
        return ""


class CheckedStore:
    """The store for those who judge: no facts and no decisions while the clock is wrong (ClockWrongError)."""

    def __init__(self, store: Store, guard: ClockGuard) -> None:
        self._store = store
        self._guard = guard

    async def facts(self, brand: str, stream: str, addresses: Sequence[Address]) -> dict[Address, Facts]:
        self._guard.require()
        return await self._store.facts(brand, stream, addresses)

    async def record(self, decisions: Sequence[Decision]) -> None:
        self._guard.require()
        await self._store.record(decisions)

    def settle_later(self, outcomes: Sequence[Outcome]) -> None:
        """What was under way is written down; but no contact, and nothing to learn, is dated by a wrong clock."""
        if self._guard.trouble():
            outcomes = [replace(outcome, contact=False, address=None) for outcome in outcomes]
        self._store.settle_later(outcomes)

    async def append(self, events: Sequence[Event], texts: Mapping[str, str] = NO_TEXTS) -> tuple[int, ...]:
        return await self._store.append(events, texts)

    async def commit(self, step: Step) -> None:
        """What judges needs the time; what only ends an attempt is written down, as in settle_later."""
        if step.decisions or step.messages:
            self._guard.require()
        await self._store.commit(self._undated(step))

    def commit_later(self, step: Step) -> None:
        self._store.commit_later(self._undated(step))

    async def claim(
        self, now: datetime, most: int, *, only: Collection[str] | None = None, skip: Collection[str] = ()
    ) -> tuple[Claimed, ...]:
        if self._guard.trouble():
            return ()
        return await self._store.claim(now, most, only=only, skip=skip)

    async def claim_failed(self, now: datetime, most: int) -> tuple[Claimed, ...]:
        return () if self._guard.trouble() else await self._store.claim_failed(now, most)

    async def claim_expired(self, now: datetime, most: int) -> tuple[Claimed, ...]:
        return () if self._guard.trouble() else await self._store.claim_expired(now, most)

    async def give_back(self, copies: Collection[int]) -> None:
        await self._store.give_back(copies)

    async def content(self, message: int) -> bytes:
        return await self._store.content(message)

    async def next_due(self, now: datetime, state: State = State.QUEUED) -> bool:
        return not self._guard.trouble() and await self._store.next_due(now, state)

    def noes_stamp(self) -> object:
        return self._store.noes_stamp()

    def _undated(self, step: Step) -> Step:
        if not step.outcomes or not self._guard.trouble():
            return step
        return replace(step, outcomes=tuple(replace(one, contact=False, address=None) for one in step.outcomes))

    async def flush(self) -> None:
        await self._store.flush()

    async def close(self) -> None:
        await self._store.close()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _in_words(jump: timedelta) -> str:
    days, seconds = divmod(round(abs(jump).total_seconds()), 86_400)
    return f"{days} d {seconds // 3600} h"
