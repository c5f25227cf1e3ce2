"""Messages that wait, for tests of the queue."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from store.samples import event

from relay.address import address_from_text
from relay.consent.events import EventKind
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import new_id
from relay.envelope import Client, Connection, Recipient, Transaction
from relay.queued import Claimed, Fate, NewCopy, NewMessage, Origin, ReportLine, State, Step
from relay.reason import Reason
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.queue import Caps, Done, Handed, claim, claim_failed, take_step

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(bytes(32))
CONTENT = b"From: News <news@news.brand.example>\r\nSubject: Spring\r\n\r\nIt is spring.\r\n"
HOUR = timedelta(hours=1)
ANN, BOB = "ann@example.org", "bob@example.net"

_numbers = itertools.count(1)


def transaction(at: datetime = NOW, *, sender: str = "news@news.brand.example", **more: Any) -> Transaction:
    return Transaction(
        id=new_id(at, os.urandom(10)),
        started=at,
        client=Client("shop"),
        connection=Connection("192.0.2.1", "shop.example", "ESMTP"),
        sender=address_from_text(sender) if sender else None,
        **more,
    )


def copy_to(address: str, state: State = State.QUEUED, *, due: datetime = NOW, **more: Any) -> NewCopy:
    reason = more.pop("reason", Reason.STALE if state is State.HELD else Reason.CONFIRMED)
    return NewCopy(
        decision=f"D{next(_numbers)}",
        recipient=more.pop("recipient", Recipient(address_from_text(address))),
        state=state,
        reason=reason,
        due_at=due,
        **more,
    )


def message_to(
    *copies: NewCopy | str, at: datetime = NOW, stream: str = "newsletter", content: bytes = CONTENT, **more: Any
) -> NewMessage:
    return NewMessage(
        tx=more.pop("tx", None) or transaction(at),
        stream=stream,
        brand="brand",
        content=content,
        copies=tuple(copy_to(copy, due=at) if isinstance(copy, str) else copy for copy in copies),
        origin=more.pop("origin", Origin.CLIENT),
        **more,
    )


def failed(address: str, *, due: datetime = NOW + HOUR) -> NewCopy:
    return copy_to(address, State.FAILED, due=due, reason=Reason.NEXT_HOP_REFUSED)


def line(**more: Any) -> ReportLine:
    fields: dict[str, Any] = {
        "at": NOW, "client": "shop", "brand": "brand", "stream": "newsletter", "message": "M", "decision": "D",
        "sender": "news@brand.example", "recipient": ANN, "fate": Fate.DISCARDED, "reason": Reason.WITHDRAWN,
    }  # fmt: skip
    return ReportLine(**(fields | more))


class Box:
    """A store in a file, as one process works on it. lease: of that process."""

    def __init__(self, folder: Path, lease: str = "me", caps: Caps = Caps()) -> None:  # noqa: B008 - a frozen value
        self.committer = Committer(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS)
        self.lease = lease
        self.caps = caps

    def do(self, run: Callable[[sqlite3.Connection], Any]) -> Any:
        (result,) = self.committer.commit([Work(run)])
        if isinstance(result, BaseException):
            raise result
        return result

    def step(self, step: Step) -> Done:
        done = self.do(lambda c: take_step(c, step, self.lease, self.caps, PSEUDONYMS))
        assert isinstance(done, Done)
        return done

    def accept(self, *messages: NewMessage) -> Done:
        return self.step(Step(messages=messages))

    def claim(self, now: datetime = NOW, most: int = 100, **more: Any) -> tuple[Claimed, ...]:
        handed: Handed = self.do(lambda c: claim(c, self.lease, now, most, **more))
        return handed.claimed

    def says(self, kind: EventKind, who: str = "ann@example.org", *, at: datetime = NOW, **more: Any) -> None:
        one = event(kind, address_from_text(who), at=at, recorded_at=at, **more)
        self.do(lambda c: append_events(c, [one], PSEUDONYMS, os.urandom))

    def all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self.committer.connection.execute(sql, values).fetchall())

    def copies(self) -> list[tuple[str, str, int]]:
        return [
            (row[0], row[1], row[2]) for row in self.all("SELECT address, state, due_at FROM copies ORDER BY number")
        ]

    def states(self) -> list[tuple[str, str]]:
        return [row[:2] for row in self.copies()]

    def reports(self) -> list[tuple[Any, ...]]:
        return self.all("SELECT recipient, fate, reason FROM reports ORDER BY number")


def addresses(box: Box, **more: Any) -> list[str]:
    """To whom a process gets copies that are due."""
    return [str(copy.recipient.address) for one in box.claim(**more) for copy in one.copies]


def failures(box: Box, most: int = 100, at: datetime = NOW) -> list[list[str]]:
    """Of whom it gets failed copies, message by message."""
    handed: Handed = box.do(lambda c: claim_failed(c, "me", at, most))
    return [[str(copy.recipient.address) for copy in one.copies] for one in handed.claimed]
