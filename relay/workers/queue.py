"""What one process delivers from the queue: claims what is due, as much as there is room for, and hands each message to
its delivery. Other processes do the same; the store's leases keep them apart.

Knows nothing of policies and contents. Claims for each route on its own, so that one that is slow or gone takes no room
from others; never while the clock is wrong, because the store hands out nothing then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from relay.log import get_logger
from relay.outbound.attempt import Route
from relay.queued import Claimed
from relay.store.port import Store, StoreUnavailableError
from relay.workers.backoff import Backoff
from relay.workers.delivery import copies_at_once

#: Seconds between two looks at what other processes have queued or let go.
_POLL: Final = 0.25
#: Copies in hand for each connection that a route may have: some wait for their turn while others are on the wire.
_PER_CONNECTION: Final = 4
#: Copies in hand of all routes together.
_MOST_COPIES: Final = 400
#: Octets of contents and copies in memory, in equal shares for the routes. One message that is larger than that has its
#: turn alone.
_MOST_OCTETS: Final = 256 << 20
#: Seconds between two looks for what has waited too long at a next hop that is closed.
_EXPIRY_LOOK: Final = 60.0
#: Seconds from which a claim that found nothing was dear, because it had to look through what waits for other routes, and
#: for how many times as long its route then rests: the store is for those who have something to write.
_DEAR: Final = 0.02
_REST: Final = 10
#: Seconds to write down what was cut short.
_LAST_WORDS: Final = 2.0


class Delivers(Protocol):
    """Delivers one claimed message, and raises nothing but its cancellation. go_on: may another copy be begun?"""

    async def deliver(self, claimed: Claimed, go_on: Callable[[], bool]) -> None: ...


@dataclass(slots=True)
class _Lane:
    """A route and its copies in hand. share: how many these are at most, whatever other routes do. room: in memory.
    expiry_from: when to look for what has waited too long, while it is closed. rests_until: when to claim again after a
    dear claim.
    """

    route: Route
    skip: frozenset[str]
    share: int
    room: _Room
    copies: int = 0
    expiry_from: float = 0.0
    rests_until: float = 0.0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def most(self) -> int:
        return min(self.route.connections * _PER_CONNECTION, self.share)


@dataclass(frozen=True, slots=True)
class _Claim:
    """Up to `most` copies of a route that were due at a time. expired: they have waited for too long."""

    lane: _Lane
    most: int
    due: datetime
    expired: bool = False


class QueueWorker:
    """routes: as of `NextHops`, the one for all other domains without any. expire: how long a copy is tried. clock: aware
    UTC now.
    """

    def __init__(
        self,
        *,
        store: Store,
        deliveries: Delivers,
        backoff: Backoff,
        routes: Sequence[Route],
        expire: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._backoff = backoff
        named = frozenset(domain for route in routes for domain in route.domains)
        share, octets = max(_MOST_COPIES // len(routes), 1), _MOST_OCTETS // len(routes)
        self._lanes = [_Lane(route, frozenset() if route.domains else named, share, _Room(octets)) for route in routes]
        self._expire = expire
        self._clock = clock
        self._wake = asyncio.Event()
        self._nudged = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._complained = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def nudge(self) -> None:
        """Something was queued by this process, and is due: it need not wait for the next look."""
        self._nudged = True
        self._wake.set()

    async def stop(self, seconds: float) -> int:
        """Claim no more, finish what is under way within so many seconds; how many messages were cut short."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await self._task
        under_way = {task for lane in self._lanes for task in lane.tasks}
        if not under_way:
            return 0
        _, late = await asyncio.wait(under_way, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_LAST_WORDS)
        return len(late)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            nudged, self._nudged = self._nudged, False
            self._wake.clear()
            if not await self._claim_all(nudged=nudged):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _POLL)

    async def _claim_all(self, *, nudged: bool) -> bool:
        """Was anything claimed? Then there may be more."""
        try:
            claims = [claim for lane in self._lanes if (claim := self._wanted(lane)) is not None]
            if not claims or not (nudged or await self._store.next_due(self._clock())):
                return False
            found = await asyncio.gather(*(self._claim(one) for one in claims))
            self._complained = False
            return any(found)
        except StoreUnavailableError as error:
            if not self._complained:  # what the store itself says of it is enough after the first time
                self._complained = True
                get_logger().warning("queue-waits", why=str(error))
            return False
        except Exception:  # noqa: BLE001 - the queue is not to stand still; the next look comes
            get_logger().exception("internal-error")
            return False

    def _wanted(self, lane: _Lane) -> _Claim | None:
        """What there is room for on a route."""
        now = asyncio.get_running_loop().time()
        if now < lane.rests_until:
            return None
        room = lane.most - lane.copies
        most = self._backoff.room(lane.route.name, room)
        if most:
            return _Claim(lane, most, self._clock())
        if not room or now < lane.expiry_from:
            return None
        # Its next hop is closed. What was due so long ago that it expires is tried once more, so that its sender is told.
        lane.expiry_from = now + _EXPIRY_LOOK
        return _Claim(lane, room, self._clock() - self._expire, expired=True)

    async def _claim(self, claim: _Claim) -> bool:
        lane, loop = claim.lane, asyncio.get_running_loop()
        start = loop.time()
        claimed = await self._store.claim(claim.due, claim.most, only=lane.route.domains or None, skip=lane.skip)
        took = loop.time() - start
        if not claimed and took > _DEAR:
            lane.rests_until = loop.time() + took * _REST
        probes = bool(claimed) and not claim.expired and self._backoff.probing(lane.route.name)
        for one in claimed:
            lane.copies += len(one.copies)
            task = asyncio.create_task(self._deliver(lane, one, probes=probes, whatever=probes or claim.expired))
            lane.tasks.add(task)
            task.add_done_callback(lane.tasks.discard)
        return bool(claimed)

    async def _deliver(self, lane: _Lane, claimed: Claimed, *, probes: bool, whatever: bool) -> None:
        """whatever: begun although the next hop is closed."""

        def go_on() -> bool:
            return not self._stopping.is_set() and (whatever or self._backoff.room(lane.route.name, 1) > 0)

        octets = claimed.message.octets
        try:
            async with lane.room.taken(octets * (1 + min(len(claimed.copies), copies_at_once(octets)))):
                await self._deliveries.deliver(claimed, go_on)
        finally:
            lane.copies -= len(claimed.copies)
            if probes:
                self._backoff.probed(lane.route.name)
            if lane.copies * 2 <= lane.most:  # by halves: a message of many copies is not read anew for each
                self._wake.set()


class _Room:
    """Room in memory, in octets, given in the order it was asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def taken(self, octets: int) -> AsyncIterator[None]:
        octets = min(octets, self._most)
        async with self._turn:
            while self._used + octets > self._most:
                self._freed.clear()
                await self._freed.wait()
            self._used += octets
        try:
            yield
        finally:
            self._used -= octets
            self._freed.set()
