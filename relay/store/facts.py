"""Reads what is known of several addresses in one query. Synchronous; a fresh read each time, never a cache."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from relay.address import Address
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.consent.fold import NOTHING_FOLDED, No, facts_of
from relay.consent.pseudonyms import Pseudonyms
from relay.store.queries import query
from relay.store.rows import Row, folded_of, loaded, no_of

#: json.dumps makes an encoder each time, which takes a fifth of a look-up.
_encode: Final = json.JSONEncoder(check_circular=False, ensure_ascii=False, separators=(",", ":")).encode


def read_facts(
    connection: sqlite3.Connection, pseudonyms: Pseudonyms, brand: str, stream: str, addresses: Sequence[Address]
) -> dict[Address, Facts]:
    """Facts of each address in the stream of the brand; every address is in the result."""
    people = [(str(address), address.wide) for address in addresses]
    by_place = rows_of_facts(connection, pseudonyms, brand, stream, people)
    return {address: facts_in_rows(stream, by_place[place]) for place, address in enumerate(addresses)}


def rows_of_facts(
    connection: sqlite3.Connection, pseudonyms: Pseudonyms, brand: str, stream: str, people: Sequence[tuple[str, str]]
) -> dict[int, list[Row]]:
    """What `facts_in_rows` reads, by the places of these addresses and wide keys."""
    asked = _encode([[text, wide, pseudonyms.tombstone(wide)] for text, wide in people])
    by_place: dict[int, list[Row]] = {}
    for row in connection.execute(query("facts"), (stream, brand, asked)):
        by_place.setdefault(row[0], []).append(row)
    return by_place


def facts_in_rows(stream: str, rows: Sequence[Row]) -> Facts:
    """One row for each no, or one without; what stands before the no is the same in all."""
    contact_at = loaded(rows[0][16])
    noes: list[No] = [no_of(row[17:]) for row in rows if row[17] is not None]
    folded = folded_of(rows[0][1:16])
    if folded is NOTHING_FOLDED and not noes and contact_at is None:
        return NOTHING_KNOWN
    return facts_of(folded, noes, contact_at, stream)
