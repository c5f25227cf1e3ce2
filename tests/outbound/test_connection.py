"""Opening a connection: the introduction, TLS that is never given up, logins that are never shown to others."""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_hop import Action, Certificates, FaultyHop, GoneError, Session, close, reset, say, stall
from mailing import SHORT, Run, deliver, hop_at, told

from relay.config.settings import HostPort, NextHop, NextHopTls, Timeouts
from relay.outbound.connection import open_connection, tls_context
from relay.outbound.wire import HopError

WITH_STARTTLS = (*FaultyHop.EXTENSIONS, "STARTTLS")


def test_the_first_words_are_ehlo_with_our_name(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            await deliver(hop_at(hop))
            assert hop.commands[0] == b"EHLO relay.test\r\n"
            assert hop.commands[-1] in (b"QUIT\r\n", b"DATA\r\n")

    run(scene())


def test_nothing_is_said_before_the_greeting(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=stall) as hop:
            await deliver(hop_at(hop, patience=SHORT))
            assert hop.commands == []

    run(scene())


def test_a_greeting_and_an_ehlo_reply_of_many_lines_are_understood(run: Run) -> None:
    async def scene() -> None:
        greeting = say("220-hop.test\r\n220-no spam\r\n220 ESMTP")
        async with FaultyHop(
            connect=greeting, extensions=(*FaultyHop.EXTENSIONS, *(f"X-{n} y" for n in range(100)))
        ) as hop:
            assert told(await deliver(hop_at(hop))) == [("delivered", "250 2.0.0")]

    run(scene())


def test_extensions_are_read_whatever_their_case_and_odd_lines_are_skipped(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=("size 123", "Pipelining", "=odd", "\u00e9", "AUTH PLAIN LOGIN")) as hop:
            loop = asyncio.get_running_loop()
            connection = await open_connection(hop_at(hop), "relay.test", None, loop.time() + 10)
            assert connection.extensions == {"SIZE": "123", "PIPELINING": "", "AUTH": "PLAIN LOGIN"}
            assert connection.size_limit == 123
            connection.quit()
            await connection.wire.closed

    run(scene())


@pytest.mark.parametrize("code", [500, 502])
def test_a_hop_without_ehlo_is_greeted_with_helo(run: Run, code: int) -> None:
    async def scene() -> None:
        async with FaultyHop(ehlo=say(f"{code} what?")) as hop:
            assert told(await deliver(hop_at(hop))) == [("delivered", "250 2.0.0")]
            assert hop.commands[:3] == [
                b"EHLO relay.test\r\n",
                b"HELO relay.test\r\n",
                b"MAIL FROM:<news@brand.example>\r\n",
            ]

    run(scene())


# TLS


def secured(hop: FaultyHop, certificates: Certificates, **fields: object) -> NextHop:
    return hop_at(hop, **{"tls": NextHopTls.STARTTLS, "ca": certificates.ca, "tls_name": "hop.test", **fields})


def test_starttls_with_the_right_name_delivers_over_tls(run: Run, certificates: Certificates) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=WITH_STARTTLS, tls=certificates.context) as hop:
            assert told(await deliver(secured(hop, certificates))) == [("delivered", "250 2.0.0")]
            assert hop.sessions[0].is_tls
            assert hop.commands[:3] == [b"EHLO relay.test\r\n", b"STARTTLS\r\n", b"EHLO relay.test\r\n"]

    run(scene())


def test_implicit_tls_delivers_over_tls_and_an_ip_address_may_be_the_name(run: Run, certificates: Certificates) -> None:
    async def scene() -> None:
        async with FaultyHop(tls=certificates.context, implicit=True) as hop:
            for name in ("hop.test", ""):
                next_hop = secured(hop, certificates, tls=NextHopTls.IMPLICIT, tls_name=name)
                assert told(await deliver(next_hop)) == [("delivered", "250 2.0.0")]

    run(scene())


def test_big_messages_pass_through_tls(run: Run, certificates: Certificates) -> None:
    async def scene() -> None:
        from mailing import mail_to

        content = (b"x" * 998 + b"\r\n") * 3_000
        async with FaultyHop(tls=certificates.context, implicit=True) as hop:
            next_hop = secured(hop, certificates, tls=NextHopTls.IMPLICIT)
            assert told(await deliver(next_hop, mail=mail_to(content=content))) == [("delivered", "250 2.0.0")]
            assert hop.messages[0].content == content

    run(scene())


@pytest.mark.parametrize("kind", [NextHopTls.STARTTLS, NextHopTls.IMPLICIT])
def test_a_wrong_name_in_the_certificate_is_a_deferral(run: Run, certificates: Certificates, kind: NextHopTls) -> None:
    async def scene() -> None:
        implicit = kind is NextHopTls.IMPLICIT
        async with FaultyHop(extensions=WITH_STARTTLS, tls=certificates.context, implicit=implicit) as hop:
            attempts = await deliver(secured(hop, certificates, tls=kind, tls_name="other.test"))
            assert told(attempts) == [("deferred", "451 4.7.5")]
            assert "certificate" in attempts[0].reply.text
            assert not any(command.startswith(b"MAIL") for command in hop.commands)

    run(scene())


@pytest.mark.parametrize("kind", [NextHopTls.STARTTLS, NextHopTls.IMPLICIT])
def test_a_certificate_of_an_unknown_authority_is_a_deferral(
    run: Run, certificates: Certificates, other_certificates: Certificates, kind: NextHopTls
) -> None:
    async def scene() -> None:
        implicit = kind is NextHopTls.IMPLICIT
        async with FaultyHop(extensions=WITH_STARTTLS, tls=certificates.context, implicit=implicit) as hop:
            assert told(await deliver(secured(hop, other_certificates, tls=kind))) == [("deferred", "451 4.7.5")]
            assert told(await deliver(secured(hop, certificates, tls=kind, ca=None))) == [("deferred", "451 4.7.5")]

    run(scene())


def test_configured_starttls_that_is_not_offered_is_a_deferral_and_nothing_goes_out_in_clear(
    run: Run, certificates: Certificates
) -> None:
    async def scene() -> None:
        async with FaultyHop() as hop:
            assert told(await deliver(secured(hop, certificates, username="u", password="p"))) == [
                ("deferred", "451 4.7.5")
            ]
            assert hop.commands == [b"EHLO relay.test\r\n"]

    run(scene())


def test_starttls_that_is_refused_is_a_deferral(run: Run, certificates: Certificates) -> None:
    async def scene() -> None:
        for reply in ("454 4.7.0 not now", "502 5.5.1 no", "250 ok"):
            async with FaultyHop(extensions=WITH_STARTTLS, starttls=say(reply)) as hop:
                (attempt,) = await deliver(secured(hop, certificates))
                assert attempt.reply.code == 451
                assert hop.messages == []

    run(scene())


def test_replies_injected_behind_the_answer_to_starttls_end_the_connection(
    run: Run, certificates: Certificates
) -> None:
    async def scene() -> None:
        injected = say(b"220 go\r\n250-hop.test\r\n250 AUTH PLAIN\r\n")
        async with FaultyHop(extensions=WITH_STARTTLS, starttls=injected, tls=certificates.context) as hop:
            attempts = await deliver(secured(hop, certificates, username="u", password="p"))
            assert told(attempts) == [("deferred", "451 4.7.5")]
            assert not any(command.startswith(b"AUTH") for command in hop.commands)

    run(scene())


def test_extensions_from_before_tls_are_forgotten(run: Run, certificates: Certificates) -> None:
    async def scene() -> None:
        clear = say("250-hop.test\r\n250-AUTH PLAIN\r\n250-SIZE 1\r\n250 STARTTLS")
        secure = say("250-hop.test\r\n250 PIPELINING")
        async with FaultyHop(ehlo=[clear, secure], tls=certificates.context) as hop:
            assert told(await deliver(secured(hop, certificates))) == [("delivered", "250 2.0.0")]

    run(scene())


async def plain_text(session: Session) -> None:
    session.say(b"220 go\r\n")
    await session.reader.read(1)
    session.say(b"this is no TLS at all, it is plain text, and rather a lot of it\r\n" * 10)
    await stall(session)
    raise GoneError


async def silence(session: Session) -> None:
    session.say(b"220 go\r\n")
    await stall(session)


async def gone_in_the_handshake(session: Session) -> None:
    session.say(b"220 go\r\n")
    await session.reader.read(1)
    await reset(session)


@pytest.mark.parametrize("handshake", [plain_text, silence, gone_in_the_handshake])
def test_a_handshake_that_fails_stalls_or_is_cut_off_is_a_deferral(
    run: Run, certificates: Certificates, handshake: Action
) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=WITH_STARTTLS, starttls=handshake) as hop:
            assert told(await deliver(secured(hop, certificates, patience=2 * SHORT))) == [("deferred", "451 4.7.5")]

    run(scene())


@pytest.mark.parametrize("greeting", [say("220 plain text"), close, reset, stall])
def test_a_hop_that_speaks_no_tls_where_implicit_tls_is_configured_is_a_deferral(
    run: Run, certificates: Certificates, greeting: Action
) -> None:
    async def scene() -> None:
        async with FaultyHop(connect=greeting) as hop:
            next_hop = secured(hop, certificates, tls=NextHopTls.IMPLICIT, patience=2 * SHORT)
            (attempt,) = await deliver(next_hop)
            assert attempt.reply.code == 451
            assert hop.commands == [] or not hop.commands[0].startswith(b"EHLO")

    run(scene())


def test_old_tls_is_not_spoken(run: Run, certificates: Certificates) -> None:
    context = tls_context(NextHop(HostPort("127.0.0.1", 1), tls=NextHopTls.STARTTLS, ca=certificates.ca))
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_ca_file_that_cannot_be_read_or_is_empty_is_an_error_at_once(no_certificates: Path) -> None:
    for path in (no_certificates, no_certificates.with_name("missing.pem")):
        with pytest.raises(OSError):  # noqa: PT011 - ssl.SSLError or FileNotFoundError
            tls_context(NextHop(HostPort("127.0.0.1", 1), tls=NextHopTls.STARTTLS, ca=path))


# Login


def test_plain_is_used_where_it_is_offered(run: Run, certificates: Certificates) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=(*WITH_STARTTLS, "AUTH LOGIN PLAIN"), tls=certificates.context) as hop:
            next_hop = secured(hop, certificates, username="relay", password="pässword")
            assert told(await deliver(next_hop)) == [("delivered", "250 2.0.0")]
            expected = base64.b64encode("\0relay\0pässword".encode())
            assert b"AUTH PLAIN " + expected + b"\r\n" in hop.commands

    run(scene())


def test_login_is_used_where_plain_is_not_offered(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=(*FaultyHop.EXTENSIONS, "AUTH LOGIN")) as hop:
            assert told(await deliver(hop_at(hop, username="relay", password="secret"))) == [("delivered", "250 2.0.0")]
            assert hop.commands[1:4] == [b"AUTH LOGIN\r\n", b"cmVsYXk=\r\n", b"c2VjcmV0\r\n"]

    run(scene())


@pytest.mark.parametrize("reply", ["535 5.7.8 bad credentials", "454 4.7.0 try later", "334 more?", "421 4.7.0 bye"])
def test_a_refused_login_is_a_deferral_and_the_password_is_in_no_reply(run: Run, reply: str) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=("AUTH PLAIN",), auth=say(f"{reply}")) as hop:
            (attempt,) = await deliver(hop_at(hop, username="relay", password="secret"))
            assert attempt.reply.code == 451
            assert "secret" not in str(attempt)
            assert hop.messages == []

    run(scene())


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("AUTH CRAM-MD5 XOAUTH2",)])
def test_a_hop_that_offers_no_login_we_know_is_a_deferral(run: Run, extensions: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=extensions) as hop:
            assert told(await deliver(hop_at(hop, username="u", password="p"))) == [("deferred", "451 4.7.0")]

    run(scene())


def test_a_password_never_leaves_the_machine_without_tls(run: Run) -> None:
    async def scene() -> None:
        async with FaultyHop(extensions=("AUTH PLAIN",)) as hop:
            wait = timedelta(seconds=10)
            elsewhere = NextHop(  # a spelling of 127.0.0.1 that is not known to be this machine
                HostPort("127.1", hop.port), username="u", password="p", timeouts=Timeouts(wait, wait, wait, wait)
            )
            with pytest.raises(HopError, match="TLS"):
                await open_connection(elsewhere, "relay.test", None, asyncio.get_running_loop().time() + 10)
            assert hop.commands == [b"EHLO relay.test\r\n"]

    run(scene())
