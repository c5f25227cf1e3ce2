from __future__ import annotations

import asyncio
import socket

import pytest
from inbound.stage import run

from relay.inbound.proxy import ProxyError, read_proxy_header

V2 = b"\r\n\r\n\0\r\nQUIT\n"
V2_TCP4 = V2 + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 127, 0, 0, 1]) + b"\x12\x34\x00\x19"
V2_TCP6 = V2 + b"\x21\x21\x00\x24" + b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01" + bytes(16) + b"\x12\x34\x00\x19"


def read(sent: bytes, *, then: bytes = b"EHLO x\r\n", pieces: int = 0) -> tuple[str, bytes]:
    """The address, and what is left on the socket."""

    async def work() -> tuple[str, bytes]:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            reading = asyncio.create_task(read_proxy_header(ours, "10.0.0.1"))
            if pieces:
                for position in range(0, len(sent), pieces):
                    await loop.sock_sendall(theirs, sent[position : position + pieces])
                    await asyncio.sleep(0)
                await loop.sock_sendall(theirs, then)
            else:
                await loop.sock_sendall(theirs, sent + then)
            theirs.shutdown(socket.SHUT_WR)
            return await reading, await loop.sock_recv(ours, 1000)

    return run(work())


@pytest.mark.parametrize("pieces", [0, 1, 5])
@pytest.mark.parametrize(
    ("header", "address"),
    [
        (b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::1 ::1 4660 25\r\n", "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n", "10.0.0.1"),
        (V2_TCP4, "192.0.2.7"),
        (V2_TCP6, "2001:db8::1"),
        (V2 + b"\x20\x00\x00\x00", "10.0.0.1"),  # LOCAL: a health check of the proxy itself
        (V2 + b"\x20\x11\x00\x0c" + V2_TCP4[16:], "10.0.0.1"),
        (V2 + b"\x21\x11\x00\x0f" + V2_TCP4[16:] + b"\x04\x00\x00", "192.0.2.7"),  # with a TLV
    ],
)
def test_a_header_names_the_client_and_what_follows_is_left_alone(header: bytes, address: str, pieces: int) -> None:
    assert read(header, pieces=pieces) == (address, b"EHLO x\r\n")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"EHLO client.example\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 192.0.2.300 127.0.0.1 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 1 99999\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
        V2 + b"\x11\x11\x00\x0c" + V2_TCP4[16:],
        V2 + b"\x21\x11\x00\x04" + V2_TCP4[16:20],
        V2 + b"\x21\x31\x00\xd8" + b"/tmp/x" + bytes(210),
        V2[:10],
    ],
)
def test_what_is_no_header_is_not_believed(header: bytes) -> None:
    with pytest.raises(ProxyError):
        read(header, then=b"")
