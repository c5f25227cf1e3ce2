"""One transaction: what is said to the next hop, in which order, and what is not said when it cannot be understood."""

from __future__ import annotations

import asyncio

import pytest
from faulty_hop import FaultyHop, Session, say
from mailing import CONTENT, PIPELINED, STEP_BY_STEP, Run, deliver, hop_at, mail_to, told, without

from relay.decision import Result
from relay.envelope import Body, MailParameters
from relay.outbound.attempt import NextHops


def test_mail_rcpt_and_data_go_out_in_one_piece_where_pipelining_is_offered(run: Run) -> None:
    async def scene() -> None:
        at_mail: list[bytes] = []

        async def look(session: Session) -> None:
            await asyncio.sleep(0.05)
            at_mail.append(bytes(session.reader._buffer))  # type: ignore[attr-defined]
            session.say(b"250 ok\r\n")

        async with FaultyHop(mail=look) as hop:
            assert told(await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test")))[0][0] == "delivered"
            assert at_mail == [b"RCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n"]

    run(scene())


def test_every_reply_is_waited_for_where_pipelining_is_not_offered(run: Run) -> None:
    async def scene() -> None:
        waiting: list[bytes] = []

        async def look(session: Session) -> None:
            await asyncio.sleep(0.02)
            waiting.append(bytes(session.reader._buffer))  # type: ignore[attr-defined]
            session.say(b"250 ok\r\n")

        async def look_at_data(session: Session) -> None:
            await asyncio.sleep(0.02)
            waiting.append(bytes(session.reader._buffer))  # type: ignore[attr-defined]
            session.say(b"354 go\r\n")

        async with FaultyHop(mail=look, rcpt=look, data=look_at_data, extensions=STEP_BY_STEP) as hop:
            assert told(await deliver(hop_at(hop), mail=mail_to("a@x.test", "b@x.test")))[0][0] == "delivered"
            assert waiting == [b""] * 4

    run(scene())


def test_content_is_never_sent_before_354(run: Run) -> None:
    async def scene() -> None:
        early: list[bytes] = []

        async def look(session: Session) -> None:
            await asyncio.sleep(0.05)
            early.append(bytes(session.reader._buffer))  # type: ignore[attr-defined]
            session.say(b"354 go\r\n")

        async with FaultyHop(data=look) as hop:
            await deliver(hop_at(hop))
            assert early == [b""]

    run(scene())


@pytest.mark.parametrize(
    ("early", "expected"),
    [
        (b"250 2.0.0 taken", ("deferred", "451 4.5.0")),  # to whatever that was, the message has not ended
        (b"421 4.3.2 going away", ("deferred", "451 4.3.2")),
        (b"552 5.3.4 too big", ("refused", "552 5.3.4")),
    ],
)
def test_what_a_hop_says_before_the_message_has_ended_is_no_promise(
    run: Run, early: bytes, expected: tuple[str, str]
) -> None:
    async def scene() -> None:
        async with FaultyHop(data=say(b"354 go\r\n" + early + b"\r\n"), dot=say("550 5.7.1 not at all")) as hop:
            assert told(await deliver(hop_at(hop))) == [expected]
            assert hop.messages == []

    run(scene())


def test_the_commands_carry_the_canonical_addresses_and_nothing_else(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            mail = mail_to("User@BÜCHER.example", '"a..b"@docomo.ne.jp', sender=None)
            await deliver(hop_at(hop), mail=mail)
            assert hop.messages[0].commands == [
                f"MAIL FROM:<> SIZE={len(CONTENT)}\r\n".encode(),
                b"RCPT TO:<User@xn--bcher-kva.example>\r\n",
                b'RCPT TO:<"a..b"@docomo.ne.jp>\r\n',
            ]

    run(scene())


# SMTPUTF8 (RFC 6531)


def test_an_address_outside_ascii_needs_a_hop_with_smtputf8(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=without("SMTPUTF8")) as hop:
            attempts = await deliver(hop_at(hop), mail=mail_to("usér@x.test", "user@x.test", "ユーザー@x.test"))
            assert told(attempts) == [("refused", "550 5.6.7"), ("delivered", "250 2.0.0"), ("refused", "550 5.6.7")]
            assert hop.messages[0].commands[1:] == [b"RCPT TO:<user@x.test>\r\n"]
            assert told(await deliver(hop_at(hop), mail=mail_to("usér@x.test"))) == [("refused", "550 5.6.7")]
            assert len(hop.messages) == 1

    run(scene())


def test_a_sender_outside_ascii_needs_a_hop_with_smtputf8(run: Run) -> None:
    async def scene() -> None:
        sender = mail_to("señder@brand.example").recipients[0].address
        async with FaultyHop(extensions=without("SMTPUTF8")) as hop:
            assert told(await deliver(hop_at(hop), mail=mail_to(sender=sender))) == [("refused", "550 5.6.7")]

    run(scene())


def test_a_header_outside_ascii_needs_a_hop_with_smtputf8(run: Run) -> None:
    async def scene() -> None:
        parameters = MailParameters(smtputf8=True, body=Body.EIGHT_BIT)
        header = mail_to(content="Subject: é\r\n\r\ntext\r\n".encode(), parameters=parameters)
        body = mail_to(content="Subject: e\r\n\r\né\r\n".encode(), parameters=parameters)
        async with FaultyHop(extensions=without("SMTPUTF8")) as hop:
            assert told(await deliver(hop_at(hop), mail=header)) == [("refused", "550 5.6.7")]
            assert told(await deliver(hop_at(hop), mail=body)) == [("delivered", "250 2.0.0")]

    run(scene())


def test_smtputf8_is_said_when_the_client_said_it_or_an_address_needs_it(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            await deliver(hop_at(hop), mail=mail_to("usér@x.test"))
            await deliver(hop_at(hop), mail=mail_to(parameters=MailParameters(smtputf8=True)))
            await deliver(hop_at(hop), mail=mail_to())
            said = [b" SMTPUTF8" in message.commands[0] for message in hop.messages]
            assert said == [True, True, False]

    run(scene())


# 8BITMIME, SIZE


def test_8_bit_content_needs_a_hop_with_8bitmime_because_a_signature_would_break(run: Run) -> None:
    async def scene() -> None:
        mail = mail_to(content="\r\né\r\n".encode())
        async with FaultyHop(extensions=without("8BITMIME")) as hop:
            assert told(await deliver(hop_at(hop), mail=mail)) == [("refused", "554 5.6.3")]
            assert not any(command.startswith(b"MAIL") for command in hop.commands)
        async with FaultyHop() as hop:
            assert told(await deliver(hop_at(hop), mail=mail)) == [("delivered", "250 2.0.0")]
            assert b" BODY=8BITMIME" in hop.messages[0].commands[0]

    run(scene())


def test_a_message_above_the_stated_size_is_refused_without_sending_it(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=("SIZE 1000",)) as hop:
            assert told(await deliver(hop_at(hop), mail=mail_to(content=b"x" * 999 + b"\r\n"))) == [
                ("refused", "552 5.3.4")
            ]
            assert told(await deliver(hop_at(hop), mail=mail_to(content=b"x" * 998 + b"\r\n"))) == [
                ("delivered", "250 2.0.0")
            ]
        for no_limit in ("SIZE", "SIZE 0", "SIZE many", "SIZE ²"):
            async with FaultyHop(extensions=(no_limit,)) as hop:
                assert told(await deliver(hop_at(hop))) == [("delivered", "250 2.0.0")]

    run(scene())


@pytest.mark.parametrize("content", [b"a\rb\r\n", b"a\nb\r\n", b"a\0b\r\n", b"a\n.\r\nMAIL FROM:<x@y.test>\r\n"])
def test_bare_line_ends_never_reach_a_hop(run: Run, content: bytes) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            assert told(await deliver(hop_at(hop), mail=mail_to(content=content))) == [("refused", "550 5.6.0")]
            assert hop.messages == []

    run(scene())


# Going on after a transaction that came to nothing


@pytest.mark.parametrize("extensions", [PIPELINED, STEP_BY_STEP], ids=["pipelined", "step by step"])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_after_a_refusal_the_connection_is_reset_and_used_again(
    run: Run, step: str, extensions: tuple[str, ...]
) -> None:
    async def scene() -> None:
        script = {step: [say("550 5.7.1 no"), say("354 go" if step == "data" else "250 ok")]}
        if step != "data":
            pipelined = extensions is PIPELINED
            script["data"] = [say("554 5.5.1 no recipients"), say("354 go")] if pipelined else [say("354 go")]
        async with FaultyHop(extensions=extensions, **script) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            assert told(await hops.deliver(mail_to())) == [("refused", "550 5.7.1")]
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert told(await hops.deliver(mail_to())) == [("delivered", "250 2.0.0")]
            assert len(hop.sessions) == 1
            mails = [number for number, command in enumerate(hop.commands) if command.startswith(b"MAIL")]
            if not (step == "mail" and extensions is not PIPELINED):
                assert hop.commands[mails[1] - 1] == b"RSET\r\n"
            assert hop.commands[mails[2] - 1] == b"DATA\r\n"
            await hops.close()

    run(scene())


def test_a_hop_that_refuses_rset_gets_a_fresh_connection_next_time(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(data=[say("451 4.3.0 not now"), say("354 go")], rset=say("502 5.5.1 what?")) as hop:
            hops = NextHops([hop_at(hop)], "relay.test")
            results = [(await hops.deliver(mail_to()))[0].result for _ in range(3)]
            assert results == [Result.DEFERRED, Result.DEFERRED, Result.DELIVERED]
            assert len(hop.sessions) == 2
            await hops.close()

    run(scene())
