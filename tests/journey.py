"""A pipeline with everything real around it: store, policies, keys, and a next hop that keeps or refuses what it gets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from relay.address import Address, address_from_text
from relay.config.settings import HoldSettings, HostPort, Mode, NextHop, QueueSettings
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import new_id
from relay.disposal import Forwarder
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.message.dkim import KeyType, Signer, generate, load_key
from relay.outbound.attempt import NextHops
from relay.pipeline import Pipeline
from relay.policy.acceptance import Waits
from relay.policy.files import load_policies
from relay.reply import Reply
from relay.rewriting import Rewriter
from relay.store.connection import open_for_reading
from relay.store.queue import Caps
from relay.store.sqlite import SqliteStore, open_store
from relay.tokens import KEY_LENGTH, TokenKeys, seal
from relay.workers.delivery import Deliveries
from relay.workers.settling import Terms

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLIENT = Client("shop")
NEWS = address_from_text("news@news.brand.example")
ORDERS = address_from_text("orders@brand.example")
TOKENS = TokenKeys({"000001": bytes(range(KEY_LENGTH))}, "000001")
PSEUDONYMS = Pseudonyms(bytes(32))
MAIL = b"From: News <news@news.brand.example>\r\nTo: you@example.org\r\nSubject: Spring\r\n\r\nIt is spring.\r\n"

NEWSLETTER = """\
version = 1
[stream]
id = "newsletter"
brand = "brand"
kind = "commercial"
purpose = { en = "Product news", ja = "新商品のお知らせ" }
audience = { en = "members", ja = "会員の方" }
list_id = "newsletter.brand.example"
[sender]
name = "Brand K.K."
postal_address = "1-1 Somewhere, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"
[[match]]
mail_from = ["*@news.brand.example"]
[consent]
accept = ["double-opt-in"]
"""
RECEIPTS = """\
version = 1
[stream]
id = "receipts"
brand = "brand"
kind = "transactional"
purpose = { en = "Receipts" }
[[match]]
mail_from = ["*@brand.example"]
"""


@dataclass  # without slots: aiosmtpd looks through the members, which Python 3.11.2 cannot do to such a class
class NextHopServer:
    """answers: what it says to RCPT for an address, instead of taking it. got: (sender, recipients, octets).
    at_rcpt: called when it hears of a recipient, and awaited before its answer.
    """

    at_rcpt: Callable[[], Awaitable[None] | None] = lambda: None
    answers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        waited_for = self.at_rcpt()
        if waited_for is not None:
            await waited_for
        answer = self.answers.get(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 ok"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content
        assert isinstance(content, bytes)
        self.got.append((envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
        return f"250 2.0.0 taken as number {len(self.got)}"

    def copy_of(self, recipient: str) -> bytes:
        (copy,) = [content for _, recipients, content in self.got if recipient in recipients]
        return copy


@lru_cache
def signer() -> Signer:
    return Signer("brand.example", "s1", load_key(generate(KeyType.ED25519)))


@dataclass(slots=True)
class Stage:
    pipeline: Pipeline
    forwarder: Forwarder
    deliveries: Deliveries
    store: SqliteStore
    hop: NextHopServer
    numbers: itertools.count[int]
    path: Path

    async def yes(self, address: str, *, days_ago: float = 30, stream: str = "newsletter", language: str = "") -> None:
        number = next(self.numbers)
        await self.store.append([yes(number, address, days_ago=days_ago, stream=stream, language=language)])

    async def no(self, address: str, stream: str = "newsletter") -> None:
        await self.store.append([_event(next(self.numbers), EventKind.WITHDRAW, address, NOW, stream=stream)])

    def waiting(self) -> list[dict[str, Any]]:
        """The copies in the store, in the order in which they came."""
        with contextlib.closing(open_for_reading(self.path)) as connection:
            found = connection.execute(
                "SELECT address, state, reason, decision, due_at, attempts, code, reply, next_hop, notify"
                " FROM copies ORDER BY number"
            )
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]

    async def deliver(self, after: timedelta = timedelta(seconds=1)) -> None:
        """What is due by then goes out of the queue."""
        for claimed in await self.store.claim(NOW + after, 1000):
            await self.deliveries.deliver(claimed, lambda: True)

    def states(self) -> list[tuple[str, str, str]]:
        return [(one["address"], one["state"], one["reason"]) for one in self.waiting()]

    def reported(self) -> list[tuple[str, str, str]]:
        """Recipient, fate, reason."""
        with contextlib.closing(open_for_reading(self.path)) as connection:
            return connection.execute("SELECT recipient, fate, reason FROM reports ORDER BY number").fetchall()

    def begin(
        self,
        sender: Address | None = NEWS,
        *,
        client: Client = CLIENT,
        parameters: MailParameters = MailParameters(),  # noqa: B008 - frozen
    ) -> Transaction:
        return self.pipeline.begin(client, Connection("192.0.2.7", "shop.example", "ESMTP"), sender, parameters)

    async def send(
        self, *recipients: str, content: bytes = MAIL, sender: Address | None = NEWS, client: Client = CLIENT
    ) -> tuple[dict[str, Reply], Reply | None]:
        """A whole transaction as a client would do it: replies to RCPT, and to DATA when somebody was left."""
        tx = self.begin(sender, client=client)
        mail = await self.pipeline.at_mail(tx)
        if not mail.is_success:
            return {}, mail
        replies: dict[str, Reply] = {}
        taken: list[Recipient] = []
        for text in recipients:
            recipient = Recipient(address_from_text(text))
            replies[text] = await self.pipeline.at_rcpt(tx, recipient)
            if replies[text].is_success:
                taken.append(recipient)
        return replies, await self.pipeline.at_data(tx, taken, content) if taken else None


def yes(number: int, address: str, *, days_ago: float, stream: str = "newsletter", language: str = "") -> Event:
    return _event(
        number,
        EventKind.CONFIRM,
        address,
        NOW - timedelta(days=days_ago),
        stream=stream,
        basis=Basis.DOUBLE_OPT_IN,
        act=Act.CLICKED,
        evidence=Evidence(form_url="https://brand.example/form", language=language),
    )


def _event(number: int, kind: EventKind, address: str, at: datetime, **more: Any) -> Event:
    return Event(
        id=new_id(NOW, number.to_bytes(10)),
        kind=kind,
        address=address_from_text(address),
        brand="brand",
        at=at,
        recorded_at=NOW,
        source="test",
        recorder="test",
        **more,
    )


async def _know(path: Path, journal: Path, yeses: Mapping[str, float]) -> None:
    store = await open_store(path, journal, PSEUDONYMS)
    await store.append([yes(number, name, days_ago=days) for number, (name, days) in enumerate(yeses.items(), 10_000)])
    await store.close()


@contextlib.asynccontextmanager
async def stage(
    folder: Path,
    *,
    policies: Mapping[str, str] | None = None,
    mode: Mode = Mode.ENFORCE,
    signers: Mapping[str, tuple[Signer, ...]] | None = None,
    public_url: str = "https://mail.brand.example",
    caps: Caps = Caps(),  # noqa: B008 - frozen
    known: Mapping[str, float] | None = None,
    is_away: Callable[[Address], bool] = lambda _: False,
) -> AsyncIterator[Stage]:
    """is_away: is the next hop of this recipient known not to answer? known: who has said yes so many days ago, long before the relay was started. (A yes of this minute lets go what is
    held, for it may have come between the decision and the hold.)
    """
    texts = {"newsletter": NEWSLETTER, "receipts": RECEIPTS} if policies is None else policies
    (folder / "policies").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "policies" / f"{name}.toml").write_text(text)
    loaded = load_policies(folder / "policies", NOW)
    hop = NextHopServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(hop, hostname="next-hop.example", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    next_hops = NextHops([NextHop(HostPort("127.0.0.1", server.sockets[0].getsockname()[1]))], "relay.brand.example")
    path = folder / "relay.db"
    journal = folder / "withdrawals.journal"
    if known:
        await _know(path, journal, known)
    store = await open_store(path, journal, PSEUDONYMS, caps=caps)
    ticks, randoms = itertools.count(), itertools.count()

    def clock() -> datetime:  # every look at the clock is a microsecond later: ids stay in order
        return NOW + timedelta(microseconds=next(ticks))

    rewriter = Rewriter(
        dkim={"brand.example": (signer(),)} if signers is None else signers,
        seal=partial(seal, TOKENS),
        hostname="relay.brand.example",
        mail_domain="relay.brand.example",
        public_url=public_url,
        is_local=False,
        clock=clock,
    )
    forwarder = Forwarder(next_hops=next_hops, rewriter=rewriter, clock=clock)
    try:
        pipeline = Pipeline(
            store=store,
            policies=lambda: loaded,
            forwarder=forwarder,
            mode=mode,
            clock=clock,
            randomness=lambda size: next(randoms).to_bytes(size),
            waits=Waits(QueueSettings().retry, HoldSettings().waiting),
            is_away=is_away,
        )
        deliveries = Deliveries(
            store=store,
            policies=lambda: loaded,
            forwarder=forwarder,
            clients=[CLIENT],
            terms=Terms(QueueSettings().retry, QueueSettings().expire, HoldSettings().waiting),
            mode=mode,
            clock=clock,
            randomness=lambda size: next(randoms).to_bytes(size),
        )
        yield Stage(pipeline, forwarder, deliveries, store, hop, itertools.count(1), path)
    finally:
        await store.close()
        await next_hops.close()
        server.close()
        await server.wait_closed()


def shadowed(policy: str) -> str:
    return policy.replace('kind = "commercial"', 'kind = "commercial"\nmode = "shadow"')


def on_stage(folder: Path, story: Callable[[Stage], Awaitable[None]], **how: object) -> None:
    async def play() -> None:
        async with stage(folder, **how) as one:  # type: ignore[arg-type]
            await story(one)

    asyncio.run(play())


def said(reply: Reply | None) -> str:
    assert reply is not None
    return str(reply)


def one_copy(folder: Path, content: bytes = MAIL, **how: Any) -> bytes:
    """The copy that reaches the next hop for one reader who agreed in Japanese."""

    async def play() -> bytes:
        async with stage(folder, **how) as on:
            await on.yes("hanako@example.org", language="ja")
            _, reply = await on.send("hanako@example.org", content=content)
            assert reply is not None
            assert reply.is_success, reply
            return on.hop.copy_of("hanako@example.org")

    return asyncio.run(play())
