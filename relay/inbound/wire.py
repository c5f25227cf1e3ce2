"""The octets of one connection: lines and messages in, replies out, TLS, deadlines, the end. Knows no mail.

aiosmtpd gives the protocol its wiring (stream, flow control, one task a connection). Replaced are its timer, which
runs over handlers and over slow but steady DATA; its end of line, which may be LF alone; and its cancelling of the
task when the client goes away: what a client has handed over is finished, whether it still listens or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from enum import Enum, auto
from typing import Final, NoReturn, cast

from aiosmtpd.smtp import SMTP

from relay.inbound import replies
from relay.inbound.data import DataParser
from relay.inbound.doorway import Doorway
from relay.inbound.limits import Watch
from relay.inbound.tls import TLS_HANDSHAKE, describe
from relay.log import get_logger
from relay.reply import Reply

#: Octets that wait to be read before the client is stopped. Two of them can be in memory.
_BUFFER: Final = 65_536
_CHUNK: Final = 1_048_576
#: Replies to pipelined commands that go out together.
_BATCH: Final = 100
#: How long a client may take to hear our last words: closing at once, with input unread, would reset them away.
_LINGER: Final = 2.0


class Phase(Enum):
    COMMAND = auto()
    DATA = auto()
    BUSY = auto()
    LEAVING = auto()


class GoneError(Exception):
    """The client is gone, or was sent away: nothing more can be said to it."""


class _Input(asyncio.StreamReader):
    """A stream that can be looked into, emptied and moved to another transport."""

    _buffer: bytearray

    @property
    def has_line(self) -> bool:
        return b"\n" in self._buffer

    def unread(self, data: bytes) -> None:
        self._buffer[:0] = data

    def discard(self) -> None:
        self._buffer.clear()

    def move_to(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport


class Wire(SMTP):
    """One connection. peer: the client's address where the connection was admitted already, "" where it comes straight
    from the listening socket.
    """

    def __init__(self, doorway: Doorway, peer: str = "") -> None:
        # Not SMTP.__init__: it inspects itself and a handler for hooks, a tenth of a millisecond each connection.
        loop = asyncio.get_running_loop()
        self._input = _Input(_BUFFER, loop)
        asyncio.StreamReaderProtocol.__init__(self, self._input, self._cb_client_connected, loop)
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self._original_transport = None
        self._handler_coroutine: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter
        self._watch: Watch
        self.doorway = doorway
        self.limits = doorway.limits
        self.peer = peer
        self.tls = ""
        self._phase = Phase.COMMAND
        self._closing_soon = False
        self._out: list[bytes] = []
        self._received = 0
        self._mark = 0
        self._data_began = 0.0

    # What asyncio and aiosmtpd call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        if not self.peer:
            peername = transport.get_extra_info("peername")
            if peername is None:  # gone before it was here
                transport.abort()
                return
            self.peer = peername[0]
            refusal = self.doorway.admission.enter(self.peer)
            if refusal is not None:
                get_logger().warning("connection-refused", peer=self.peer, reply=str(refusal))
                transport.write(refusal.wire)
                transport.close()
                return
        session = transport.get_extra_info("ssl_object")
        if session is not None:
            self.tls = describe(session)
        self.doorway.guests.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        # Not SMTP.connection_lost, which cancels the task: it sees the end of its input and comes to its own.
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    def eof_received(self) -> bool | None:
        # Not SMTP.eof_received, which cancels too. A client may close its side after the dot and still listen.
        return asyncio.StreamReaderProtocol.eof_received(self)

    def _reset_timeout(self, _duration: float | None = None) -> None:
        self._watch = Watch(self.loop, self.limits.idle.total_seconds(), self._expired)

    async def _handle_client(self) -> None:
        try:
            await self.converse()
        except (GoneError, OSError, asyncio.IncompleteReadError):
            await self._linger()
        except Exception:  # noqa: BLE001 - a bug here ends one connection, not the process
            get_logger().error("session-failed", peer=self.peer, exc_info=True)
            self.send_away(replies.FAILED_CLOSING)
            await self._linger()
        finally:
            self._watch.stop()
            self.doorway.admission.leave(self.peer)
            self.doorway.guests.discard(self)
            self._close()

    async def converse(self) -> None:
        raise NotImplementedError

    # What a session does.

    def say(self, reply: Reply) -> None:
        self._out.append(reply.wire)

    def say_raw(self, octets: bytes) -> None:
        """A greeting, a 354 or 334, several lines: what no Reply can be."""
        self._out.append(octets)

    async def flush(self) -> None:
        """Replies wait while commands are still in the buffer (RFC 2920 section 3.2)."""
        if self._phase is Phase.LEAVING:
            raise GoneError
        if self._out:
            if self._writer.is_closing():  # it went away while we were busy; writing would raise under uvloop
                raise GoneError
            octets = b"".join(self._out)
            self._out.clear()
            self._writer.write(octets)
            await self._writer.drain()

    async def read_line(self) -> bytes:
        """The next line with its end, however it ends. Raises GoneError."""
        self._enter(Phase.COMMAND, self.limits.idle.total_seconds())
        if not self._input.has_line:
            await self.flush()
        elif len(self._out) >= _BATCH:  # one flood must not keep the loop from everybody else
            await self.flush()
            await asyncio.sleep(0)
        if self._closing_soon:
            self.send_away(replies.SHUTTING_DOWN)
        try:
            line: bytes = await self._input.readuntil(b"\n")
        except asyncio.LimitOverrunError:  # no line end in 64 KB: nothing that could be understood will come
            self.say(replies.LINE_TOO_LONG)
            self.hang_up()
        self._enter(Phase.BUSY, self.limits.transaction.total_seconds())
        return line

    async def read_message(self) -> bytes | Reply:
        """The content up to the dot, or why it is refused."""
        parser = DataParser(
            size_limit=self.limits.message_size,
            line_limit=self.limits.line_length,
            received_limit=self.limits.received,
        )
        self._received = self._mark = 0
        self._data_began = self.loop.time()
        self._enter(Phase.DATA, min(self.limits.idle, self.limits.data_time).total_seconds())
        while True:
            chunk = await self._input.read(_CHUNK)
            if not chunk:
                raise GoneError
            self._received += len(chunk)
            rest = parser.feed(chunk)
            if rest is not None:
                break
            if parser.is_hopeless:
                self.say(replies.TOO_LARGE)
                self.hang_up()
        self._input.unread(rest)
        self._enter(Phase.BUSY, self.limits.transaction.total_seconds())
        return parser.result()

    async def start_tls(self) -> None:
        """Plain text that was sent ahead is thrown away, never taken for what came under TLS (RFC 3207 section 4.2)."""
        assert self.transport is not None  # noqa: S101 - for mypy: set when the connection is made
        self.transport.pause_reading()
        self._input.discard()
        self._enter(Phase.BUSY, TLS_HANDSHAKE + _LINGER)
        try:
            context = cast("ssl.SSLContext", self.doorway.tls)
            await self._writer.start_tls(context, ssl_handshake_timeout=TLS_HANDSHAKE)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            get_logger().info("tls-failed", peer=self.peer, why=str(error))
            self.abort()
            raise GoneError from None
        transport = self._writer.transport
        self.transport = cast("asyncio.Transport", transport)
        self._input.move_to(transport)
        self.tls = describe(transport.get_extra_info("ssl_object"))

    def hang_up(self, *, is_expected: bool = False) -> NoReturn:
        """Say what is left to say, and nothing more. Raises GoneError."""
        self._say_goodbye(is_expected=is_expected)
        raise GoneError

    def send_away(self, reply: Reply) -> None:
        """The last reply; the task sees GoneError at its next step."""
        if self._phase is not Phase.LEAVING:
            get_logger().info("connection-closed", peer=self.peer, reply=str(reply))
            self._out.append(reply.wire)
            self._say_goodbye()

    # What the listeners ask and call.

    @property
    def has_begun(self) -> bool:
        """From here on the connection sees to its end by itself, and leaves the admission."""
        return self._handler_coroutine is not None

    @property
    def task(self) -> asyncio.Task[None]:
        return cast("asyncio.Task[None]", self._handler_coroutine)

    def leave(self) -> None:
        """Finish what is past the dot or being decided, say 421 to the rest."""
        self._closing_soon = True
        if self._phase in (Phase.COMMAND, Phase.DATA):
            self.send_away(replies.SHUTTING_DOWN)

    def abort(self) -> None:
        self._writer.transport.abort()

    # The rest.

    def _enter(self, phase: Phase, seconds: float) -> None:
        if self._phase is Phase.LEAVING:
            raise GoneError
        self._phase = phase
        self._watch.allow(seconds)

    def _expired(self) -> None:
        match self._phase:
            case Phase.COMMAND:
                self.send_away(replies.IDLE)
            case Phase.DATA:
                self._check_progress()
            case Phase.BUSY:
                get_logger().error("no-outcome", peer=self.peer)
                self.send_away(replies.NO_OUTCOME)
            case Phase.LEAVING:
                self.abort()

    def _check_progress(self) -> None:
        window = self.limits.idle.total_seconds()
        left = self._data_began + self.limits.data_time.total_seconds() - self.loop.time()
        enough = self._received - self._mark >= self.limits.data_rate * window
        if left > 0.01 and enough:
            self._mark = self._received
            self._watch.allow(min(window, left))
        else:
            self.send_away(replies.SLOW)

    def _say_goodbye(self, *, is_expected: bool = False) -> None:
        """is_expected: the client waits for the end and sends nothing more."""
        self._phase = Phase.LEAVING
        self._watch.allow(_LINGER)
        if self._writer.is_closing():
            return
        self._writer.write(b"".join(self._out))
        self._out.clear()
        if is_expected or not self._writer.can_write_eof():
            self._close()
        else:
            try:
                self._writer.write_eof()
            except OSError:  # the client was faster
                self._close()

    async def _linger(self) -> None:
        """Let the client hear the last reply before the socket closes; `_watch` ends it."""
        if self._phase is Phase.LEAVING:
            with contextlib.suppress(OSError):
                while await self._input.read(_CHUNK):
                    pass

    def _close(self) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size():  # a client that never reads must not keep a closed connection
            self.loop.call_later(_LINGER, transport.abort)
        transport.close()
