"""The connection itself, below the dialogue: TLS, batches of replies, last words."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest
from inbound.stage import Notebook, Talk, eventually, listener, open_stage, quick, run, without_collector
from structlog.testing import capture_logs

from relay.inbound import session
from relay.inbound.session import Session


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_handshake_that_fails_ends_the_connection_and_is_logged(loop: str) -> None:
    async def fail() -> None:
        async with open_stage(listeners=[listener(tls="implicit")]) as stage:
            talk = await stage.talk()
            await talk.send(b"EHLO client.example\r\n" * 10)
            assert await talk.is_closed() or await talk.is_closed()  # an alert may come first
            await eventually(lambda: not stage.listeners._guests)

    with capture_logs() as log:
        run(fail(), loop)
    assert [one["event"] for one in log if one["event"] == "tls-failed"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_handshake_that_is_broken_off_leaves_nothing_behind(loop: str) -> None:
    async def leave() -> None:
        async with open_stage(listeners=[listener(tls="implicit")]) as stage:
            talk = await stage.talk()
            await talk.send(b"\x16\x03\x01\x02\x00")
            talk.writer.transport.abort()
            await eventually(lambda: not stage.listeners._guests)

    run(leave(), loop)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_large_message_comes_through_tls_whole(loop: str) -> None:
    content = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 20_000

    async def send() -> bytes:
        async with open_stage(listeners=[listener(tls="starttls")]) as stage:
            talk = await stage.ready()
            await talk.say("STARTTLS")
            await talk.encrypt()
            await talk.say("EHLO client.example")
            assert (await talk.mail(content + b".\r\n")).startswith("250 ")
            return stage.notebook.messages[0].content

    assert run(send(), loop) == content


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_last_reply_reaches_a_client_that_is_still_sending(loop: str) -> None:
    async def flood() -> str:
        async with open_stage(limits=quick(errors=0)) as stage:
            talk = await stage.ready()
            sending = asyncio.create_task(talk.send(b"WHAT IS THIS\r\n" * 20_000))
            reply = await talk.reply()
            sending.cancel()
            talk.writer.transport.abort()
            return reply

    assert run(flood(), loop) == "421 4.7.0 too many errors; closing"


def test_replies_to_a_pipelined_group_go_out_together() -> None:
    async def packets() -> list[bytes]:
        async with open_stage() as stage:
            address = stage.listeners.addresses[0]
            loop = asyncio.get_running_loop()
            with socket.create_connection((address.host, address.port)) as plain:
                plain.setblocking(False)
                received = [await loop.sock_recv(plain, 65_536)]
                await loop.sock_sendall(plain, b"NOOP\r\n" * 50)
                received.append(await loop.sock_recv(plain, 65_536))
            return received

    _, replies = run(packets())
    assert replies == b"250 2.0.0 OK\r\n" * 50


def test_a_flood_of_pipelined_commands_does_not_hold_the_loop() -> None:
    async def flood() -> float:
        async with open_stage(limits=quick(commands=1_000_000)) as stage:
            talk = await stage.ready()
            longest = 0.0

            async def tick() -> None:
                nonlocal longest
                while True:
                    before = time.thread_time()  # other processes must not count
                    await asyncio.sleep(0)
                    longest = max(longest, time.thread_time() - before)

            ticking = asyncio.create_task(tick())
            sending = asyncio.create_task(talk.send(b"NOOP\r\n" * 40_000))
            assert await talk.reader.readexactly(40_000 * 14) == b"250 2.0.0 OK\r\n" * 40_000
            await sending
            ticking.cancel()
            return longest

    with without_collector():
        assert run(flood()) < 0.03  # without a pause twice that, with pauses a thirtieth


def test_a_line_without_end_is_not_waited_for() -> None:
    async def endless() -> str:
        async with open_stage() as stage:
            talk = await stage.ready()
            sending = asyncio.create_task(talk.send(b"x" * 5_000_000))
            reply = await talk.reply()
            sending.cancel()
            talk.writer.transport.abort()
            return reply

    assert run(endless()).startswith("500 5.5.2 ")


def test_a_bug_in_the_session_ends_one_connection_with_421_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_line: bytes) -> object:
        raise ValueError("secret detail")

    monkeypatch.setattr(session, "parse_command", broken)

    async def trip() -> str:
        async with open_stage() as stage:
            talk = await stage.talk()
            await talk.reply()
            reply = await talk.say("NOOP")
            assert await talk.is_closed()
            return reply

    with capture_logs() as log:
        assert run(trip()) == "421 4.3.0 something went wrong here, it was logged; closing, try again later"
    (entry,) = [one for one in log if one["event"] == "session-failed"]
    assert entry["exc_info"]


def test_a_connection_that_ends_is_not_remembered() -> None:
    async def come_and_go() -> tuple[int, int]:
        async with open_stage(Notebook(), limits=quick(connections_per_address=2)) as stage:
            for ending in ("quit", "abort", "eof"):
                for _ in range(3):
                    talk: Talk = await stage.ready()
                    if ending == "quit":
                        await talk.say("QUIT")
                    elif ending == "abort":
                        talk.writer.transport.abort()
                    else:
                        talk.writer.write_eof()
                    await eventually(lambda: not stage.listeners._guests)
            return len(stage.listeners._guests), sum(isinstance(one, Session) for one in stage.listeners._guests)

    assert run(come_and_go()) == (0, 0)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_that_resets_while_its_mail_is_handled_is_no_fault_of_ours(loop: str) -> None:
    notebook = Notebook()

    async def vanish() -> None:
        async with open_stage(notebook) as stage:
            talk = await stage.ready()
            away = asyncio.Event()
            notebook.pause = away.wait
            for line in ("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA"):
                await talk.say(line)
            await talk.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            await eventually(lambda: bool(notebook.messages))
            endpoint = talk.writer.get_extra_info("socket")
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            talk.writer.transport.abort()
            await asyncio.sleep(0.05)
            away.set()
            await eventually(lambda: not stage.listeners._guests)
            assert notebook.finished == 1

    with capture_logs() as log:
        run(vanish(), loop)
    assert [one["event"] for one in log] == []
