"""Mail that waits in the shop's store, for tests of the commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.shop import Shop
from store.waiting import copy_to, message_to, transaction

from relay.address import Address
from relay.decision import Decision, Outcome, Result, new_id
from relay.queued import Fate, NewMessage, ReportLine, State, Step
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.store import queue
from relay.store.committing import Work
from relay.store.waiting import Waiting, WaitingMail, WantedCopies

HOUR = timedelta(hours=1)
GREYLISTED = Reply(451, "4.7.1", "greylisted, come back")


def now() -> datetime:
    """Of each call: in a long run of tests, that of the module's beginning is long ago."""
    return datetime.now(UTC)


def take(shop: Shop, *messages: NewMessage, **step: Any) -> None:
    """Into the shop's store, as the relay does."""

    def run(connection: Any) -> None:
        done = queue.take_step(connection, Step(messages=messages, **step), "lease", queue.Caps(), committer.pseudonyms)
        assert isinstance(done, queue.Done), done

    with shop.store() as committer:
        (result,) = committer.commit([Work(run)])
    assert result is None, result


def change(shop: Shop, sql: str, *values: object) -> None:
    with shop.store() as committer:
        committer.commit([Work(lambda connection: connection.execute(sql, values) and None)])


def waiting(shop: Shop, **wanted: Any) -> Sequence[Waiting]:
    with shop.store() as committer:
        return WaitingMail(committer.connection, committer.path).copies(WantedCopies(**wanted))


def queued(recipient: str = "ann@example.org", *, hours: float = 2, next_in: float = 0.5, **more: Any) -> NewMessage:
    """Accepted so many hours ago, deferred once, to be tried again in so many hours."""
    at = now() - hours * HOUR
    copy = copy_to(
        recipient,
        due=now() + next_in * HOUR,
        attempts=1,
        last=GREYLISTED,
        next_hop="hop.example:25",
        reason=Reason.NEXT_HOP_DEFERRED,
    )
    return message_to(copy, at=at, tx=more.pop("tx", transaction(at)), **more)


def held(
    recipient: str = "hal@example.org", *, hours: float = 2, reason: Reason = Reason.STALE, **more: Any
) -> NewMessage:
    at = now() - hours * HOUR
    copy = copy_to(recipient, State.HELD, due=now() + 14 * 24 * HOUR, reason=reason)
    return message_to(copy, at=at, tx=more.pop("tx", transaction(at)), **more)


def decision_on(message: NewMessage, verdict: Verdict = Verdict.DELIVER, **more: Any) -> Decision:
    copy = message.copies[0]
    fields: dict[str, Any] = {
        "id": new_id(message.tx.started, bytes(10)),
        "reply": Reply(250, "2.0.0", "taken over"),
        "reasons": (Reason.CONFIRMED,),
    }
    return Decision(
        at=message.tx.started,
        message=message.tx.id,
        client="shop",
        stream=message.stream,
        brand=message.brand,
        sender=message.tx.sender_text,
        recipient=copy.recipient.address,
        verdict=verdict,
        status="confirmed",
        facts={},
        policy="",
        **(fields | more),
    )


def deferred(decision: Decision) -> Outcome:
    return Outcome(decision.id, decision.at, Result.DEFERRED, GREYLISTED, "hop.example:25", 0.1)


def report_line(recipient: str = "rob@example.org", *, hours: float = 2, **more: Any) -> ReportLine:
    fields: dict[str, Any] = {
        "client": "local",
        "brand": "brand",
        "stream": "newsletter",
        "message": "M",
        "decision": "D",
        "sender": "news@brand.example",
        "fate": Fate.DISCARDED,
        "reason": Reason.WITHDRAWN,
    }
    return ReportLine(at=now() - hours * HOUR, recipient=recipient, **(fields | more))


def address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain)
