"""Values that the tests of the store are made of."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import Decision, Outcome, Result, new_id
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.store.committing import Committer
from relay.store.told import Block, Parsed, Told

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = Address("ann", "example.com")
TAGGED = Address("Ann+news", "example.com")
BOB = Address("bob", "example.com")
PSEUDONYMS = Pseudonyms(bytes(range(32)))


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def fresh_id() -> str:
    return new_id(NOW, os.urandom(10))


def event(kind: EventKind, address: Address = ANN, **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": fresh_id(),
        "brand": "brand",
        "stream": "newsletter",
        "at": ago(10),
        "recorded_at": NOW,
        "source": "test",
        "recorder": "test",
    }
    return Event(kind=kind, address=address, **(fields | more))


def grant(address: Address = ANN, **more: Any) -> Event:
    return event(EventKind.GRANT, address, **({"basis": Basis.DOUBLE_OPT_IN, "act": Act.CLICKED} | more))


def withdraw(address: Address = ANN, **more: Any) -> Event:
    return event(EventKind.WITHDRAW, address, **({"at": ago(5)} | more))


def decision(recipient: Address | None = ANN, **more: Any) -> Decision:
    fields: dict[str, Any] = {
        "id": fresh_id(),
        "at": NOW,
        "message": fresh_id(),
        "client": "local",
        "stream": "newsletter",
        "brand": "brand",
        "sender": "news@brand.example",
        "verdict": Verdict.DELIVER,
        "reasons": (Reason.CONFIRMED,),
        "status": "confirmed",
        "facts": {"yes": {"basis": "double-opt-in"}},
        "policy": "ab" * 32,
        "reply": Reply(250, "2.1.5", "accepted"),
    }
    return Decision(recipient=recipient, **(fields | more))


def outcome(of: Decision, **more: Any) -> Outcome:
    fields: dict[str, Any] = {
        "at": NOW,
        "result": Result.DELIVERED,
        "reply": Reply(250, "2.0.0", "queued"),
        "next_hop": "127.0.0.1:25",
        "seconds": 0.25,
        "footer": "added",
    }
    return Outcome(of.id, **(fields | more))


def contact(of: Decision, address: Address = ANN, at: datetime = NOW, stream: str = "newsletter") -> Outcome:
    return outcome(of, at=at, contact=True, address=address, stream=stream)


@contextmanager
def committer(folder: Path, **more: Any) -> Iterator[Committer]:
    opened = Committer(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS, **more)
    try:
        yield opened
    finally:
        opened.close()


def block_of(number: int, tolds: Sequence[Told]) -> Block:
    """What `tolds_in` reads."""
    return number, marshal.dumps(list(tolds))


def tolds_in(block: Block) -> Parsed:
    number, octets = block
    told = marshal.loads(octets)
    return Parsed(told, extra=(number, len(told), os.getpid()))
