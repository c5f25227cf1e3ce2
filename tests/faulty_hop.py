"""A next hop for tests that records what reaches it and misbehaves on demand at any step of the dialogue."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

#: What a hop does instead of, or as, its reply at one step. Raises GoneError when the connection has ended.
Action = Callable[["Session"], Awaitable[None]]


class GoneError(Exception):
    pass


def say(reply: str | bytes) -> Action:
    async def action(session: Session) -> None:
        session.say(reply if isinstance(reply, bytes) else reply.encode() + b"\r\n")

    return action


def drip(reply: str, pause: float = 0.05) -> Action:
    """The reply octet by octet."""

    async def action(session: Session) -> None:
        for octet in reply.encode() + b"\r\n":
            if session.writer.is_closing():
                raise GoneError
            session.writer.write(bytes([octet]))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.server.stopping.wait(), pause)
                raise GoneError

    return action


def then_close(reply: str) -> Action:
    async def action(session: Session) -> None:
        session.say(reply.encode() + b"\r\n")
        await close(session)

    return action


async def close(session: Session) -> None:
    with contextlib.suppress(ConnectionError):
        await session.writer.drain()
    session.writer.close()
    raise GoneError


async def reset(session: Session) -> None:
    """A TCP RST."""
    endpoint = session.writer.get_extra_info("socket")
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.writer.transport.abort()
    raise GoneError


async def stall(session: Session) -> None:
    """Nothing, until the client gives up."""
    await session.server.stopping.wait()
    raise GoneError


@dataclass
class Message:
    """One message as it came over the wire. content: dots undone, without the final dot."""

    commands: list[bytes]
    content: bytes
    connection: int


@dataclass
class Session:
    server: FaultyHop
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    commands: list[bytes] = field(default_factory=list)
    is_tls: bool = False
    said: bytes = b""

    def say(self, reply: bytes) -> None:
        self.said = reply
        self.writer.write(reply)


class FaultyHop:
    """An SMTP server on an ephemeral port of 127.0.0.1; `async with`.

    script: actions by step (connect ehlo helo starttls auth login mail rcpt data dot rset quit); several are used up one
    a time, the last one stays. tls: server context; implicit from the first octet, or by STARTTLS when offered.
    read_content: replaces the reading of the content, for slow or greedy hops. receive_buffer: of the kernel, octets.
    """

    EXTENSIONS = ("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")

    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        read_content: Callable[[Session], Awaitable[bytes]] | None = None,
        receive_buffer: int = 0,
        **script: Action | list[Action],
    ) -> None:
        self.extensions = extensions
        self.tls = tls
        self.implicit = implicit
        self.read_content = read_content
        self.receive_buffer = receive_buffer
        self.script = {
            step: deque(actions if isinstance(actions, list) else [actions]) for step, actions in script.items()
        }
        self.messages: list[Message] = []
        self.sessions: list[Session] = []
        self.stopping = asyncio.Event()
        self.open = 0
        self.most_open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def commands(self) -> list[bytes]:
        return [command for session in self.sessions for command in session.commands]

    async def __aenter__(self) -> Self:
        endpoint = socket.create_server(("127.0.0.1", 0))
        if self.receive_buffer:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self._server = await asyncio.start_server(
            self._connected, sock=endpoint, limit=1 << 20, ssl=self.tls if self.implicit else None
        )
        self.port = endpoint.getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        await asyncio.sleep(0)

    async def stop_listening(self) -> None:
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        endpoint = writer.get_extra_info("socket")
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # several small replies, no 40 ms in between
        session = Session(self, reader, writer, len(self.sessions) + 1, is_tls=self.implicit)
        self.sessions.append(session)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self._converse(session)
        except (GoneError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort() if self.stopping.is_set() else writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def _act(self, session: Session, step: str, default: str) -> None:
        actions = self.script.get(step)
        action = say(default)
        if actions:
            action = actions.popleft() if len(actions) > 1 else actions[0]
        await action(session)

    async def _converse(self, session: Session) -> None:
        await self._act(session, "connect", "220 hop.test ESMTP")
        while line := await session.reader.readline():
            session.commands.append(line)
            verb = line.split(maxsplit=1)[0].decode("latin-1").lower() if line.strip() else ""
            if verb in _PLAIN_STEPS:
                await self._act(session, verb, _PLAIN_STEPS[verb])
                if verb == "quit":
                    return
            elif verb in ("ehlo", "starttls", "auth", "data"):
                await getattr(self, f"_{verb}")(session)
            else:
                await say("502 5.5.1 what?")(session)

    async def _ehlo(self, session: Session) -> None:
        lines = ["hop.test", *self.extensions]
        await self._act(session, "ehlo", "\r\n".join([f"250-{text}" for text in lines[:-1]] + [f"250 {lines[-1]}"]))

    async def _starttls(self, session: Session) -> None:
        await self._act(session, "starttls", "220 go")
        if self.tls is not None and session.said.startswith(b"220"):
            await session.writer.start_tls(self.tls)
            session.is_tls = True

    async def _auth(self, session: Session) -> None:
        if b"LOGIN" in session.commands[-1]:
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                await self._act(session, "login", prompt)
                session.commands.append(await session.reader.readline())
        await self._act(session, "auth", "235 2.7.0 welcome")

    async def _data(self, session: Session) -> None:
        envelope = _last_envelope(session.commands)
        await self._act(session, "data", "354 go ahead")
        if session.said.startswith(b"354"):
            content = await (self.read_content or read_to_dot)(session)
            self.messages.append(Message(envelope, content, session.number))
            await self._act(session, "dot", f"250 2.0.0 queued as {len(self.messages)}")


_PLAIN_STEPS = {
    "helo": "250 hop.test",
    "mail": "250 2.1.0 sender ok",
    "rcpt": "250 2.1.5 recipient ok",
    "rset": "250 2.0.0 forgotten",
    "quit": "221 2.0.0 bye",
}


def _last_envelope(commands: list[bytes]) -> list[bytes]:
    start = max(number for number, command in enumerate(commands) if command.startswith(b"MAIL"))
    return commands[start:-1]


async def read_to_dot(session: Session) -> bytes:
    lines = []
    while (line := await session.reader.readuntil(b"\r\n")) != b".\r\n":
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


@dataclass(frozen=True)
class Certificates:
    """ca: PEM file to trust. context: server side, certificate for hop.test and 127.0.0.1."""

    ca: Path
    context: ssl.SSLContext


def make_certificates(folder: Path) -> Certificates:
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test CA")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    authority = builder(ca_name, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    names = x509.SubjectAlternativeName([x509.DNSName("hop.test"), x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = builder(x509.Name([]), key.public_key()).add_extension(names, critical=True)
    ca = folder / "ca.pem"
    ca.write_bytes(authority.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    chain = folder / "hop.pem"
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Certificates(ca, context)
