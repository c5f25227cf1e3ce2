"""A store with its journal: what is added, who is forgotten, a file that is put back, and who is named in the end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from store.samples import PSEUDONYMS, committer, fresh_id

from relay.address import Address
from relay.consent.events import NOES, Event
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.facts import read_facts
from relay.store.journal_lines import Entry

CARL = Address("carl", "example.com")


def add(opened: Committer, *events: Event) -> None:
    says_no = any(one.kind in NOES for one in events)
    (result,) = opened.commit(
        [Work(lambda connection: append_events(connection, events, PSEUDONYMS, os.urandom), says_no)]
    )
    assert isinstance(result, tuple), result


def locals_of(entries: Iterable[Entry]) -> list[str]:
    return [entry.address.partition("@")[0] or entry.tombstone for entry in entries]


def no_of(address: Address, opened: Committer) -> bool:
    known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [address])[address]
    return known.withdrawn_at is not None


def roll_back(folder: Path, then: Callable[[Committer], None], before: Callable[[Committer], None]) -> None:
    """`before`, then a copy of the store, then `then`, then the copy is put back."""
    database = folder / "relay.db"
    with committer(folder) as opened:
        before(opened)
    backup = database.read_bytes()
    with committer(folder) as opened:
        then(opened)
    database.write_bytes(backup)


def forgetting(opened: Committer, *addresses: Address, erased: bool = True) -> int:
    """As an erasure does it: a line of the ledger, the people's rows, the journal."""

    def erase(connection: sqlite3.Connection) -> int:
        (sequence,) = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM ledger").fetchone()
        names = "sequence, id, kind, brand, stream, recorded_at, recorder, language, live, own_act, salt"
        connection.execute(
            f"INSERT INTO ledger ({names}) VALUES (?, ?, 'erase', '', '', 1, 'cli', '', 0, 0, x'00')",
            (sequence, fresh_id()),
        )
        for address in addresses:
            wide, tombstone = address.wide, PSEUDONYMS.tombstone(address.wide)
            connection.execute("UPDATE ledger SET address = NULL, wide = NULL WHERE wide = ?", (wide,))
            connection.execute("UPDATE OR REPLACE noes SET wide = ? WHERE wide = ?", (tombstone, wide))
        return opened.journal.forget([one.wide for one in addresses], PSEUDONYMS, connection, erased=erased)

    (result,) = opened.commit([Work(erase)])
    assert isinstance(result, int), result
    return result
