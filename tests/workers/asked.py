"""People whose mail waits for their yes, for tests of asking them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final

from faulty_hop import Action, Session
from workers.yard import Yard

from relay.consent.events import RELAY
from relay.queued import State
from relay.reason import Reason

ANN: Final = "ann@example.org"
BEN: Final = "ben@example.org"
CAT: Final = "cat@example.org"
DAY: Final = timedelta(days=1)
_STALE: Final[dict[str, Any]] = {"state": State.HELD, "reason": Reason.STALE, "due_in": timedelta(days=30)}


def refusing(*addresses: str) -> Action:
    async def action(session: Session) -> None:
        refused = any(f"<{address}>".encode() in session.commands[-1] for address in addresses)
        session.say(b"550 5.7.1 not from you\r\n" if refused else b"250 2.1.5 ok\r\n")

    return action


async def ask(there: Yard, **rules: Any) -> int:
    return await asyncio.to_thread(there.asker(**rules).ask_who_waits)


def requests(there: Yard) -> list[tuple[str, str, bool]]:
    """Address, source and whether the mail has left, in the order of the ledger."""
    rows = there.rows("SELECT address, source, mail_sent_at, recorder, live FROM ledger WHERE kind = 'request'")
    assert all(recorder == RELAY and live for *_, recorder, live in rows)
    return [(address, source, sent is not None) for address, source, sent, *_ in rows]


def held(there: Yard) -> list[tuple[str, bool, float]]:
    """Address, whether its person was asked, and days until it is given up."""
    epoch = (there.clock().timestamp()) * 1e6
    rows = there.rows("SELECT address, asked_at, due_at FROM copies WHERE state = 'held' ORDER BY number")
    return [(address, asked is not None, round((due - epoch) / 86_400e6, 1)) for address, asked, due in rows]


async def hold(there: Yard, *addresses: str, stream: str = "newsletter") -> None:
    await there.store.next_due(there.clock())
    for address in addresses:
        await there.queue(address, stream=stream, **_STALE)


async def stale(there: Yard, *addresses: str) -> None:
    await there.yes(*addresses, days_ago=400)
    await hold(there, *addresses)
