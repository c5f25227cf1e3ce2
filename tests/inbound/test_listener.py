from __future__ import annotations

import asyncio
import dataclasses
import ssl
from ipaddress import ip_network
from pathlib import Path

import pytest
from inbound.stage import (
    LOCAL,
    Notebook,
    certificate_files,
    eventually,
    listener,
    open_stage,
    quick,
    run,
    settings,
)

from relay.config.settings import ClientSettings, HostPort, Listener, Tls
from relay.inbound.listener import start_listeners

LOOPBACK = ip_network("127.0.0.0/8")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_several_listeners_serve_at_once(loop: str) -> None:
    async def each() -> list[str]:
        kinds = [listener(), listener("starttls"), listener("implicit"), Listener(HostPort("::1", 0))]
        async with open_stage(
            listeners=kinds, clients=[dataclasses.replace(LOCAL, networks=(LOOPBACK, ip_network("::1")))]
        ) as stage:
            assert len(stage.listeners.addresses) == 4
            assert all(address.port for address in stage.listeners.addresses)
            for index in (0, 1):
                await (await stage.ready(index)).mail(b".\r\n")
            secure = await stage.talk(2)
            await secure.encrypt()
            await secure.hello()
            await secure.mail(b".\r\n")
            await (await stage.talk(3, source="::1")).hello()
            return [one.tx.connection.protocol for one in stage.notebook.messages]

    assert run(each(), loop) == ["ESMTP", "ESMTP", "ESMTPS"]


def test_two_processes_can_serve_one_address() -> None:
    async def twice() -> HostPort:
        first = await start_listeners(settings(), Notebook())
        address = first.addresses[0]
        second = await start_listeners(settings(listeners=[Listener(address)]), Notebook())
        assert second.addresses == (address,)
        await first.close()
        await second.close()
        return address

    assert run(twice()).port


def test_an_address_that_cannot_be_had_is_named_and_nothing_stays_open() -> None:
    async def fail() -> None:
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        free = Listener(HostPort("127.0.0.1", 0))
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: "):
            await start_listeners(settings(listeners=[free, Listener(HostPort("127.0.0.1", port))]), Notebook())
        taken.close()
        await taken.wait_closed()

    run(fail())


def test_a_certificate_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    bad = Listener(HostPort("127.0.0.1", 0), tls=Tls.STARTTLS, certificate=tmp_path / "no.pem", key=tmp_path / "no.pem")
    with pytest.raises(OSError, match="No such file"):
        run(start_listeners(settings(listeners=[bad]), Notebook()))


def test_connections_past_the_limit_are_told_so_before_anything_else() -> None:
    async def crowd() -> list[str]:
        async with open_stage(limits=quick(connections=3, connections_per_address=2)) as stage:
            said = [await (await stage.talk()).reply() for _ in range(3)]
            said += [await (await stage.talk(source="127.0.0.2")).reply() for _ in range(2)]
            return [one[:9] for one in said]

    assert run(crowd()) == ["220 relay", "220 relay", "421 4.7.0", "220 relay", "421 4.3.2"]


def test_nine_hundred_connections_are_held_to_the_limits_and_the_relay_still_serves() -> None:
    async def crowd() -> tuple[int, str]:
        async with open_stage(limits=quick(connections=50, connections_per_address=40)) as stage:
            replies = [await (await stage.talk(source=f"127.0.0.{1 + number % 30}")).reply() for number in range(900)]
            let_in = sum(one.startswith("220 ") for one in replies)
            await stage.leave()
            await eventually(lambda: not stage.listeners._guests)
            return let_in, await (await stage.ready()).mail(b".\r\n")

    let_in, reply = run(crowd())
    assert let_in == 50
    assert reply.startswith("250 ")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_a_listed_proxy_names_the_client(loop: str, tls: str) -> None:
    async def connect() -> str:
        where = listener(tls, proxy_from=(LOOPBACK,))
        only = ClientSettings("only", networks=(ip_network("192.0.2.0/24"),))
        async with open_stage(listeners=[where], clients=[only]) as stage:
            talk = await stage.talk()
            await talk.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 25\r\n")
            if tls == "implicit":
                await talk.encrypt()
            await talk.hello()
            assert (await talk.mail(b".\r\n")).startswith("250 ")
            return stage.notebook.messages[0].tx.connection.peer

    assert run(connect(), loop) == "192.0.2.7"


def test_a_proxy_may_send_its_header_and_the_first_of_tls_in_one_packet() -> None:
    async def connect() -> str:
        where = listener("implicit", proxy_from=(LOOPBACK,))
        async with open_stage(listeners=[where], clients=[LOCAL]) as stage:
            talk = await stage.talk()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = ssl.create_default_context(cafile=certificate_files()[0])
            tls = context.wrap_bio(incoming, outgoing, server_hostname="relay.example")
            first = b"PROXY TCP4 127.0.0.9 127.0.0.1 4660 25\r\n"
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await talk.send(first + outgoing.read())
                    first = b""
                    incoming.write(await talk.reader.read(65_536))
            await talk.send(outgoing.read())
            while True:
                try:
                    return tls.read(1000).decode()
                except ssl.SSLWantReadError:
                    incoming.write(await talk.reader.read(65_536))

    assert run(connect()).startswith("220 relay.example")


def test_a_listed_proxy_without_a_header_is_not_served() -> None:
    async def connect() -> None:
        async with open_stage(listeners=[listener(proxy_from=(LOOPBACK,))]) as stage:
            talk = await stage.talk()
            await talk.send(b"EHLO client.example\r\n")
            assert await talk.is_closed()

    run(connect())


def test_nobody_else_is_believed() -> None:
    async def connect() -> list[str]:
        where = listener(proxy_from=(ip_network("192.0.2.0/24"),))
        async with open_stage(listeners=[where]) as stage:
            talk = await stage.talk()
            greeting = await talk.reply()
            return [greeting, await talk.say("PROXY TCP4 10.0.0.1 127.0.0.1 4660 25")]

    greeting, refusal = run(connect())
    assert greeting.startswith("220 ")
    assert refusal.startswith("500 5.5.2 ")


def test_the_limit_by_address_counts_whom_the_proxy_names() -> None:
    async def crowd() -> list[str]:
        where = listener(proxy_from=(LOOPBACK,))
        async with open_stage(listeners=[where], limits=quick(connections_per_address=1)) as stage:
            said = []
            for source in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                talk = await stage.talk()
                await talk.send(f"PROXY TCP4 {source} 127.0.0.1 4660 25\r\n".encode())
                said.append((await talk.reply())[:4])
            return said

    assert run(crowd()) == ["220 ", "220 ", "421 "]


def test_a_handshake_under_way_counts_towards_the_limit_and_a_failed_one_no_longer() -> None:
    async def connect() -> bool:
        where = listener("implicit")
        async with open_stage(listeners=[where], limits=quick(connections_per_address=1)) as stage:
            silent = await stage.talk()
            await asyncio.sleep(0.05)
            refused = await (await stage.talk()).is_closed()
            await silent.send(b"EHLO client.example\r\n")
            while not await silent.is_closed():
                pass
            talk = await stage.talk()
            await talk.encrypt()
            await talk.hello()
            return refused

    assert run(connect())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_stop_finishes_what_is_past_the_dot_and_says_421_to_the_rest(loop: str) -> None:
    async def stop() -> tuple[list[str], int, int]:
        released = asyncio.Event()
        async with open_stage(Notebook(pause=released.wait)) as stage:
            idle, sending, waiting = await stage.ready(), await stage.ready(), await stage.ready()
            for talk in (sending, waiting):
                await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            await sending.send(b"half a mess")
            await waiting.send(b"hello\r\n.\r\n")
            await eventually(lambda: len(stage.notebook.messages) == 1)
            stage.listeners.stop_accepting()
            drained = asyncio.create_task(stage.listeners.drain(5))
            said = [await idle.reply(), await sending.reply()]
            with pytest.raises(OSError, match=r"onnect"):
                await stage.talk()
            await asyncio.sleep(0.05)
            assert not drained.done()
            released.set()
            said += [await waiting.reply(), await waiting.reply()]
            for talk in (idle, sending, waiting):
                await talk.close()
            return [one[:9] for one in said], await drained, stage.notebook.finished

    assert run(stop(), loop) == (["421 4.3.2", "421 4.3.2", "250 2.0.0", "421 4.3.2"], 0, 1)


def test_a_drain_ends_at_its_deadline_and_says_how_many_were_left() -> None:
    async def stop() -> int:
        released = asyncio.Event()
        async with open_stage(Notebook(pause=released.wait)) as stage:
            talk = await stage.ready()
            await talk.say_all("MAIL FROM:<a@brand.example>", "RCPT TO:<b@c.example>", "DATA")
            await talk.send(b"hello\r\n.\r\n")
            await eventually(lambda: len(stage.notebook.messages) == 1)
            stage.listeners.stop_accepting()
            left = await stage.listeners.drain(0.2)
            released.set()
            return left

    assert run(stop()) == 1


def test_no_file_descriptor_is_left_behind() -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def serve() -> None:
        async with open_stage(listeners=[listener(), listener(proxy_from=(LOOPBACK,))]) as stage:
            await stage.ready()
            await stage.talk(1)

    run(serve())
    before = count()
    run(serve())
    assert count() == before
