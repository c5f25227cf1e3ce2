"""Bytes to and from one next hop: buffered replies, flow control, time limits. Knows no SMTP beyond reply lines.

Every wait ends at a moment given by the caller, so a hop that drips single octets gains nothing by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final, cast

from relay.outbound.replies import GarbageError, HopReply, next_reply
from relay.reply import Reply

#: Octets given to the transport at a time; between two pieces the next hop must have taken most of the first.
PIECE: Final = 65536
#: Unread octets of replies, far above what 1,000 pipelined recipients cause.
_MAX_UNREAD: Final = 1 << 20


class HopError(Exception):
    """The connection cannot be used any more, and the end of the message has not been sent over it.

    reply: what to tell whoever waits, 4xx. lost: the next hop went away (as opposed to being slow or wrong). busy: all
    of our connections to it are in use, which says nothing about it.
    """

    def __init__(self, reply: Reply, *, lost: bool = False, busy: bool = False) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.lost = lost
        self.busy = busy


class Wire(asyncio.Protocol):
    """One connection. Not for two tasks at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self.is_open = False
        self.closed: asyncio.Future[None] = loop.create_future()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.use(cast("asyncio.Transport", transport))  # uvloop's is none by class, only by its methods
        # What the kernel has not sent is not hidden from flow control: a slow hop is told from one that stands still,
        # and little more than the last piece is under way when the wait for the answer to the dot begins.
        with contextlib.suppress(OSError, AttributeError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PIECE)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _MAX_UNREAD:
            self.abort()
        self._wake()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.is_open = False
        self._wake()
        if not self.closed.done():
            self.closed.set_result(None)

    # What the client calls

    @property
    def transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("the wire is not connected")
        return self._transport

    def use(self, transport: asyncio.Transport) -> None:
        """Go on over this transport (the first one, or the one that TLS was put on)."""
        self._transport = transport
        transport.set_write_buffer_limits(high=PIECE, low=PIECE // 4)

    @property
    def is_quiet(self) -> bool:
        """Open, and nothing unasked came in."""
        return self.is_open and not self._buffer

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    async def write_all_but_last_piece(self, data: bytes, patience: float, deadline: float) -> memoryview:
        """Sends all but the last piece of `data` and returns that. A hop must take a piece within `patience` seconds.

        Once the last piece is written, nobody can tell any more whether the next hop got the end.
        """
        view = memoryview(data)
        while len(view) > PIECE:
            self.transport.write(view[:PIECE])
            view = view[PIECE:]
            until = min(self._loop.time() + patience, deadline)
            while self._paused and self.is_open:
                await self._wait(until, "the next hop does not take the message")
            if not self.is_open:
                raise lost()
        return view

    async def reply(self, patience: float, deadline: float) -> HopReply:
        """The next reply, complete within `patience` seconds and before `deadline` (time of the loop); else HopError."""
        until = 0.0
        while True:
            try:
                found = next_reply(self._buffer) if self._buffer else None
            except GarbageError as error:
                raise HopError(Reply(451, "4.5.0", f"the next hop does not speak SMTP: {error}")) from None
            if found:
                reply, end = found
                del self._buffer[:end]
                return reply
            if not self.is_open:
                raise lost()
            until = until or min(self._loop.time() + patience, deadline)
            await self._wait(until, "the next hop does not answer")

    def unread_reply(self) -> HopReply | None:
        """A complete reply that has already come in, if any; for a hop that answers before it has read everything."""
        try:
            found = next_reply(self._buffer)
        except GarbageError:
            return None
        return found[0] if found else None

    def abort(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def close(self, last_words: bytes) -> None:
        if self.is_open and self._transport is not None:
            self.is_open = False
            self._transport.write(last_words)
            self._transport.close()

    async def _wait(self, until: float, otherwise: str) -> None:
        """Until something happens; HopError saying `otherwise` when nothing has by `until`."""
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_at(until, _expire, waiter)
        try:
            await waiter
        except TimeoutError:
            raise HopError(Reply(451, "4.4.2", otherwise)) from None
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def lost() -> HopError:
    return HopError(Reply(451, "4.4.2", "the next hop closed the connection"), lost=True)


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
