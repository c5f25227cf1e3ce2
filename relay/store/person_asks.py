"""The mails that asked one person for a new yes, for whoever tells that person, or an operator, what is held of them.

Reads only; the ledger has those that arrived, as requests, here stand those under way and those that did not, too.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from relay.consent.ledger import moment_of
from relay.store.asks import Became
from relay.store.queries import query
from relay.store.rows import loaded


@dataclass(frozen=True, slots=True)
class Question:
    """One such mail. at: when it was queued. became: None while it is under way. settled_at: when that was known."""

    stream: str
    address: str
    at: datetime
    became: Became | None
    settled_at: datetime | None

    @property
    def words(self) -> str:
        """What became of it."""
        return "under way" if self.became is None else _WORDS[self.became]


_WORDS = {
    Became.DELIVERED: "delivered",
    Became.FAILED: "not delivered",
    Became.DROPPED: "not sent, as it was needed no more",
}


def read_questions(connection: sqlite3.Connection, wide: str) -> list[Question]:
    """Of a person, under every spelling; the oldest first. Kept until nobody needs them to know when to ask again."""
    return [
        Question(stream, address, moment_of(at), Became(result) if result else None, loaded(settled_at))
        for stream, address, at, result, settled_at in connection.execute(query("asks_of_person"), (wide,))
    ]
