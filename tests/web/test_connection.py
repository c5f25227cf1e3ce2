from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress

import pytest
from patience import LONG
from structlog.testing import capture_logs
from web.serving import Site, token_for

from relay.web.connection import BoundedConnection


def connected(site: Site) -> socket.socket:
    return socket.create_connection((site.address.host, site.address.port), timeout=LONG)


def answer(connection: socket.socket) -> bytes:
    """The answer of /healthz, whole."""
    octets = b""
    while not octets.endswith(b"ok\n"):
        octets += connection.recv(65536) or pytest.fail("the server hung up")
    return octets


def send_each(connection: socket.socket, pieces: Iterable[bytes], *, pause: float = 0) -> None:
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(pause)


def wait_until_closed(connection: socket.socket) -> None:
    """Until the server hangs up; TimeoutError when it does not."""
    with suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


def test_a_client_that_says_nothing_is_hung_up_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "head_seconds", 0.2)
    with connected(site) as connection:
        wait_until_closed(connection)


def test_a_client_that_drips_its_request_is_hung_up_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "head_seconds", 0.5)
    octets = [bytes([octet]) for octet in f"GET /u/{token_for()} HTTP/1.1\r\n".encode()]
    with connected(site) as connection, pytest.raises(OSError, match=r"Broken pipe|reset"):
        send_each(connection, octets, pause=0.05)


def test_a_second_request_that_drips_is_hung_up_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "head_seconds", 0.5)
    with connected(site) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /healthz HT")
        wait_until_closed(connection)


def test_a_quick_client_keeps_its_connection_past_the_time_for_a_head(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedConnection, "head_seconds", 1.0)
    with connected(site) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.2)


def test_a_request_with_an_endless_head_is_refused(site: Site) -> None:
    with connected(site) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 6000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_never_reads_is_hung_up_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "read_seconds", 0.2)
    request = f"GET /u/{token_for()} HTTP/1.1\r\nHost: relay\r\n\r\n".encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((site.address.host, site.address.port))
        connection.settimeout(LONG)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            send_each(connection, [request] * 20_000)


def test_connections_beyond_the_limit_are_closed_at_once_and_the_others_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedConnection, "most", 3)
    monkeypatch.setattr(BoundedConnection, "head_seconds", 2 * LONG)  # it is not for their silence that they are closed
    monkeypatch.setattr(BoundedConnection, "_quiet_until", 0.0)
    with capture_logs() as lines, ExitStack() as stack:
        first = stack.enter_context(connected(site))
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        assert answer(first)
        for _ in range(2):
            stack.enter_context(connected(site))
        for _ in range(3):
            wait_until_closed(stack.enter_context(connected(site)))
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        assert answer(first).startswith(b"HTTP/1.1 200 ")
    assert [line["event"] for line in lines] == ["web-connections-full"]  # once, not three times
