"""Mail in a store that comes from a backup, or from a machine that was rolled back: nobody knows what went out since.

Sending it again could reach people twice, dropping it could lose it, so an operator decides: every copy goes aside. What
is told to clients' owners may be told twice.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from relay.consent.ledger import microseconds
from relay.reply import Reply
from relay.store.connection import errors_of_the_store, open_for_writing
from relay.store.queries import query
from relay.store.schema import version_of

#: The first schema in which mail waits.
_SINCE_SCHEMA: Final = 4


def set_all_aside(connection: sqlite3.Connection, now: datetime) -> int:
    """Inside the caller's transaction; how many copies. Those aside already stay as they are.

    The reply is what the sender reads, should an operator give the copy up.
    """
    reply = Reply(451, "4.3.0", f"set aside on {now:%Y-%m-%d}: nobody knows whether this copy went out before")
    values = (microseconds(now), reply.code, reply.enhanced, reply.text)
    return connection.execute(query("set_all_aside"), values).rowcount


def set_all_aside_in(store: Path, now: datetime) -> int:
    """The same in a file that nobody works on. Raises StoreUnavailableError."""
    with errors_of_the_store(), closing(open_for_writing(store)) as connection:
        if version_of(connection) < _SINCE_SCHEMA:
            return 0
        connection.execute("BEGIN IMMEDIATE")
        count = set_all_aside(connection, now)
        connection.execute("COMMIT")
        return count
