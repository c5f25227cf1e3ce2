"""Opening a connection to a next hop: TCP, TLS with a verified name, greeting, EHLO, STARTTLS, login.

Whatever fails here is a HopError with a 4xx reply: the message is not at fault, so it must not be refused for good.
There is no way from a configured TLS to none.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from relay.config.settings import NextHop, NextHopTls
from relay.outbound.wire import HopError, Wire
from relay.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.outbound.replies import HopReply

_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_QUIT: Final = b"QUIT\r\n"


class SmtpConnection:
    """An SMTP session past its introduction, ready for MAIL.

    extensions: EHLO keywords in upper case with their parameters. answered: has the next hop said yes to anything of
    the present transaction? needs_reset: it began a transaction that did not end.
    """

    def __init__(self, wire: Wire, extensions: Mapping[str, str], opened_at: float) -> None:
        self.wire = wire
        self.extensions = extensions
        self.opened_at = opened_at
        self.answered = False
        self.needs_reset = False

    @property
    def is_reusable(self) -> bool:
        return self.wire.is_quiet

    @property
    def size_limit(self) -> int:
        """Octets that the next hop takes, 0 for no stated limit."""
        limit = self.extensions.get("SIZE", "")
        return int(limit) if limit.isascii() and limit.isdigit() else 0

    def quit(self) -> None:
        """Says QUIT and closes; the answer is not awaited."""
        self.wire.close(_QUIT)

    def abort(self) -> None:
        self.wire.abort()


def tls_context(hop: NextHop) -> ssl.SSLContext | None:
    """The context for a next hop with TLS. Raises OSError when its `ca` cannot be read or holds no certificate."""
    if hop.tls is NextHopTls.NONE:
        return None
    context = ssl.create_default_context(cafile=str(hop.ca) if hop.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def open_connection(
    hop: NextHop, hostname: str, context: ssl.SSLContext | None, deadline: float
) -> SmtpConnection:
    """A fresh session with `hop`, or HopError. hostname: for EHLO. deadline: time of the running loop."""
    loop = asyncio.get_running_loop()
    wire = Wire(loop)
    try:
        await _connect(wire, hop, context if hop.tls is NextHopTls.IMPLICIT else None, deadline)
        patience = hop.timeouts.reply.total_seconds()
        _expect(await wire.reply(patience, deadline), 220, "the next hop does not welcome us")
        extensions = await _introduce(wire, hostname, patience, deadline)
        if hop.tls is NextHopTls.STARTTLS and context is not None:
            await _start_tls(wire, hop, context, extensions, deadline)
            extensions = await _introduce(wire, hostname, patience, deadline)
        if hop.username:
            await _login(wire, hop, extensions, deadline)
    except BaseException:
        wire.abort()
        raise
    return SmtpConnection(wire, MappingProxyType(extensions), loop.time())


async def _connect(wire: Wire, hop: NextHop, context: ssl.SSLContext | None, deadline: float) -> None:
    loop = asyncio.get_running_loop()
    until = min(loop.time() + hop.timeouts.connect.total_seconds(), deadline)
    try:
        async with asyncio.timeout_at(until):
            await loop.create_connection(
                lambda: wire,
                hop.address.host,
                hop.address.port,
                ssl=context,
                server_hostname=(hop.tls_name or hop.address.host) if context else None,
            )
    except socket.gaierror:
        raise HopError(Reply(451, "4.4.3", "the name of the next hop cannot be resolved")) from None
    except ssl.SSLError as error:
        raise _untrusted(error) from None
    except TimeoutError:
        raise HopError(Reply(451, "4.4.1", "the next hop does not answer")) from None
    except ConnectionRefusedError:  # the machine is there, its mail server is not
        raise HopError(Reply(451, "4.4.1", "the next hop refuses the connection"), lost=True) from None
    except (OSError, UnicodeError):
        raise HopError(Reply(451, "4.4.1", "the next hop cannot be reached"), lost=True) from None


async def _introduce(wire: Wire, hostname: str, patience: float, deadline: float) -> dict[str, str]:
    wire.write(f"EHLO {hostname}\r\n".encode("ascii"))
    reply = await wire.reply(patience, deadline)
    if reply.code in (500, 501, 502, 504):  # RFC 5321 section 3.2: an old server without extensions
        wire.write(f"HELO {hostname}\r\n".encode("ascii"))
        _expect(await wire.reply(patience, deadline), 250, "the next hop refuses our greeting")
        return {}
    _expect(reply, 250, "the next hop refuses our greeting")
    extensions = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.decode("ascii", "replace").strip().partition(" ")
        if _KEYWORD.fullmatch(keyword):
            extensions[keyword.upper()] = parameters.strip()
    return extensions


async def _start_tls(
    wire: Wire, hop: NextHop, context: ssl.SSLContext, extensions: Mapping[str, str], deadline: float
) -> None:
    if "STARTTLS" not in extensions:
        raise HopError(Reply(451, "4.7.5", "the next hop does not offer the STARTTLS that is configured"))
    wire.write(b"STARTTLS\r\n")
    _expect(await wire.reply(hop.timeouts.reply.total_seconds(), deadline), 220, "the next hop refuses STARTTLS")
    if not wire.is_quiet:  # bytes from before TLS would be read as if they came through it (CVE-2011-0411)
        raise HopError(Reply(451, "4.7.5", "the next hop sent more than its reply to STARTTLS"))
    loop = asyncio.get_running_loop()
    until = min(loop.time() + hop.timeouts.connect.total_seconds(), deadline)
    try:
        async with asyncio.timeout_at(until):
            transport = await loop.start_tls(
                wire.transport, wire, context, server_hostname=hop.tls_name or hop.address.host
            )
    except ssl.SSLError as error:
        raise _untrusted(error) from None
    except TimeoutError:
        raise HopError(Reply(451, "4.7.5", "the next hop does not finish its TLS handshake")) from None
    except OSError:
        raise HopError(Reply(451, "4.7.5", "the next hop broke off its TLS handshake"), lost=True) from None
    if transport is None:  # uvloop and asyncio say so when the connection was lost meanwhile
        raise HopError(Reply(451, "4.7.5", "the next hop broke off its TLS handshake"), lost=True)
    wire.use(transport)


async def _login(wire: Wire, hop: NextHop, extensions: Mapping[str, str], deadline: float) -> None:
    """AUTH PLAIN (RFC 4616), or LOGIN where only that is offered. A refused login is our fault, never the message's."""
    if hop.tls is NextHopTls.NONE and not hop.address.is_loopback:
        raise HopError(Reply(451, "4.7.0", "a login for the next hop is configured, but no TLS to protect it"))
    user, password = hop.username.encode(), hop.password.encode()
    mechanisms = extensions.get("AUTH", "").upper().split()
    if "PLAIN" in mechanisms:
        steps = [b"AUTH PLAIN " + base64.b64encode(b"\0".join((b"", user, password)))]
    elif "LOGIN" in mechanisms:
        steps = [b"AUTH LOGIN", base64.b64encode(user), base64.b64encode(password)]
    else:
        raise HopError(Reply(451, "4.7.0", "the next hop offers neither AUTH PLAIN nor AUTH LOGIN"))
    for number, step in enumerate(steps, start=1):
        wire.write(step + b"\r\n")
        reply = await wire.reply(hop.timeouts.reply.total_seconds(), deadline)
        _expect(reply, 235 if number == len(steps) else 334, "the next hop refuses our login")


def _expect(reply: HopReply, code: int, otherwise: str) -> None:
    if reply.code != code:
        words = f"{otherwise}: {reply.code} {reply.passed_on(451).text}"
        raise HopError(Reply(451, "4.7.0" if reply.code in (530, 534, 535, 538) else "4.3.2", words))


def _untrusted(error: ssl.SSLError) -> HopError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return HopError(Reply(451, "4.7.5", "the certificate of the next hop is not the expected one"))
    return HopError(Reply(451, "4.7.5", "no TLS with the next hop"))
