"""What a list says of people who were erased, and whose no was kept under their tombstone.

What is nothing new is not taken, so that no list writes an erased address down again; a no that says more always is. One
that a wider no covers, but that names a stream itself, is kept beside it under the tombstone: mail that needs no consent
is stopped only by a no that names it. It has no line in the ledger, so the store owes it to withdrawals.journal.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.consent.events import NOES
from relay.consent.fold import No, no_of_event
from relay.consent.ledger import microseconds
from relay.consent.pseudonyms import Pseudonyms
from relay.store.bundles import Part
from relay.store.erasing import erased_among
from relay.store.queries import query
from relay.store.rows import Row, no_row
from relay.store.told import KIND, WIDE, Ready, event_told

#: Rows of noes_of_people by wide key.
KeptNoes = Mapping[str, Sequence[Row]]


def kept_noes(connection: sqlite3.Connection, wides: Sequence[str], pseudonyms: Pseudonyms) -> KeptNoes:
    """Those of these people who were erased and whose no was kept."""
    (any_at_all,) = connection.execute(query("any_tombstone")).fetchone()
    if not any_at_all:
        return {}
    by_tombstone = {pseudonyms.tombstone(wide): wide for wide in wides}
    kept: dict[str, list[Row]] = {}
    for row in connection.execute(query("noes_of_people"), (json.dumps(list(by_tombstone)),)):
        kept.setdefault(by_tombstone[row[1]], []).append(row)
    return kept


@dataclass(frozen=True, slots=True)
class NothingNew:
    """Of people who were erased and have not come back. gone: whose yeses are left out. covered: whose noes say nothing
    new. to_keep: rows of noes under their tombstones, of streams that only a wider no covers so far.
    """

    gone: frozenset[str] = frozenset()
    covered: frozenset[str] = frozenset()
    to_keep: tuple[Row, ...] = ()


def nothing_new(
    connection: sqlite3.Connection, part: Part, rows: Sequence[Ready], kept: KeptNoes, pseudonyms: Pseudonyms
) -> NothingNew:
    """kept: these people with their noes. What is nothing new writes no address down again, but a no is never turned
    away.
    """
    if not rows:
        return NothingNew()
    say_more: set[str] = set()
    say_yes: set[str] = set()
    narrower: list[No] = []
    for row in rows:
        wide = row[WIDE]
        if part.shape(row)[KIND] not in NOES:
            say_yes.add(wide)
            continue
        no = no_of_event(event_told(part.told(row)))
        if no is None or not _is_covered(no, kept[wide], ("", no.stream)):
            say_more.add(wide)
        elif not _is_covered(no, kept[wide], (no.stream,)):
            narrower.append(no)
    quiet = {row[WIDE] for row in rows} - say_more
    gone = erased_among(connection, quiet, pseudonyms)
    covered = frozenset(wide for wide in quiet if wide in gone or wide not in say_yes)
    to_keep = [no_row(replace(no, wide=pseudonyms.tombstone(no.wide))) for no in narrower if no.wide in covered]
    return NothingNew(gone, covered, tuple(to_keep))


def keep_without_line(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Keep noes of people who were erased; once this is committed as a no, they go to withdrawals.journal, too."""
    connection.executemany(query("put_no"), rows)
    connection.executemany(query("owe_no"), rows)


def _is_covered(no: No, kept: Sequence[Sequence[Any]], streams: Sequence[str]) -> bool:
    """Does one of the noes that were kept, of one of these scopes, say as much, and is it not older?"""
    return any(
        kind in NOES and brand in ("", no.brand) and stream in streams and at >= microseconds(no.at)
        for kind, _, _, brand, stream, at in kept
    )
