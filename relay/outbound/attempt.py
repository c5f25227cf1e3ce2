"""One attempt to hand a message to whoever is responsible for its recipients: routes, next hops in order, results.

Expected trouble of the network is a result here, never an exception. Nothing is retried later from here: that is the
queue's, or the client's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from relay.decision import Result
from relay.outbound.pool import Pool
from relay.outbound.transaction import Fate, Mail
from relay.outbound.wire import HopError
from relay.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relay.address import Address
    from relay.config.settings import NextHop
    from relay.envelope import Recipient

__all__ = ["Attempt", "Mail", "NextHops", "Route"]

#: Seconds for one attempt over all next hops: below the 10 minutes a client waits after DATA (RFC 5321 4.5.3.2.6).
BUDGET: Final = 540.0
_NO_ROUTE: Final = Reply(451, "4.4.4", "no next hop is configured for this domain")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one recipient. reply: fit to be passed on. next_hop: "host:port", "" when there is none.

    seconds: from the start of the attempt until its result. silent: as in Fate.
    """

    result: Result
    reply: Reply
    next_hop: str
    seconds: float
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The next hops, in order, that are responsible for some domains. name: theirs. domains: empty for all others.
    connections: to the first of them at most.
    """

    name: str
    domains: frozenset[str]
    connections: int


class NextHops:
    """All next hops of one process. Raises OSError when a `ca` cannot be read.

    heard: called with the name of a route at the end of each attempt along it: was a next hop there and answered?
    """

    def __init__(
        self,
        hops: Sequence[NextHop],
        hostname: str,
        *,
        budget: float = BUDGET,
        heard: Callable[[str, bool], None] = lambda _route, _reachable: None,
    ) -> None:
        pools = [Pool(hop, hostname) for hop in hops]
        self._default = tuple(pool for pool in pools if not pool.hop.domains)
        self._routes: dict[str, tuple[Pool, ...]] = {}
        for pool in pools:
            for domain in pool.hop.domains:
                self._routes[domain] = (*self._routes.get(domain, ()), pool)
        self._pools = tuple(pools)
        self._budget = budget
        self._heard = heard

    @property
    def routes(self) -> tuple[Route, ...]:
        """All that there are; the one for all other domains is the last, and always there."""
        domains: dict[tuple[Pool, ...], set[str]] = {}
        for domain, pools in self._routes.items():
            domains.setdefault(pools, set()).add(domain)
        named = [Route(_name_of(pools), frozenset(those), pools[0].hop.connections) for pools, those in domains.items()]
        connections = self._default[0].hop.connections if self._default else 1
        return (*named, Route(_name_of(self._default), frozenset(), connections))

    def route_of(self, address: Address) -> str:
        """The name of the route that mail for this address takes."""
        return _name_of(self._hops_of(address))

    async def deliver(self, mail: Mail) -> tuple[Attempt, ...]:
        """One Attempt per recipient, in their order."""
        routes: dict[tuple[Pool, ...], list[int]] = {}
        for number, recipient in enumerate(mail.recipients):
            routes.setdefault(self._hops_of(recipient.address), []).append(number)
        if len(routes) == 1:
            (route,) = routes
            return tuple(await self._along(route, mail))
        attempts: list[Attempt | None] = [None] * len(mail.recipients)
        parts = [
            self._along(route, replace(mail, recipients=tuple(mail.recipients[number] for number in numbers)))
            for route, numbers in routes.items()
        ]
        for numbers, part in zip(routes.values(), await asyncio.gather(*parts), strict=True):
            for number, attempt in zip(numbers, part, strict=True):
                attempts[number] = attempt
        return tuple(attempt for attempt in attempts if attempt is not None)

    async def close(self) -> None:
        """Closes what is idle; attempts under way end on their own."""
        await asyncio.gather(*(pool.close() for pool in self._pools))

    def _hops_of(self, address: Address) -> tuple[Pool, ...]:
        return self._routes.get(address.domain, self._default)

    async def _along(self, route: tuple[Pool, ...], mail: Mail) -> list[Attempt]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        failure, name, failed = _NO_ROUTE, "", False
        for pool in route:
            name = pool.name
            try:
                fates = await _in_rounds(pool, mail, start + self._budget)
            except HopError as error:
                failure = error.reply
                failed = failed or not error.busy
                continue
            if any(fate.result is not Result.WITHHELD for fate in fates):
                # No answer after the dot is one of a next hop that is not well: asked on, it gets duplicates.
                self._heard(_name_of(route), any(fate.result is not Result.UNKNOWN for fate in fates))
            seconds = loop.time() - start
            return [Attempt(fate.result, fate.reply, name, seconds, fate.silent) for fate in fates]
        if failed:
            self._heard(_name_of(route), False)
        attempt = Attempt(Result.DEFERRED, failure, name, loop.time() - start)
        return [attempt] * len(mail.recipients)


def _name_of(route: tuple[Pool, ...]) -> str:
    return ", ".join(pool.name for pool in route)


async def _in_rounds(pool: Pool, mail: Mail, deadline: float) -> list[Fate]:
    """As many transactions as the next hop's own limit on recipients needs (452, RFC 5321 section 4.5.3.1.10)."""
    fates = list(await pool.send(mail, deadline))
    left = _left(fates)
    while 0 < len(left) < len(fates):
        rest: tuple[Recipient, ...] = tuple(mail.recipients[number] for number in left)
        try:
            more = await pool.send(replace(mail, recipients=rest), deadline)
        except HopError as error:
            more = (Fate(Result.DEFERRED, error.reply),) * len(rest)
        for number, fate in zip(left, more, strict=True):
            fates[number] = fate
        if len(_left(more)) == len(left):
            break
        left = _left(fates)
    return fates


def _left(fates: Sequence[Fate]) -> list[int]:
    return [number for number, fate in enumerate(fates) if fate.try_again]
