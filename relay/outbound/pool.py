"""The connections of one process to one next hop: kept open between messages, limited in number.

A kept connection may die at any moment. When it turns out dead before the next hop said yes to anything, the message
goes over a fresh one and nobody notices; later than that, the failure is reported.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from relay.decision import Result
from relay.outbound.connection import SmtpConnection, open_connection, tls_context
from relay.outbound.transaction import Fate, Mail, hand_over
from relay.outbound.wire import HopError
from relay.reply import Reply

if TYPE_CHECKING:
    from relay.config.settings import NextHop
    from relay.envelope import Recipient

#: Seconds after which a connection is closed however busy it is, so that a hop behind a balancer can move.
_MAX_AGE: Final = 300.0
#: Seconds that closing waits for the last connections.
_GOODBYE: Final = 2.0


class Pool:
    """Belongs to the event loop it is first used in. Raises OSError when the `ca` of `hop` cannot be read."""

    def __init__(self, hop: NextHop, hostname: str) -> None:
        self.hop = hop
        self.name = str(hop.address)
        self._hostname = hostname
        self._context = tls_context(hop)
        self._keep = hop.timeouts.idle.total_seconds()
        self._free = asyncio.Semaphore(hop.connections)
        self._idle: deque[tuple[SmtpConnection, float]] = deque()  # oldest first; the newest is taken first
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def send(self, mail: Mail, deadline: float) -> tuple[Fate, ...]:
        """One transaction; HopError when the next hop could not be used and nothing was handed over."""
        try:
            async with asyncio.timeout_at(deadline if self._free.locked() else None):
                await self._free.acquire()
        except TimeoutError:
            raise HopError(Reply(451, "4.4.5", "all connections to the next hop are busy"), busy=True) from None
        try:
            kept = self._take()
            if kept is not None:
                try:
                    return await self._over(kept, mail, deadline)
                except HopError as error:
                    if not error.lost or kept.answered:
                        raise
                    self._drop_idle()  # what ended this one has probably ended them all
            return await self._over(await self._open(deadline), mail, deadline)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Says goodbye on idle connections; those in use are closed when their transaction ends."""
        self._is_closed = True
        leaving = [connection.wire.closed for connection, _ in self._idle]
        self._drop_idle()
        if self._sweep is not None:
            self._sweep.cancel()
        if leaving:
            await asyncio.wait(leaving, timeout=_GOODBYE)

    async def _open(self, deadline: float) -> SmtpConnection:
        return await open_connection(self.hop, self._hostname, self._context, deadline)

    async def _over(self, connection: SmtpConnection, mail: Mail, deadline: float) -> tuple[Fate, ...]:
        try:
            objection = None if mail.last_look is None else await mail.last_look()
            if objection is not None:
                self._put_back(connection)
                return (Fate(Result.WITHHELD, objection),) * len(mail.recipients)
            fates = await hand_over(connection, mail, self.hop.timeouts, deadline)
            if "DSN" not in connection.extensions:
                fates = tuple(map(_without_receipt, fates, mail.recipients))
        except BaseException:
            connection.abort()
            raise
        self._put_back(connection)
        return fates

    def _take(self) -> SmtpConnection | None:
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.is_reusable:
                return connection
            connection.abort()
        return None

    def _put_back(self, connection: SmtpConnection) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not connection.is_reusable:
            connection.abort()
        elif self._is_closed or self._keep <= 0 or now - connection.opened_at > _MAX_AGE:
            connection.quit()
        else:
            self._idle.append((connection, now))
            if self._sweep is None:
                self._sweep = loop.call_later(self._keep, self._close_expired)

    def _close_expired(self) -> None:
        self._sweep = None
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0][1] <= loop.time() - self._keep:
            self._idle.popleft()[0].quit()
        if self._idle:
            self._sweep = loop.call_at(self._idle[0][1] + self._keep, self._close_expired)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].quit()


def _without_receipt(fate: Fate, recipient: Recipient) -> Fate:
    """RFC 3461 section 5.2.2: who asked for a receipt gets none from here on."""
    asked = fate.result is Result.DELIVERED and "SUCCESS" in recipient.notify
    return replace(fate, silent=True) if asked else fate
