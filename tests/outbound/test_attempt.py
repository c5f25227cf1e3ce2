"""One attempt, whatever a next hop does and at whatever step: never an exception, never a wrong promise."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from faulty_hop import Action, FaultyHop, GoneError, Session, close, drip, reset, say, stall, then_close
from mailing import CONTENT, PATIENCE, PIPELINED, SHORT, STEP_BY_STEP, Run, deliver, hop_at, mail_to, told

from relay.config.settings import HostPort, NextHop, Timeouts
from relay.decision import Result
from relay.outbound.attempt import NextHops

BEFORE_THE_DOT = ("connect", "ehlo", "mail", "rcpt", "data")


def patience_with(fault: str) -> float:
    return SHORT if fault in ("stall", "drip") else PATIENCE


FAULTS: dict[str, Action] = {
    "reset": reset,
    "close": close,
    "stall": stall,
    "drip": drip("250 ok, one octet at a time, for ever", pause=0.1),
    "garbage": say(b"\x16\x03\x01garbage\r\n"),
    "endless line": say(b"250-" + b"x" * 100_000),
    "endless reply": say(b"250-x\r\n" * 20_000),
    "reply cut off": then_close("250-and then"),
    "codes that differ": say("250-a\r\n550 b"),
    "421": then_close("421 4.3.2 going down"),
}


@pytest.mark.parametrize("extensions", [PIPELINED, STEP_BY_STEP], ids=["pipelined", "step by step"])
@pytest.mark.parametrize("step", BEFORE_THE_DOT)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_before_the_dot_is_a_deferral_and_nothing_was_handed_over(
    run: Run, fault: str, step: str, extensions: tuple[str, ...]
) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=extensions, **{step: FAULTS[fault]}) as hop:
            (attempt,) = await deliver(hop_at(hop, patience=patience_with(fault)))
            assert attempt.result is Result.DEFERRED
            assert attempt.reply.code == 451
            assert attempt.reply.is_temporary
            assert hop.messages == []

    run(scene())


@pytest.mark.parametrize("step", BEFORE_THE_DOT)
@pytest.mark.parametrize("fault", ["reset", "stall", "garbage", "421"])
def test_after_a_fault_before_the_dot_the_next_hop_in_order_is_tried(run: Run, fault: str, step: str) -> None:
    async def scene() -> None:
        async with FaultyHop(**{step: FAULTS[fault]}) as broken, FaultyHop() as sound:
            (attempt,) = await deliver(hop_at(broken, patience=patience_with(fault)), hop_at(sound))
            assert attempt.result is Result.DELIVERED
            assert attempt.next_hop == f"127.0.0.1:{sound.port}"
            assert [message.content for message in sound.messages] == [CONTENT]
            assert broken.messages == []

    run(scene())


@pytest.mark.parametrize("fault", FAULTS)
def test_no_clear_answer_after_the_dot_is_an_unknown_outcome_and_no_other_hop_is_tried(run: Run, fault: str) -> None:
    async def scene() -> None:
        async with FaultyHop(dot=FAULTS[fault]) as hop, FaultyHop() as other:
            (attempt,) = await deliver(hop_at(hop, patience=patience_with(fault)), hop_at(other))
            assert len(hop.messages) == 1
            assert other.sessions == []
            if fault == "421":  # a clear answer: it did not take the message
                assert told((attempt,)) == [("deferred", "451 4.3.2")]
            else:
                assert told((attempt,)) == [("unknown", "451 4.4.2")]

    run(scene())


def test_a_reply_swallowed_after_the_dot_is_unknown_and_the_connection_is_not_used_again(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(dot=[stall, say("250 2.0.0 late")]) as hop:
            hops = NextHops([hop_at(hop, patience=3 * SHORT)], "relay.test")
            assert told(await hops.deliver(mail_to())) == [("unknown", "451 4.4.2")]
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert [message.connection for message in hop.messages] == [1, 2]
            await hops.close()

    run(scene())


@pytest.mark.parametrize("code", ["450 4.2.1", "451 4.7.1", "452 4.3.1", "550 5.1.1", "552 5.2.2", "554 5.7.1"])
@pytest.mark.parametrize("extensions", [PIPELINED, STEP_BY_STEP], ids=["pipelined", "step by step"])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_class_and_enhanced_code_of_a_refusal_pass_through(
    run: Run, step: str, code: str, extensions: tuple[str, ...]
) -> None:
    async def scene() -> None:
        script = {step: say(f"{code} <user@example.com> no")}
        if step in ("mail", "rcpt"):  # only seen when pipelined
            script["data"] = say("554 5.5.1 no valid recipients")
        async with FaultyHop(extensions=extensions, **script) as hop, FaultyHop() as other:
            (attempt,) = await deliver(hop_at(hop), hop_at(other))
            assert str(attempt.reply) == f"{code} <(address)> no"
            assert attempt.result is (Result.DEFERRED if code.startswith("4") else Result.REFUSED)
            assert other.sessions == [], "an answer is an answer"

    run(scene())


@pytest.mark.parametrize("code", ["421 4.3.2", "450 4.3.2", "554 5.3.2", "354 x", "250 x"])
@pytest.mark.parametrize("step", ["connect", "ehlo"])
def test_a_hop_that_does_not_welcome_us_defers_never_refuses(run: Run, step: str, code: str) -> None:
    if (step, code) == ("ehlo", "250 x"):
        return

    async def scene() -> None:
        async with FaultyHop(**{step: say(f"{code} no service for you")}) as hop:
            (attempt,) = await deliver(hop_at(hop))
            assert attempt.result is Result.DEFERRED
            assert attempt.reply.code == 451

    run(scene())


@pytest.mark.parametrize("code", [530, 534, 535, 538])
@pytest.mark.parametrize("step", ["mail", "rcpt", "dot"])
def test_a_refusal_that_blames_our_login_never_drops_a_recipient(run: Run, step: str, code: int) -> None:
    async def scene() -> None:
        async with FaultyHop(**{step: say(f"{code} 5.7.0 authentication required")}, extensions=STEP_BY_STEP) as hop:
            assert told(await deliver(hop_at(hop))) == [("deferred", "451 4.7.0")]

    run(scene())


@pytest.mark.parametrize(
    ("step", "reply"), [("mail", "354 go"), ("rcpt", "354 go"), ("data", "250 done"), ("data", "334 x")]
)
def test_a_reply_of_the_wrong_class_before_the_dot_is_a_deferral(run: Run, step: str, reply: str) -> None:
    async def scene() -> None:
        async with FaultyHop(**{step: say(reply)}) as hop:
            assert told(await deliver(hop_at(hop))) == [("deferred", "451 4.5.0")]
            assert hop.messages == []

    run(scene())


def test_three_hundred_something_after_the_dot_is_an_unknown_outcome(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(dot=say("354 more?")) as hop:
            assert told(await deliver(hop_at(hop))) == [("unknown", "451 4.4.2")]

    run(scene())


# Reaching a hop, and time


def test_a_hop_that_is_not_there_is_a_deferral(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            port = hop.port
        (attempt,) = await deliver(hop_at(port))
        assert str(attempt.reply) == "451 4.4.1 the next hop refuses the connection"

    run(scene())


def test_a_name_that_does_not_resolve_is_a_deferral(run: Run) -> None:
    async def scene() -> None:
        (attempt,) = await deliver(NextHop(HostPort("nowhere.invalid", 25)))
        assert told((attempt,)) == [("deferred", "451 4.4.3")]

    run(scene())


def test_all_hops_together_stay_within_the_budget(run: Run) -> None:
    async def scene() -> None:
        long = Timeouts(reply=timedelta(seconds=20), dot=timedelta(seconds=20))
        async with FaultyHop(connect=stall) as first, FaultyHop(dot=stall) as second:
            start = time.monotonic()
            hops = (hop_at(first, timeouts=long), hop_at(second, timeouts=long))
            (attempt,) = await deliver(*hops, budget=SHORT)
            assert time.monotonic() - start < 15
            assert attempt.result is Result.DEFERRED
            (attempt,) = await deliver(hops[1], budget=SHORT)
            assert time.monotonic() - start < 15
            assert attempt.result is Result.UNKNOWN

    run(scene())


def test_a_slow_but_steady_reader_gets_all_of_a_big_message(run_evenly: Run) -> None:
    content = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 7_000

    async def slowly(session: Session) -> bytes:
        got = bytearray()
        while not got.endswith(b"\r\n.\r\n"):
            got += await session.reader.read(1 << 16)
            await asyncio.sleep(SHORT / 15)
        return bytes(got[:-3])

    async def scene() -> None:
        async with FaultyHop(read_content=slowly, receive_buffer=1 << 16) as hop:
            (attempt,) = await deliver(hop_at(hop, patience=4 * SHORT), mail=mail_to(content=content))
            assert attempt.result is Result.DELIVERED
            assert hop.messages[0].content == content
            assert attempt.seconds > 4 * SHORT, "or the test shows nothing"

    run_evenly(scene())


def test_a_hop_that_stops_reading_in_the_middle_is_a_deferral_not_an_unknown_outcome(run: Run) -> None:
    async def scene() -> None:
        content = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 4_000

        async def stop_reading(session: Session) -> bytes:
            session.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await stall(session)
            raise GoneError

        async with FaultyHop(read_content=stop_reading, receive_buffer=1 << 16) as hop, FaultyHop() as other:
            attempts = await deliver(hop_at(hop, patience=2 * SHORT), hop_at(other), mail=mail_to(content=content))
            assert told(attempts) == [("delivered", "250 2.0.0")]
            assert attempts[0].next_hop == f"127.0.0.1:{other.port}"

    run(scene())


@pytest.mark.parametrize("fault", [reset, close])
def test_a_connection_lost_in_the_middle_of_a_big_message_handed_nothing_over(run: Run, fault: Action) -> None:
    async def scene() -> None:
        content = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 4_000

        async def read_some(session: Session) -> bytes:
            await session.reader.readexactly(100_000)
            await fault(session)
            raise GoneError

        async with FaultyHop(read_content=read_some, receive_buffer=1 << 16) as hop, FaultyHop() as other:
            (attempt,) = await deliver(hop_at(hop), hop_at(other), mail=mail_to(content=content))
            assert attempt.result is Result.DELIVERED
            assert [message.content == content for message in other.messages] == [True]
            assert hop.messages == []

    run(scene())


def test_a_hop_that_refuses_a_big_message_while_it_is_sent_is_understood(run: Run) -> None:
    async def scene() -> None:
        content = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 4_000

        async def refuse_early(session: Session) -> bytes:
            await session.reader.readexactly(100_000)
            session.say(b"552 5.3.4 too big\r\n")
            await stall(session)
            raise GoneError

        async with FaultyHop(read_content=refuse_early, receive_buffer=1 << 16) as hop, FaultyHop() as other:
            attempts = await deliver(hop_at(hop, patience=2 * SHORT), hop_at(other), mail=mail_to(content=content))
            assert told(attempts) == [("refused", "552 5.3.4")]
            assert other.sessions == []

    run(scene())
