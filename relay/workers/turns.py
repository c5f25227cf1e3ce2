"""What one process does for all of them, now and then: whoever sees first that it is time takes the turn.

A turn is a row of the table `meta` with the moment of the next one, claimed in a transaction, so that it is taken once,
however many processes look.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.consent.ledger import microseconds, moment_of

_TAKE: Final = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
_NEXT: Final = "SELECT value FROM meta WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Turn:
    """name: in `meta`. every: from one turn to the next. spread: the next one comes up to so much later, so that many
    relays do not keep the same minute.
    """

    name: str
    every: timedelta
    spread: timedelta = timedelta(0)

    def is_due(self, connection: sqlite3.Connection, now: datetime) -> bool:
        """A time further ahead than we ever set was set by a clock that was wrong."""
        row = connection.execute(_NEXT, (self.name,)).fetchone()
        if row is None:
            return True
        due = moment_of(int(row[0]))
        return now >= due or due > now + self.every + self.spread

    def take(self, connection: sqlite3.Connection, now: datetime, part: float = 0.0) -> bool:
        """Is it ours? Inside a transaction, because another process may have been faster. part: from 0 to 1, of `spread`."""
        if not self.is_due(connection, now):
            return False
        connection.execute(_TAKE, (self.name, str(microseconds(now + self.every + part * self.spread))))
        return True
