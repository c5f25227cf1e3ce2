"""The newest time that stands in the store: a clock that is behind it is wrong, or was wrong before."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from relay.consent.ledger import moment_or_last
from relay.store.queries import query

_RIGHT: Final = "clock-is-right"


def newest_recorded(connection: sqlite3.Connection) -> datetime | None:
    """When the last events and decisions were recorded; None when there are none, or an operator has said that they
    were recorded by a clock that was ahead.
    """
    kept = connection.execute("SELECT value FROM meta WHERE name = ?", (_RIGHT,)).fetchone()
    after = kept[0].split() if kept else (0, 0)
    (newest,) = connection.execute(query("newest_recorded"), (int(after[0]), int(after[1]))).fetchone()
    return None if newest is None else moment_or_last(newest)


def clock_is_right(connection: sqlite3.Connection) -> None:
    """What was recorded so far no longer says that the clock is behind: an operator knows that it is right now."""
    (event,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM ledger").fetchone()
    (decision,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM decisions").fetchone()
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (_RIGHT, f"{event} {decision}"))
