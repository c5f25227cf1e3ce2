"""One HTTP connection with the bounds that uvicorn lacks: time for a request's head, time for a client to read our
answer, number of connections. h11 reads the requests: it is strict and bounds the size of the head.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from relay.log import get_logger

#: Seconds from the first octet (or the connection) to the end of a request's head.
HEAD_SECONDS: Final = 10.0
#: Seconds that a client may leave a full buffer unread.
READ_SECONDS: Final = 20.0
#: Connections in one process; more are closed at once.
MOST: Final = 500


class BoundedConnection(H11Protocol):
    head_seconds = HEAD_SECONDS
    read_seconds = READ_SECONDS
    most = MOST

    _quiet_until: ClassVar[float] = 0.0
    _head_deadline: asyncio.TimerHandle | None = None
    _read_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            self._tell_of_limit()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget(self._head_deadline)
        self._forget(self._read_deadline)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_between_requests() and self._head_deadline is None:
            self._expect_head()
        super().data_received(data)
        if not self._is_between_requests():
            self._forget(self._head_deadline)
            self._head_deadline = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_deadline = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._forget(self._read_deadline)
        super().resume_writing()

    def _tell_of_limit(self) -> None:
        """At most once a minute: whoever can open connections must not be able to fill the log."""
        now = self.loop.time()
        if now >= BoundedConnection._quiet_until:
            BoundedConnection._quiet_until = now + 60
            get_logger().warning("web-connections-full", limit=self.most)

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        """More octets do not move the deadline: a client that drips them is as slow as one that sends none."""
        self._head_deadline = self.loop.call_later(self.head_seconds, self.transport.abort)

    @staticmethod
    def _forget(deadline: asyncio.TimerHandle | None) -> None:
        if deadline is not None:
            deadline.cancel()
