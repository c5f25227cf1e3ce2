"""Bytes and time: waits end when they must, whatever trickles in."""

from __future__ import annotations

import asyncio
import time

import pytest
from faulty_hop import FaultyHop, Session, drip, say, stall
from mailing import SHORT, Run

from relay.outbound.wire import PIECE, HopError, Wire


async def connected(hop: FaultyHop) -> Wire:
    loop = asyncio.get_running_loop()
    wire = Wire(loop)
    await loop.create_connection(lambda: wire, "127.0.0.1", hop.port)
    return wire


def soon() -> float:
    return asyncio.get_running_loop().time() + 10


def test_replies_that_come_in_pieces_are_put_together(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=drip("220-hop.test\r\n220 x", pause=0.005)) as hop:
            wire = await connected(hop)
            assert (await wire.reply(10, soon())).lines == (b"hop.test", b"x")
            wire.abort()

    run(scene())


def test_a_drip_does_not_extend_the_time_for_a_reply(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=drip("220 " + "x" * 3000, pause=0.01)) as hop:
            wire = await connected(hop)
            start = time.monotonic()
            with pytest.raises(HopError, match="does not answer"):
                await wire.reply(SHORT, soon())
            assert time.monotonic() - start < 15
            wire.abort()

    run(scene())


def test_the_deadline_counts_when_it_comes_before_patience_ends(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=stall) as hop:
            wire = await connected(hop)
            start = time.monotonic()
            with pytest.raises(HopError):
                await wire.reply(60, asyncio.get_running_loop().time() + SHORT)
            assert time.monotonic() - start < 15
            wire.abort()

    run(scene())


def test_a_reply_that_came_before_the_connection_ended_is_still_read(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=say("220 hello")) as hop:
            wire = await connected(hop)
            await asyncio.sleep(0.05)
            hop.sessions[0].writer.close()
            await asyncio.sleep(0.05)
            assert not wire.is_open
            assert (await wire.reply(10, soon())).code == 220
            with pytest.raises(HopError) as error:
                await wire.reply(10, soon())
            assert error.value.lost

    run(scene())


def test_a_flood_of_unasked_replies_ends_the_connection_not_the_memory(run: Run) -> None:
    async def scene() -> None:
        async def flood(session: Session) -> None:
            while True:
                session.say(b"250 ok\r\n" * 10_000)
                await session.writer.drain()

        async with FaultyHop(connect=flood) as hop:
            wire = await connected(hop)
            await asyncio.wait_for(wire.closed, 10)
            assert len(wire._buffer) < 4 << 20

    run(scene())


def test_all_but_the_last_piece_is_written(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            wire = await connected(hop)
            await wire.reply(10, soon())
            data = b"x" * (2 * PIECE + 1)
            assert bytes(await wire.write_all_but_last_piece(data, 10, soon())) == b"x"
            assert bytes(await wire.write_all_but_last_piece(b"y" * PIECE, 10, soon())) == b"y" * PIECE
            wire.abort()

    run(scene())


def test_an_unread_reply_can_be_looked_at_without_waiting(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=say("552 too big")) as hop:
            wire = await connected(hop)
            assert wire.unread_reply() is None
            await asyncio.sleep(0.05)
            early = wire.unread_reply()
            assert early is not None
            assert early.code == 552
            assert not wire.is_quiet
            wire.abort()
        async with FaultyHop(connect=say("garbage")) as hop:
            wire = await connected(hop)
            await asyncio.sleep(0.05)
            assert wire.unread_reply() is None
            wire.abort()

    run(scene())


def test_a_wire_that_is_not_connected_says_so() -> None:
    async def scene() -> None:
        wire = Wire(asyncio.get_running_loop())
        wire.abort()
        with pytest.raises(RuntimeError, match="not connected"):
            wire.write(b"x")

    asyncio.run(scene())
