"""A queue with everything real around it: store, policies, rewriting, and a next hop that misbehaves on demand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from faulty_hop import FaultyHop
from journey import CLIENT, MAIL, NEWS, NEWSLETTER, NOW, ORDERS, PSEUDONYMS, RECEIPTS, TOKENS, signer
from patience import LONG

from relay.address import Address, address_from_text
from relay.config.settings import AskingSettings, HostPort, Mode, NextHop
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.decision import Decision, new_id
from relay.disposal import Forwarder
from relay.envelope import Client, Connection, Recipient, Transaction
from relay.outbound.attempt import NextHops
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.policy.notices import stream_of
from relay.queued import NewCopy, NewMessage, Origin, State, Step
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.rewriting import Rewriter
from relay.store.connection import open_for_reading
from relay.store.sqlite import SqliteStore, open_store
from relay.tokens import seal
from relay.workers.asking import Asker
from relay.workers.asking_mail import AskingMail
from relay.workers.backoff import Backoff
from relay.workers.delivery import Deliveries
from relay.workers.own_mail import OwnMail
from relay.workers.queue import QueueWorker
from relay.workers.settling import Terms

TERMS: Final = Terms(
    (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)),
    timedelta(days=5),
    timedelta(days=30),
)


@dataclass
class Yard:
    """later: what the clock is ahead of NOW."""

    store: SqliteStore
    hop: FaultyHop
    next_hops: NextHops
    rewriter: Rewriter
    policies: Policies
    path: Path
    backoff: Backoff
    clients: Sequence[Client] = (CLIENT,)
    mode: Mode = Mode.ENFORCE
    later: timedelta = timedelta(0)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def clock(self) -> datetime:
        return NOW + self.later + timedelta(microseconds=next(self.numbers))

    def identifier(self) -> str:
        return new_id(self.clock(), next(self.numbers).to_bytes(10))

    @property
    def deliveries(self) -> Deliveries:
        return Deliveries(
            store=self.store,
            policies=lambda: self.policies,
            forwarder=Forwarder(next_hops=self.next_hops, rewriter=self.rewriter, clock=self.clock),
            clients=self.clients,
            terms=TERMS,
            mode=self.mode,
            clock=self.clock,
            randomness=lambda size: next(self.numbers).to_bytes(size),
        )

    def worker(self) -> QueueWorker:
        return QueueWorker(
            store=self.store,
            deliveries=self.deliveries,
            backoff=self.backoff,
            routes=self.next_hops.routes,
            expire=TERMS.expire,
            clock=self.clock,
        )

    def asker(self, **rules: Any) -> Asker:
        """rules: of [asking]."""
        return Asker(
            store=self.path,
            journal=self.path.parent / "withdrawals.journal",
            pseudonyms=PSEUDONYMS,
            policies=lambda: self.policies,
            rules=AskingSettings(**rules),
            write=AskingMail(
                partial(seal, TOKENS), "https://mail.brand.example", "relay.brand.example", one_click=True
            ),
            own=OwnMail(mail_domain="relay.brand.example", randomness=lambda size: next(self.numbers).to_bytes(size)),
            clock=self.clock,
            trouble=lambda: "",
        )

    async def queue(
        self,
        *addresses: str,
        stream: str = "newsletter",
        sender: Address | None = NEWS,
        content: bytes = MAIL,
        state: State = State.QUEUED,
        reason: Reason = Reason.CONFIRMED,
        due_in: timedelta = timedelta(0),
        client: Client = CLIENT,
        origin: Origin = Origin.CLIENT,
        about: str = "",
    ) -> str:
        """A message that waits, with a decision for each of its copies; its id."""
        now = self.clock()
        tx = Transaction(self.identifier(), now, client, Connection("192.0.2.7", "shop.example", "ESMTP"), sender)
        verdict = Verdict.HOLD if state is State.HELD else Verdict.DELIVER
        decisions, copies = [], []
        known = stream_of(self.policies, stream)
        for text in addresses:
            address = address_from_text(text)
            decision = Decision(
                id=self.identifier(),
                at=now,
                message=tx.id,
                client=client.name,
                stream=stream,
                brand="" if known is None else known.brand,
                sender=tx.sender_text,
                recipient=address,
                verdict=verdict,
                reasons=(reason,),
                status="",
                facts={},
                policy="",
                reply=Reply(250, "2.0.0", "taken"),
            )
            decisions.append(decision)
            copies.append(NewCopy(decision.id, Recipient(address), state, reason, now + due_in))
        message = NewMessage(tx, stream, "" if known is None else known.brand, content, tuple(copies), origin, about)
        await self.store.commit(Step(decisions=tuple(decisions), messages=(message,)))
        return tx.id

    def go_on(self) -> bool:
        return not self.stopping.is_set()

    async def deliver_due(self) -> int:
        """One round over what is due, without the loop; how many copies it was."""
        claimed = await self.store.claim(self.clock(), 1000)
        await asyncio.gather(*(self.deliveries.deliver(one, self.go_on) for one in claimed))
        await self.store.flush()
        return sum(len(one.copies) for one in claimed)

    async def yes(self, *addresses: str, days_ago: float = 30, stream: str = "newsletter") -> None:
        for text in addresses:
            await self._append(
                EventKind.CONFIRM,
                text,
                NOW - timedelta(days=days_ago),
                stream=stream,
                basis=Basis.DOUBLE_OPT_IN,
                act=Act.CLICKED,
                evidence=Evidence(form_url="https://brand.example/form"),
            )

    async def no(self, address: str, stream: str = "newsletter") -> None:
        await self._append(EventKind.WITHDRAW, address, self.clock(), stream=stream)

    async def _append(self, kind: EventKind, address: str, at: datetime, **more: Any) -> None:
        event = Event(
            id=self.identifier(),
            kind=kind,
            address=address_from_text(address),
            brand="brand",
            at=at,
            recorded_at=self.clock(),
            source="test",
            recorder="test",
            **more,
        )
        await self.store.append([event])

    # --- what there is now

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(open_for_reading(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def states(self) -> list[tuple[str, str, str]]:
        """Address, state, reason."""
        return self.rows("SELECT address, state, reason FROM copies ORDER BY number")

    def reported(self) -> list[tuple[str, str, str]]:
        return self.rows("SELECT recipient, fate, reason FROM reports ORDER BY number")

    def decided(self) -> list[tuple[str, str]]:
        """Verdict and reasons of all decisions, in their order."""
        return self.rows("SELECT verdict, reasons FROM decisions ORDER BY rowid")

    def outcomes(self) -> list[tuple[str, int]]:
        return self.rows("SELECT result, code FROM outcomes ORDER BY sequence")

    def wait(self) -> timedelta:
        """Until the next attempt of the one copy there is."""
        ((due_at,),) = self.rows("SELECT due_at FROM copies")
        return timedelta(microseconds=due_at) - (self.clock() - datetime.fromtimestamp(0, NOW.tzinfo))

    def got(self) -> list[str]:
        """Recipients of what reached the next hop."""
        commands = [command for message in self.hop.messages for command in message.commands]
        return [one.decode().split("<")[1].split(">")[0] for one in commands if one.upper().startswith(b"RCPT")]


@contextlib.asynccontextmanager
async def yard(
    folder: Path, *, newsletter: str = NEWSLETTER, mode: Mode = Mode.ENFORCE, **script: Any
) -> AsyncIterator[Yard]:
    """script: of the FaultyHop."""
    (folder / "policies").mkdir(exist_ok=True)
    for name, text in {"newsletter": newsletter, "receipts": RECEIPTS}.items():
        (folder / "policies" / f"{name}.toml").write_text(text)
    path = folder / "relay.db"
    backoff = Backoff(300.0)
    async with FaultyHop(**script) as hop:
        next_hops = NextHops(
            [NextHop(HostPort("127.0.0.1", hop.port))],
            "relay.brand.example",
            heard=lambda route, reachable: backoff.heard(route, reachable=reachable),
        )
        store = await open_store(path, folder / "withdrawals.journal", PSEUDONYMS)
        rewriter = Rewriter(
            dkim={"brand.example": (signer(),)},
            seal=partial(seal, TOKENS),
            hostname="relay.brand.example",
            mail_domain="relay.brand.example",
            public_url="https://mail.brand.example",
            is_local=False,
            clock=lambda: NOW,
        )
        policies = load_policies(folder / "policies", NOW)
        try:
            yield Yard(store, hop, next_hops, rewriter, policies, path, backoff, mode=mode)
        finally:
            await store.close()
            await next_hops.close()


def in_yard(folder: Path, story: Callable[[Yard], Awaitable[None]], **options: Any) -> None:
    async def play() -> None:
        async with yard(folder, **options) as there:
            await story(there)

    asyncio.run(play())


async def until(true: Callable[[], bool], seconds: float = LONG) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is in a file, or in another process
            await asyncio.sleep(0.01)


__all__ = ["NEWS", "ORDERS", "TERMS", "Yard", "in_yard", "until", "yard"]
