"""One attempt, whatever the next hops do: never an exception, never a wrong promise."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from faulty_hop import Action, FaultyHop, GoneError, Session, close, drip, read_to_dot, reset, say, stall, then_close
from hypothesis import given, settings
from hypothesis import strategies as st
from mailing import CONTENT, PATIENCE, SHORT, Run, deliver, hop_at, mail_to, told

from relay.address import address_from_text
from relay.config.settings import Timeouts
from relay.decision import Result
from relay.outbound.attempt import NextHops, Route
from relay.reply import Reply

BEFORE_THE_DOT = ("connect", "ehlo", "mail", "rcpt", "data")
PIPELINED = FaultyHop.EXTENSIONS
STEP_BY_STEP = tuple(extension for extension in PIPELINED if extension != "PIPELINING")


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


# Several recipients


def test_every_recipient_has_its_own_result_in_the_order_given(run: Run) -> None:
    async def scene() -> None:
        replies = [say("250 ok"), say("550 5.1.1 unknown"), say("250 ok"), say("451 4.2.2 full")]
        async with FaultyHop(rcpt=replies) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test", "c@x.test", "d@x.test"))
            assert told(attempts) == [
                ("delivered", "250 2.0.0"), ("refused", "550 5.1.1"), ("delivered", "250 2.0.0"), ("deferred", "451 4.2.2"),
            ]  # fmt: skip
            assert len(hop.messages) == 1

    run(scene())


def test_a_lost_answer_leaves_refused_recipients_refused_and_the_rest_unknown(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(rcpt=[say("250 ok"), say("550 5.1.1 unknown")], dot=reset) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test"))
            assert told(attempts) == [("unknown", "451 4.4.2"), ("refused", "550 5.1.1")]

    run(scene())


def test_when_all_recipients_are_refused_nothing_is_sent_even_if_the_hop_asks_for_it(run: Run) -> None:
    async def scene() -> None:
        replies = [say("550 5.1.1 unknown"), say("550 5.1.1 unknown"), say("250 ok")]
        async with FaultyHop(rcpt=replies) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            attempts = await hops.deliver(mail_to("a@x.test", "b@x.test"))
            assert told(attempts) == [("refused", "550 5.1.1")] * 2
            assert told(await hops.deliver(mail_to("c@x.test"))) == [("delivered", "250 2.0.0")]
            assert [(message.connection, message.content) for message in hop.messages] == [(2, CONTENT)]
            await hops.close()

    run(scene())


def test_a_hop_that_takes_few_recipients_a_time_gets_several_transactions(run: Run) -> None:
    async def scene() -> None:
        few = [say("250 ok"), say("250 ok"), say("452 4.5.3 too many"), say("452 4.5.3 too many"), say("452 4.5.3 too many"),
               say("250 ok"), say("250 ok"), say("452 4.5.3 too many"), say("250 ok")]  # fmt: skip
        async with FaultyHop(rcpt=few) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to(*(f"user{number}@x.test" for number in range(5))))
            assert told(attempts) == [("delivered", "250 2.0.0")] * 5
            taken = [line for message in hop.messages for line in message.commands if line.startswith(b"RCPT")]
            assert len(hop.messages) == 3
            assert len(taken) == 5 + 3 + 1

    run(scene())


def test_a_hop_that_takes_nobody_for_now_is_asked_once(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(rcpt=say("452 4.3.1 disk full"), data=say("554 5.5.1 no recipients")) as hop:
            assert (
                told(await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test")))
                == [("deferred", "452 4.3.1")] * 2
            )
            assert len([line for line in hop.commands if line.startswith(b"MAIL")]) == 1

    run(scene())


def test_a_thousand_recipients_are_pipelined_without_a_deadlock(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to(*(f"user{number}@x.test" for number in range(1000))))
            assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
            assert len(hop.messages[0].commands) == 1001

    run(scene())


def test_no_recipients_no_attempts(run: Run) -> None:
    async def scene() -> None:
        hops = NextHops([hop_at(1)], "relay.test")
        mail = mail_to()
        assert await hops.deliver(type(mail)(mail.sender, mail.parameters, (), mail.content)) == ()

    run(scene())


# Routes


def test_recipients_of_a_routed_domain_go_to_its_hop_and_the_rest_to_the_default(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as default, FaultyHop() as routed:
            hops = (hop_at(default), hop_at(routed, domains=("x.test", "xn--bcher-kva.example")))
            recipients = ("a@x.test", "b@y.test", "c@X.test", "d@bücher.example", "e@sub.x.test")
            attempts = await deliver(*hops, mail=mail_to(*recipients))
            here, there = f"127.0.0.1:{default.port}", f"127.0.0.1:{routed.port}"
            assert [attempt.next_hop for attempt in attempts] == [there, here, there, there, here]
            assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
            assert routed.messages[0].commands[1:] == [
                b"RCPT TO:<a@x.test>\r\n", b"RCPT TO:<c@x.test>\r\n", b"RCPT TO:<d@xn--bcher-kva.example>\r\n",
            ]  # fmt: skip
            assert default.messages[0].commands[1:] == [b"RCPT TO:<b@y.test>\r\n", b"RCPT TO:<e@sub.x.test>\r\n"]

    run(scene())


def test_a_routed_domain_never_falls_back_to_the_default_hop(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as default, FaultyHop(connect=reset) as routed:
            (attempt,) = await deliver(hop_at(default), hop_at(routed, domains=("x.test",)), mail=mail_to("a@x.test"))
            assert attempt.result is Result.DEFERRED
            assert default.sessions == []

    run(scene())


def test_a_domain_without_any_next_hop_is_deferred(run: Run) -> None:
    async def scene() -> None:
        (attempt,) = await deliver(hop_at(1, domains=("x.test",)), mail=mail_to("a@y.test"))
        assert told((attempt,)) == [("deferred", "451 4.4.4")]
        assert attempt.next_hop == ""

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
        from relay.config.settings import HostPort, NextHop

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


def test_a_slow_but_steady_reader_gets_all_of_a_big_message(run: Run) -> None:
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

    run(scene())


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


# What was sent and what was received


@pytest.mark.parametrize("extensions", [PIPELINED, STEP_BY_STEP, ()], ids=["pipelined", "step by step", "none"])
def test_what_arrives_is_octet_for_octet_what_was_given(run: Run, extensions: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=extensions) as hop:
            contents = [CONTENT, b".\r\n", b".\r\n.\r\n..\r\n", b"a\r\n" * 50_000, b"." * 70_000 + b"\r\n", b"\r\n"]
            hops = NextHops([hop_at(hop)], "relay.test")
            for content in contents:
                assert told(await hops.deliver(mail_to(content=content))) == [("delivered", "250 2.0.0")]
            assert [message.content for message in hop.messages] == contents
            assert len(hop.sessions) == 1
            await hops.close()

    run(scene())


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"\0", b"MAIL FROM:<x@y.test>", b"a"])), max_size=6)
)
def test_whatever_the_content_as_many_messages_arrive_as_were_accepted_for_sending(contents: list[list[bytes]]) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            sent = []
            for pieces in contents:
                content = b"".join(pieces)
                (attempt,) = await hops.deliver(mail_to(content=content))
                if attempt.result is Result.DELIVERED:
                    sent.append(content)
                else:
                    assert told((attempt,)) == [("refused", "550 5.6.0")]
                without_line_ends = content.replace(b"\r\n", b"")
                is_clean = not any(octet in without_line_ends for octet in (b"\r", b"\n", b"\0"))
                assert is_clean == (attempt.result is Result.DELIVERED)
            expected = [content if not content or content.endswith(b"\r\n") else content + b"\r\n" for content in sent]
            assert [message.content for message in hop.messages] == expected
            await hops.close()

    asyncio.run(scene())


def test_reading_to_the_dot_in_the_test_hop_sees_a_smuggled_end() -> None:
    async def scene() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"a\r\n..b\r\n.\r\nMAIL FROM:<x@y.test>\r\n")
        assert await read_to_dot(Session(None, reader, None, 1)) == b"a\r\n.b\r\n"  # type: ignore[arg-type]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("script", "heard"),
    [
        ({}, [True]),
        ({"mail": say("451 4.3.0 not now")}, [True]),
        ({"rcpt": say("550 5.1.1 nobody")}, [True]),
        ({"connect": reset}, [False]),
        ({"ehlo": say("554 5.7.1 go away")}, [False]),
        ({"data": then_close("421 4.3.2 going down")}, [False]),
        ({"dot": close}, [False]),
    ],
)
def test_the_end_of_an_attempt_tells_whether_the_next_hop_is_well(
    run: Run, script: dict[str, Action], heard: list[bool]
) -> None:
    """Whatever it answers about a message, it is there; without an answer, asking on makes nothing but duplicates."""

    async def scene() -> None:
        async with FaultyHop(**script) as hop:
            found: list[tuple[str, bool]] = []
            hops = NextHops([hop_at(hop)], "relay.example", heard=lambda *what: found.append(what))
            await hops.deliver(mail_to("ann@example.org"))
            await hops.close()
            assert found == [(f"127.0.0.1:{hop.port}", one) for one in heard]

    run(scene())


def test_a_route_is_well_as_long_as_one_of_its_next_hops_is(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=reset) as broken, FaultyHop() as sound:
            found: list[tuple[str, bool]] = []
            hops = NextHops([hop_at(broken), hop_at(sound)], "relay.example", heard=lambda *what: found.append(what))
            await hops.deliver(mail_to("ann@example.org"))
            await hops.close()
            assert found == [(f"127.0.0.1:{broken.port}, 127.0.0.1:{sound.port}", True)]

    run(scene())


def test_what_is_withheld_or_finds_all_connections_busy_says_nothing_of_the_next_hop(run: Run) -> None:
    async def scene() -> None:
        found: list[tuple[str, bool]] = []

        async def objects() -> Reply:
            return Reply(550, "5.7.1", "withdrawn")

        async with FaultyHop() as hop:
            one = replace(hop_at(hop), connections=1)
            hops = NextHops([one], "relay.example", budget=0.2, heard=lambda *what: found.append(what))
            (withheld,) = await hops.deliver(mail_to("ann@example.org", last_look=objects))
            assert withheld.result is Result.WITHHELD
            await hops._pools[0]._free.acquire()  # somebody else has the only connection, for long
            (attempt,) = await hops.deliver(mail_to("ben@example.org"))
            assert attempt.reply.enhanced == "4.4.5"
            await hops.close()
        assert found == []

    run(scene())


def test_routes_are_named_by_their_next_hops_and_the_one_for_all_others_is_the_last(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop, FaultyHop() as other:
            special = replace(hop_at(other), domains=("a.example", "b.example"), connections=3)
            hops = NextHops([special, hop_at(hop)], "relay.example")
            assert hops.routes == (
                Route(f"127.0.0.1:{other.port}", frozenset({"a.example", "b.example"}), 3),
                Route(f"127.0.0.1:{hop.port}", frozenset(), 20),
            )
            assert hops.route_of(address_from_text("hanako@b.example")) == f"127.0.0.1:{other.port}"
            assert hops.route_of(address_from_text("hanako@sub.b.example")) == f"127.0.0.1:{hop.port}"
            assert NextHops([special], "relay.example").routes[-1] == Route("", frozenset(), 1)

    run(scene())
