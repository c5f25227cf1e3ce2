"""Which notification to a sender tells of which message; known as long as the decision on the notification is.

Holds ids only: whom a notification went to, its decision tells.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from relay.consent.ledger import moment_of
from relay.queued import NewMessage, Origin
from relay.store.queries import query


@dataclass(frozen=True, slots=True)
class Notice:
    """message: id of its own transaction. decision: id of the first one on it. to: "" once that person was erased."""

    message: str
    decision: str
    at: datetime
    to: str


def keep_notice(connection: sqlite3.Connection, new: NewMessage) -> None:
    """Of a message that is taken over, if it is one."""
    if new.origin is Origin.BOUNCE and new.about:
        rows = [(copy.decision, new.about) for copy in new.copies]
        connection.executemany(query("insert_notice"), rows)


def notices_about(connection: sqlite3.Connection, message: str) -> list[Notice]:
    """The oldest first."""
    rows = connection.execute(query("notices_about"), (message,))
    return [Notice(identity, decision, moment_of(at), to or "") for identity, decision, at, to in rows]


def told_of(connection: sqlite3.Connection, notice: str) -> str:
    """The message that a notification, by the id of its own transaction, tells of; "" for any other mail."""
    row = connection.execute(query("told_of"), (notice,)).fetchone()
    return "" if row is None else str(row[0])
