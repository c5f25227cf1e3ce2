"""Where senders are told what became of their mail, with a real store."""

from __future__ import annotations

import asyncio
import contextlib
import email
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from journey import CLIENT, MAIL, NEWS, NOW, PSEUDONYMS

from relay.address import Address, address_from_text
from relay.decision import new_id
from relay.envelope import Connection, MailParameters, Recipient, Transaction
from relay.queued import NewCopy, NewMessage, Origin, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.connection import open_for_reading
from relay.store.sqlite import SqliteStore, open_store
from relay.workers.bounces import Bouncer
from relay.workers.notifications import Notifications
from relay.workers.own_mail import OwnMail
from relay.workers.receipts import Receipts

REFUSED: Final = Reply(550, "5.1.1", "no such user")
HOUR: Final = timedelta(hours=1)
EXPIRE: Final = timedelta(days=5)


@dataclass(frozen=True)
class Line:
    recipient: str
    fate: str
    reason: str
    reply: str


@dataclass
class Office:
    store: SqliteStore
    path: Path
    most: int = 1000
    later: timedelta = timedelta(0)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        notifications = Notifications(
            own_mail=OwnMail(mail_domain="relay.brand.example", randomness=self.randomness),
            hostname="relay.brand.example",
            expire=EXPIRE,
            most_an_hour=self.most,
        )
        self.bouncer = Bouncer(store=self.store, notifications=notifications, clock=self.clock)
        self.receipts = Receipts(notifications, EXPIRE)

    def clock(self) -> datetime:
        return NOW + self.later + timedelta(microseconds=next(self.numbers))

    def randomness(self, size: int) -> bytes:
        return next(self.numbers).to_bytes(size)

    def identifier(self) -> str:
        return new_id(self.clock(), self.randomness(10))

    def copy(self, address: str, state: State = State.FAILED, *, notify: Sequence[str] = (), **more: object) -> NewCopy:
        values = {"reason": Reason.NEXT_HOP_REFUSED, "due_at": NOW + HOUR, "attempts": 1, "last": REFUSED, **more}
        recipient = Recipient(address_from_text(address), tuple(notify))
        return NewCopy(self.identifier(), recipient, state, **values)  # type: ignore[arg-type]

    async def take(
        self,
        *copies: NewCopy,
        sender: Address | None = NEWS,
        origin: Origin = Origin.CLIENT,
        parameters: MailParameters = MailParameters(),  # noqa: B008 - frozen
        content: bytes = MAIL,
    ) -> Transaction:
        connection = Connection("192.0.2.7", "shop.example", "ESMTP")
        tx = Transaction(self.identifier(), self.clock(), CLIENT, connection, sender, parameters)
        await self.store.commit(Step(messages=(NewMessage(tx, "newsletter", "brand", content, copies, origin),)))
        return tx

    async def told(self) -> list[tuple[str, bytes]]:
        """Own mails that wait: to whom, and the mail."""
        claimed = await self.store.claim(NOW + timedelta(days=1), 1000)
        mails = []
        for one in claimed:
            assert (one.message.origin, one.message.tx.sender) == (Origin.BOUNCE, None)
            (copy,) = one.copies
            mails.append((str(copy.recipient.address), await self.store.content(one.message.number)))
        await self.store.give_back([copy.number for one in claimed for copy in one.copies])
        return mails

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(open_for_reading(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def states(self) -> list[str]:
        return sorted(str(state) for (state,) in self.rows("SELECT state FROM copies WHERE stream <> 'relay-notices'"))

    def lines(self) -> list[Line]:
        rows = self.rows("SELECT recipient, fate, reason, reply FROM reports ORDER BY number")
        return [Line(*map(str, row)) for row in rows]


def play(folder: Path, story: Callable[[Office], object], **how: int) -> None:
    async def run() -> None:
        async with office(folder, **how) as one:
            await story(one)  # type: ignore[misc]

    asyncio.run(run())


@contextlib.asynccontextmanager
async def office(folder: Path, **how: int) -> AsyncIterator[Office]:
    path = folder / "relay.db"
    store = await open_store(path, folder / "withdrawals.journal", PSEUDONYMS)
    try:
        yield Office(store, path, **how)
    finally:
        await store.close()


def status_of(mail: bytes) -> list[dict[str, str]]:
    parts = [part for part in email.message_from_bytes(mail).walk() if part.get_content_type() == "text/plain"]
    groups = [dict(part.items()) for part in parts if "Action" in part]
    assert groups
    return groups
