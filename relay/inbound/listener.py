"""Where connections are taken: sockets, TLS, the PROXY header of listed peers, and the stop in order.

Sockets are opened with SO_REUSEPORT, so that several processes can serve one address. The limit of connections holds
in each process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence
from typing import Final

from relay.config.settings import HostPort, Listener, Settings, Tls
from relay.inbound.clients import ClientDirectory, is_listed, peer_of
from relay.inbound.doorway import Doorway, Guest, Journey
from relay.inbound.limits import Admission
from relay.inbound.login import Logins
from relay.inbound.proxy import ProxyError, read_proxy_header
from relay.inbound.session import Session
from relay.inbound.tls import TLS_HANDSHAKE, server_context
from relay.log import get_logger

_BACKLOG: Final = 1024
_PROXY_HEADER: Final = 10.0
#: Out of file descriptors: accepting again at once would only spin.
_PAUSE_AFTER_ERROR: Final = 0.2


class Listeners:
    """All that listens in this process. addresses: as bound, in the order of the settings."""

    def __init__(self, logins: Logins) -> None:
        self.addresses: tuple[HostPort, ...] = ()
        self._logins = logins
        self._guests: set[Guest] = set()
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._entering: set[asyncio.Task[None]] = set()

    async def open(self, doorway: Doorway, bound: Sequence[socket.socket]) -> None:
        self._guests = doorway.guests
        for one in bound:
            self._sockets.append(one)
            host, port = one.getsockname()[:2]
            self.addresses += (HostPort(host, port),)
            if doorway.listener.proxy_from or doorway.is_implicit_tls:
                self._accepting.append(asyncio.create_task(self._accept(doorway, one)))
            else:  # 0.1 ms less for each connection
                loop = asyncio.get_running_loop()
                self._servers.append(await loop.create_server(lambda: Session(doorway), sock=one, backlog=_BACKLOG))

    def stop_accepting(self) -> None:
        for server in self._servers:
            server.close()
        for task in (*self._accepting, *self._entering):
            task.cancel()
        for one in self._sockets:
            one.close()

    async def drain(self, seconds: float) -> int:
        """Say 421 to whoever is not past the dot and wait for the rest; how many were not over in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._guests and (left := deadline - loop.time()) > 0:
            for guest in list(self._guests):
                guest.leave()
            # Not longer at once: a connection that was being accepted may still come in.
            await asyncio.wait([guest.task for guest in self._guests], timeout=min(left, 0.5))
        return len(self._guests)

    async def close(self) -> None:
        self.stop_accepting()
        for guest in list(self._guests):
            guest.abort()
        await asyncio.gather(*self._accepting, *self._entering, return_exceptions=True)
        self._logins.close()

    async def _accept(self, doorway: Doorway, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:
                get_logger().error("accept-failed", why=str(error))
                await asyncio.sleep(_PAUSE_AFTER_ERROR)
                continue
            task = asyncio.create_task(self._enter(doorway, connection, str(address[0])))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    async def _enter(self, doorway: Doorway, connection: socket.socket, peer: str) -> None:
        """What comes before SMTP: the PROXY header, which only a listed peer may send, and must; the limits, which count
        a connection before its TLS handshake, not after; TLS.
        """
        try:
            if doorway.listener.proxy_from and is_listed(peer_of(peer), doorway.listener.proxy_from):
                async with asyncio.timeout(_PROXY_HEADER):
                    peer = await read_proxy_header(connection, peer)
        except (ProxyError, OSError, TimeoutError) as error:
            get_logger().warning("proxy-header-refused", peer=peer, why=str(error) or "none came in time")
            connection.close()
            return
        except asyncio.CancelledError:
            connection.close()
            raise
        refusal = doorway.admission.enter(peer)
        if refusal is not None:
            get_logger().warning("connection-refused", peer=peer, reply=str(refusal))
            if not doorway.is_implicit_tls:
                with contextlib.suppress(OSError):
                    connection.send(refusal.wire)
            connection.close()
            return
        session = Session(doorway, peer)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: session,
                connection,
                ssl=doorway.tls if doorway.is_implicit_tls else None,
                ssl_handshake_timeout=TLS_HANDSHAKE if doorway.is_implicit_tls else None,
            )
        except OSError as error:
            get_logger().info("tls-failed", peer=peer, why=str(error))
        finally:
            if not session.has_begun:
                doorway.admission.leave(peer)


async def start_listeners(settings: Settings, journey: Journey, *, login_delay: float = 1.0) -> Listeners:
    """Raises OSError, which says which address or file it is about, when one cannot be opened: then none is open."""
    # Its warnings repeat what ours say, on standard error.
    logging.getLogger("mail.debug").setLevel(logging.CRITICAL)
    clients = ClientDirectory(settings.clients)
    listeners = Listeners(logins := Logins(clients))
    admission = Admission(settings.limits)
    guests: set[Guest] = set()
    try:
        for listener in settings.listeners:
            doorway = Doorway(
                listener=listener,
                hostname=settings.identity.hostname,
                limits=settings.limits,
                loose_domains=settings.addresses.loose_domains,
                journey=journey,
                clients=clients,
                logins=logins,
                admission=admission,
                tls=None
                if listener.tls is Tls.NONE or listener.certificate is None or listener.key is None
                else server_context(listener.certificate, listener.key),
                guests=guests,
                login_delay=login_delay,
            )
            await listeners.open(doorway, await _bind(listener))
    except BaseException:
        await listeners.close()
        raise
    return listeners


async def _bind(listener: Listener) -> list[socket.socket]:
    """A socket for each address of the host: a name such as localhost may have several."""
    loop = asyncio.get_running_loop()
    host, port = listener.address.host, listener.address.port
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            one = socket.socket(family, socket.SOCK_STREAM)
            bound.append(one)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            one.listen(_BACKLOG)
    except OSError as error:
        for one in bound:
            one.close()
        raise OSError(error.errno, f"cannot listen on {listener.address}: {error.strerror}") from None
    return bound
