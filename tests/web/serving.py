"""The web application on a real socket, in a thread with its own event loop, asked by plain HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop
from patience import LONG
from starlette.types import ASGIApp, Receive, Scope, Send

from relay.address import Address
from relay.config.settings import HostPort
from relay.consent.events import Event
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.decision import new_id
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.port import NO_TEXTS, People
from relay.tokens import KEY_LENGTH, Claims, Purpose, TokenKeys, seal
from relay.web.app import build_app
from relay.web.server import WebServer, start_web

T = TypeVar("T")

SENT: Final = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
NOW: Final = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
READER: Final = Address("hanako", "example.jp")
KEYS: Final = TokenKeys({"000001": b"k" * KEY_LENGTH}, "000001")
#: Names with characters that mean something in HTML, as names have them.
POLICY: Final = """\
version = 1
[stream]
id = "newsletter"
brand = "brand"
kind = "commercial"
purpose = { ja = "新商品のお知らせ", en = "Product <news> & offers" }
audience = { ja = "会員の方", en = "members" }
list_id = "newsletter.brand.example"
[sender]
name = { ja = "ブランド株式会社", en = "Brand & Sons K.K." }
postal_address = "1-2-3 Ginza, Chuo-ku, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"
[[match]]
mail_from = ["*@news.brand.example"]
[consent]
accept = ["double-opt-in"]
[message]
language = "ja"
"""


def token_for(
    address: Address = READER,
    stream: str = "newsletter",
    sent: datetime = SENT,
    purpose: Purpose = Purpose.UNSUBSCRIBE,
) -> str:
    return seal(KEYS, purpose, Claims(address, stream, new_id(sent, bytes(10))))


def shop_policies(folder: Path) -> Policies:
    (folder / "newsletter.toml").write_text(POLICY, encoding="utf-8")
    return load_policies(folder)


@dataclass(eq=False)
class TroubledStore:
    """A store whose trouble a test chooses: an error to raise, or seconds to wait. Remembers what was appended."""

    trouble: Exception | None = None
    delay: float = 0.0
    facts_known: Facts = NOTHING_KNOWN
    appended: list[Event] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    async def facts(self, brand: str, stream: str, addresses: Sequence[Address]) -> dict[Address, Facts]:
        self.asked += 1
        await self._meet_trouble()
        return dict.fromkeys(addresses, self.facts_known)

    async def append(self, events: Sequence[Event], texts: Mapping[str, str] = NO_TEXTS) -> tuple[int, ...]:
        await self._meet_trouble()
        self.appended += events
        self.texts.update(texts)
        return tuple(range(len(events)))

    async def _meet_trouble(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.trouble is not None:
            raise self.trouble


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


class Served:
    """Passes requests on to the application of the moment: starting a server for every test would take long."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Site:
    address: HostPort
    loop: asyncio.AbstractEventLoop
    server: WebServer
    served: Served

    def ask(
        self, method: str, path: str, body: str | bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection(self.address.host, self.address.port, timeout=LONG)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read().decode())
        finally:
            connection.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives, run on the loop of the server."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(LONG)

    def show(self, store: People, policies: Policies, *, now: datetime = NOW, clock_trouble: str = "") -> None:
        """From now on, the application over this store."""
        self.served.app = build_app(store, lambda: policies, KEYS, lambda: now, clock_trouble=lambda: clock_trouble)


@contextmanager
def running_site() -> Iterator[Site]:
    loop = uvloop.new_event_loop()  # as in a worker
    thread = threading.Thread(target=loop.run_forever, name="site")
    thread.start()
    served = Served()
    try:
        starting = start_web(served, HostPort("127.0.0.1", 0), drain=timedelta(seconds=5))
        server = asyncio.run_coroutine_threadsafe(starting, loop).result(LONG)
        try:
            yield Site(server.address, loop, server, served)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(LONG)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
