from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from datetime import timedelta

import pytest
from patience import LONG
from web.serving import KEYS, NOW, Site, TroubledStore, token_for

from relay.config.settings import HostPort
from relay.policy.model import Policies
from relay.web.app import build_app
from relay.web.server import start_web

ANYWHERE = HostPort("127.0.0.1", 0)
WITHDRAWAL = f"POST /u/{token_for()} HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\n\r\n".encode()


def test_two_servers_share_an_address(store: TroubledStore, policies: Policies) -> None:
    async def both() -> None:
        app = build_app(store, lambda: policies, KEYS, lambda: NOW)
        one = await start_web(app, ANYWHERE)
        two = await start_web(app, one.address)
        assert one.address == two.address
        await asyncio.gather(one.stop(), two.stop())

    asyncio.run(both())


def test_an_address_that_cannot_be_had_is_an_error_of_the_caller(store: TroubledStore, policies: Policies) -> None:
    async def start() -> None:
        app = build_app(store, lambda: policies, KEYS, lambda: NOW)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(OSError, match="in use"):
                await start_web(app, HostPort(*taken.getsockname()))

    asyncio.run(start())


def test_signals_stay_with_the_worker(store: TroubledStore, policies: Policies) -> None:
    async def serve() -> None:
        got = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, got.set)
        server = await start_web(build_app(store, lambda: policies, KEYS, lambda: NOW), ANYWHERE)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(got.wait(), LONG)
        _, writer = await asyncio.open_connection(server.address.host, server.address.port)  # still serving
        writer.close()
        await server.stop()

    asyncio.run(serve())


def test_a_stop_lets_a_running_withdrawal_end(store: TroubledStore, policies: Policies) -> None:
    store.delay = 0.5

    async def serve() -> bytes:
        server = await start_web(build_app(store, lambda: policies, KEYS, lambda: NOW), ANYWHERE)
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(WITHDRAWAL)
        await asyncio.sleep(0.1)
        await server.stop()
        answer = await reader.read()
        writer.close()
        return answer

    assert asyncio.run(serve()).startswith(b"HTTP/1.1 200 ")
    assert len(store.appended) == 1


def test_a_stop_ends_at_the_drain_deadline(store: TroubledStore, policies: Policies) -> None:
    store.delay = 600

    async def serve() -> float:
        app = build_app(store, lambda: policies, KEYS, lambda: NOW)
        server = await start_web(app, ANYWHERE, drain=timedelta(seconds=1))
        _, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(WITHDRAWAL)
        await asyncio.sleep(0.2)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await server.stop()
        writer.close()
        return loop.time() - before

    assert asyncio.run(serve()) < 300
    assert store.appended == []


def test_no_token_reaches_any_log(
    site: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    token = token_for()
    with caplog.at_level(logging.DEBUG):
        for method, path in (
            ("GET", f"/u/{token}"),
            ("POST", f"/u/{token}"),
            ("GET", f"/x/{token}"),
            ("PUT", f"/u/{token}"),
        ):
            site.ask(method, path)
        with socket.create_connection((site.address.host, site.address.port)) as connection:
            connection.sendall(f"GET /u/{token} BROKEN\r\n\r\n".encode())
            connection.recv(1000)
    written = capfd.readouterr()
    assert token[10:] not in caplog.text + written.out + written.err
