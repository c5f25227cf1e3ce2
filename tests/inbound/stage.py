"""A relay's inbound side on 127.0.0.1 with a journey that only notes what comes in, and a client that speaks octets."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import argon2
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from even_loop import EvenLoop
from patience import LONG

from relay.address import Address
from relay.config.settings import (
    ClientSettings,
    HostPort,
    Identity,
    Keys,
    Limits,
    Listener,
    Mode,
    Settings,
    StoreSettings,
    Tls,
    WebSettings,
)
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.inbound.listener import Listeners, start_listeners
from relay.reply import Reply

LOCAL: Final = ClientSettings("local", networks=(ip_network("127.0.0.0/8"),))
PASSWORD: Final = b"correct horse"
#: As weak as argon2 gets: these tests are about the dialogue.
CHEAP_HASH: Final = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
MAUTIC: Final = ClientSettings("mautic", password=CHEAP_HASH)

#: even: where seconds are the subject.
LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "even": EvenLoop,
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def run(work: Coroutine[Any, Any, Any], loop: str = "uvloop") -> Any:
    """Runs a test's coroutine; a task that failed without anybody looking is a failure."""
    tasks: list[asyncio.Task[Any]] = []

    def create(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        tasks.append(asyncio.Task(coroutine, loop=loop, **more))
        return tasks[-1]

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.get_loop().set_task_factory(create)
        result = runner.run(asyncio.wait_for(work, LONG))
    for task in tasks:
        if task.done() and task._log_traceback:
            raise AssertionError(f"unseen failure of {task}") from task.exception()
    return result


@dataclass(frozen=True)
class Message:
    """What arrived at `at_data`."""

    tx: Transaction
    recipients: tuple[Recipient, ...]
    content: bytes

    def __str__(self) -> str:
        return f"{self.tx.sender_text or '<>'} -> {', '.join(str(one.address) for one in self.recipients)}"


@dataclass
class Notebook:
    """A journey that takes what comes. Recipients called `unwilling` are refused, `broken` ones break it."""

    messages: list[Message] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    asked: list[Recipient] = field(default_factory=list)
    #: Awaited in at_data before it answers.
    pause: Callable[[], Awaitable[object]] | None = None
    finished: int = 0

    def begin(
        self, client: Client, connection: Connection, sender: Address | None, parameters: MailParameters
    ) -> Transaction:
        return Transaction("01TX", datetime.now(UTC), client, connection, sender, parameters)

    async def at_mail(self, tx: Transaction) -> Reply:
        self.transactions.append(tx)
        if tx.sender and tx.sender.local == "unwilling":
            return Reply(550, "5.7.1", "stream-unknown: this sender is not allowed (id 01J)")
        return Reply(250, "2.1.0", "sender accepted")

    async def at_rcpt(self, tx: Transaction, recipient: Recipient) -> Reply:
        self.asked.append(recipient)
        if recipient.address.local == "broken":
            raise RuntimeError("secret detail")
        if recipient.address.local == "unwilling":
            return Reply(550, "5.7.1", "withdrawn: this person has stopped it (id 01J)")
        return Reply(250, "2.1.5", "recipient accepted")

    async def at_data(self, tx: Transaction, recipients: Sequence[Recipient], content: bytes) -> Reply:
        self.messages.append(Message(tx, tuple(recipients), content))
        if self.pause is not None:
            await self.pause()
        if b"break the journey" in content:
            raise ConnectionResetError("secret detail")
        self.finished += 1
        return Reply(250, "2.0.0", "taken (id 01J)")


def settings(
    *,
    listeners: Sequence[Listener] | None = None,
    clients: Sequence[ClientSettings] = (LOCAL,),
    limits: Limits | None = None,
) -> Settings:
    return Settings(
        folder=Path("/nonexistent"),
        file=None,
        mode=Mode.ENFORCE,
        policies=Path("/nonexistent"),
        identity=Identity("relay.example", "relay.example"),
        listeners=tuple(listeners or [Listener(HostPort("127.0.0.1", 0))]),
        clients=tuple(clients),
        next_hops=(),
        store=StoreSettings("", Path("/nonexistent"), Path("/nonexistent")),
        web=WebSettings(HostPort("127.0.0.1", 0), ""),
        keys=Keys(*[Path("/nonexistent")] * 4),
        limits=limits or Limits(),
    )


def listener(tls: str = "none", **more: Any) -> Listener:
    """A listener on a free port, with a certificate where it needs one."""
    certificate, key = (None, None) if tls == "none" else certificate_files()
    return Listener(HostPort("127.0.0.1", 0), tls=Tls(tls), certificate=certificate, key=key, **more)


class Talk:
    """A connection to the relay. Replies come as text, lines joined by a line feed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        lines = []
        while True:
            line = await asyncio.wait_for(self.reader.readline(), LONG)
            if not line:
                raise EOFError("\n".join(lines))
            assert line.endswith(b"\r\n"), line
            assert len(line) <= 512
            assert line[:-2].isascii()
            assert line[:-2].decode().isprintable()
            lines.append(line[:-2].decode())
            if line[3:4] == b" ":
                return "\n".join(lines)

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def say(self, line: str) -> str:
        await self.send(line.encode() + b"\r\n")
        return await self.reply()

    async def say_all(self, *lines: str) -> list[str]:
        return [await self.say(line) for line in lines]

    async def hello(self) -> None:
        assert (await self.reply()).startswith("220 ")
        assert (await self.say("EHLO client.example")).startswith("250-")

    async def mail(self, content: bytes, *recipients: str) -> str:
        """One message; the reply after the dot. `content` is sent as it stands, with its dot."""
        for line in ("MAIL FROM:<a@brand.example>", *(f"RCPT TO:<{one}>" for one in recipients or ("b@c.example",))):
            assert (await self.say(line)).startswith("250 "), line
        assert (await self.say("DATA")).startswith("354 ")
        await self.send(content)
        return await self.reply()

    async def encrypt(self) -> None:
        context = ssl.create_default_context(cafile=certificate_files()[0])
        await self.writer.start_tls(context, server_hostname="relay.example")
        # asyncio before 3.12 leaves the reader with the old transport.
        self.reader._transport = self.writer.transport

    async def is_closed(self) -> bool:
        try:
            return not await asyncio.wait_for(self.reader.read(1), LONG)
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Stage:
    """What a test works with. The first listener is the one that `talk` connects to."""

    def __init__(self, listeners: Listeners, notebook: Notebook) -> None:
        self.listeners = listeners
        self.notebook = notebook
        self._talks: list[Talk] = []

    async def talk(self, index: int = 0, source: str = "127.0.0.1", **more: Any) -> Talk:
        address = self.listeners.addresses[index]
        reader, writer = await asyncio.open_connection(address.host, address.port, local_addr=(source, 0), **more)
        self._talks.append(Talk(reader, writer))
        return self._talks[-1]

    async def ready(self, index: int = 0) -> Talk:
        talk = await self.talk(index)
        await talk.hello()
        return talk

    async def leave(self) -> None:
        for talk in self._talks:
            await talk.close()


@asynccontextmanager
async def open_stage(notebook: Notebook | None = None, *, login_delay: float = 0, **more: Any) -> AsyncIterator[Stage]:
    notebook = notebook or Notebook()
    listeners = await start_listeners(settings(**more), notebook, login_delay=login_delay)
    stage = Stage(listeners, notebook)
    try:
        yield stage
    finally:
        await stage.leave()
        listeners.stop_accepting()
        await listeners.drain(5)
        await listeners.close()


@contextmanager
def without_collector() -> Iterator[None]:
    """A collection looks at all that the tests of this process have made so far, which is no time of the relay's."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not holds():  # noqa: ASYNC110 - conditions of the test's own
            await asyncio.sleep(0.01)


def quick(**changes: Any) -> Limits:
    """Limits where seconds may be given as numbers."""
    return dataclasses.replace(
        Limits(), **{name: timedelta(seconds=v) if name in _TIMES else int(v) for name, v in changes.items()}
    )


_TIMES: Final = ("idle", "data_time", "transaction")


@cache
def certificate_files() -> tuple[Path, Path]:
    """A certificate for relay.example and its key, made once."""
    folder = Path(mkdtemp(prefix="consent-relay-test-"))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("relay.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"
