"""Messages that wait, for tests of the queue."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from relay.address import address_from_text
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import new_id
from relay.envelope import Client, Connection, Recipient, Transaction
from relay.queued import NewCopy, NewMessage, Origin, State
from relay.reason import Reason

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(bytes(32))
CONTENT = b"From: News <news@news.brand.example>\r\nSubject: Spring\r\n\r\nIt is spring.\r\n"
HOUR = timedelta(hours=1)

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
