"""Reads all that is known of the people of a stream in one pass, in order of addresses; for reports over everybody.

In short reads, a page each, so that no reader keeps the WAL from being emptied; what is written meanwhile may be seen or
not, and nobody is seen twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Final

from relay.address_wide import wide_key
from relay.consent.facts import Facts
from relay.consent.fold import No, facts_of
from relay.consent.pseudonyms import Pseudonyms
from relay.store.queries import query
from relay.store.rows import folded_of, loaded, no_of

_PAGE: Final = 2000


def all_facts(
    connection: sqlite3.Connection, pseudonyms: Pseudonyms, brand: str, stream: str
) -> Iterator[tuple[str, Facts]]:
    """Every address that ever was asked or said yes in the stream, in canonical form, and its facts, as `read_facts`."""
    after = ""
    while rows := connection.execute(query("sweep"), (stream, after, _PAGE)).fetchall():
        wides = [_wide(row[0]) for row in rows]
        noes = _noes(connection, pseudonyms, brand, stream, wides)
        for row, wide in zip(rows, wides, strict=True):
            standing = [no for no in noes.get(wide, ()) if no.address in ("", row[0])] if noes else ()
            yield row[0], facts_of(folded_of(row[1:16]), standing, loaded(row[16]), stream)
        after = rows[-1][0]


def count_facts(connection: sqlite3.Connection, stream: str) -> int:
    """How many addresses `all_facts` gives."""
    count: int = connection.execute(query("sweep_count"), (stream,)).fetchone()[0]
    return count


def _noes(
    connection: sqlite3.Connection, pseudonyms: Pseudonyms, brand: str, stream: str, wides: list[str]
) -> dict[str, list[No]]:
    """By wide key; those of erased people stand under their tombstones in the store."""
    keys = {wide: wide for wide in wides}
    (any_erased,) = connection.execute(query("any_tombstone")).fetchone()
    if any_erased:
        keys |= {pseudonyms.tombstone(wide): wide for wide in wides}
    found: dict[str, list[No]] = {}
    for row in connection.execute(query("sweep_noes"), (json.dumps(list(keys)), brand, stream)):
        no = no_of(row)
        found.setdefault(keys[no.wide], []).append(no)
    return found


def _wide(text: str) -> str:
    """The wide key of a canonical address; faster than building it."""
    local, _, domain = text.rpartition("@")
    return wide_key(local[1:-1] if local.startswith('"') else local, domain)
