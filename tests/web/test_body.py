from __future__ import annotations

import socket
import time

import pytest
from patience import LONG, until
from web.serving import READER, Site, TroubledStore, token_for

PATH = f"/u/{token_for()}"


def raw(site: Site, octets: bytes, *, then: bytes | None = None) -> bytes:
    """What the server says to these octets, until it closes; `then` is sent after a moment."""
    with socket.create_connection((site.address.host, site.address.port), timeout=LONG) as connection:
        connection.sendall(octets)
        if then is not None:
            time.sleep(0.1)
            connection.sendall(then)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
            if b"\r\n\r\n" in answer and b"connection: close" not in answer.lower():
                break
        return answer


def head(length: str) -> bytes:
    return f"POST {PATH} HTTP/1.1\r\nHost: relay\r\n{length}\r\n\r\n".encode()


def test_a_body_that_announces_too_much_is_refused_unread(site: Site, store: TroubledStore) -> None:
    assert raw(site, head("Content-Length: 999999999999")).startswith(b"HTTP/1.1 413 ")
    assert store.appended == []


def test_a_body_that_grows_without_announcing_it_is_refused(site: Site, store: TroubledStore) -> None:
    chunks = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    assert raw(site, head("Transfer-Encoding: chunked") + chunks * 4, then=chunks).startswith(b"HTTP/1.1 413 ")
    assert store.appended == []


def test_a_body_that_does_not_come_is_given_up(
    site: Site, store: TroubledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.web.body.read_body.__kwdefaults__", {"longest": 100, "patience": 0.1})
    assert raw(site, head("Content-Length: 26") + b"List-").startswith(b"HTTP/1.1 408 ")
    assert store.appended == []


def test_a_body_in_pieces_is_read_whole(site: Site, store: TroubledStore) -> None:
    answer = raw(site, head("Content-Length: 26") + b"List-Unsubscribe=", then=b"One-Click")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [event.source for event in store.appended] == ["one-click"]


def test_a_client_that_goes_away_after_its_post_has_withdrawn(site: Site, store: TroubledStore) -> None:
    with socket.create_connection((site.address.host, site.address.port)) as connection:
        connection.sendall(head("Content-Length: 26") + b"List-Unsubscribe=One-Click")
    until(lambda: store.appended)
    assert [event.address for event in store.appended] == [READER]
