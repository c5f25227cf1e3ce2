"""Runs the web application inside the worker's own event loop: sockets, bounds on slow and many clients, an orderly
stop. uvicorn does the HTTP; signals, access log and lifespan stay out of its hands.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from relay.config.settings import HostPort
from relay.web.connection import BoundedConnection

#: Octets of a request's head. The longest token has 646.
_LONGEST_HEAD: Final = 16_384
#: Seconds that an idle connection is kept for another request.
_KEEP_ALIVE: Final = 15
_BACKLOG: Final = 512


class WebServer:
    """A running server. address: where it really listens (port 0 was resolved)."""

    def __init__(self, server: _Server, task: asyncio.Task[None], address: HostPort) -> None:
        self._server = server
        self._task = task
        self.address: Final = address

    async def stop(self) -> None:
        """Stop accepting, let running requests end within the drain time, return when all is closed."""
        self._server.should_exit = True
        await self._task


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Left out: uvicorn would take SIGTERM and SIGINT for itself; they belong to the worker."""
        yield


async def start_web(app: ASGIApp, address: HostPort, *, drain: timedelta = timedelta(seconds=30)) -> WebServer:
    """Listen and serve; returns when connections are accepted.

    The socket is shared with the other workers (SO_REUSEPORT). Raises OSError when the address cannot be had.
    """
    listening = _listening_socket(address)
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # its warnings tell of strangers' malformed requests
        access_log=False,  # it would write every token
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(drain.total_seconds())),
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="web")
    listens = asyncio.create_task(server.listens.wait())
    await asyncio.wait((task, listens), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        listens.cancel()
        listening.close()
        await task
    return WebServer(server, task, HostPort(host, port))


def _listening_socket(address: HostPort) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
