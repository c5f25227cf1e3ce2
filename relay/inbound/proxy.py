"""The PROXY header (versions 1 and 2), read from the bare socket before SMTP or TLS, so that not one octet too many is
taken. The caller sees to it that only listed peers are asked for one.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from aiosmtpd.proxy_protocol import AF, V2_CMD, get_proxy

#: The longest header of version 1, with CR LF.
_LONGEST_LINE: Final = 107


class ProxyError(Exception):
    """The peer sent no header that can be believed. str(): why, for the log."""


async def read_proxy_header(connection: socket.socket, peer: str) -> str:
    """The client's address as text; `peer` itself where the proxy speaks for itself (health checks).

    Raises ProxyError, or OSError when the connection breaks. The socket is non-blocking.
    """
    try:
        data = await get_proxy(_SocketReader(connection))
    except asyncio.IncompleteReadError:
        raise ProxyError("the connection ended before the PROXY header") from None
    if not data.valid:
        raise ProxyError(data.error or "no valid PROXY header")
    if data.command == V2_CMD.LOCAL or data.family == AF.UNSPEC:
        return peer
    if not isinstance(data.src_addr, (IPv4Address, IPv6Address)):
        raise ProxyError("the PROXY header names no IP address")
    return str(data.src_addr)


class _SocketReader:
    """What `get_proxy` reads from: never takes more than it is asked for."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def read(self, n: int = -1) -> bytes:
        return await self._loop.sock_recv(self._connection, n)

    async def readexactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            more = await self.read(n - len(data))
            if not more:
                raise asyncio.IncompleteReadError(data, n)
            data += more
        return data

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        line = b""
        while not line.endswith(separator):
            if len(line) >= _LONGEST_LINE:
                raise ProxyError("the PROXY header has no end")
            line += await self.readexactly(1)
        return line
