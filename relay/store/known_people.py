"""What a list adds to the histories of people who are known: read and folded ahead of the transaction that writes it.

The transaction has only to see that nothing came in between. Whatever is unusual is left to `relay.store.appending`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from relay.store.appending import count_wordings
from relay.store.bundles import Part
from relay.store.queries import query
from relay.store.quick_fold import Said, quick_fold, said_of
from relay.store.rows import Row
from relay.store.told import (
    TOLD_AT,
    TOLD_LANGUAGE,
    TOLD_RECORDED,
    TOLD_WORDING,
    WIDE,
    Ready,
    Told,
    line_of_told,
)

#: Lines that others added meanwhile, above which nobody looks whom they concern.
_LOOKED_AT: Final = 500


@dataclass(frozen=True, slots=True)
class Folded:
    """What a transaction has only to write. rows, told: the same, with and without what the tables need beside it.
    lines, facts, noes: for the tables. left: rows that it is not for.
    """

    rows: list[Ready] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    noes: list[Row] = field(default_factory=list)
    left: list[Ready] = field(default_factory=list)


def fold_ahead(connection: sqlite3.Connection, part: Part, rows: Sequence[Ready], erased: Collection[str]) -> Folded:
    """erased: people who were, ever; they are left."""
    people: dict[str, list[Ready]] = {}
    for row in rows:
        people.setdefault(row[WIDE], []).append(row)
    histories: dict[str, list[Said]] = {}
    for said in connection.execute(query("histories"), (json.dumps(list(people)),)):
        histories.setdefault(said[WIDE], []).append(said)
    folded = Folded()
    for wide, theirs in people.items():
        told = [part.told(row) for row in theirs]
        quick = None if wide in erased else quick_fold(histories.get(wide, ()), list(map(said_of, told)))
        if quick is None:
            folded.left.extend(theirs)
            continue
        facts, noes = quick
        folded.rows.extend(theirs)
        folded.told.extend(told)
        folded.lines.extend(line_of_told(one, row) for one, row in zip(told, theirs, strict=True))
        folded.facts.extend(facts)
        folded.noes.extend(noes)
    return folded


def others_met(connection: sqlite3.Connection, last: int, rows: Sequence[Ready]) -> bool:
    """Do the lines after `last` concern one of these people, as far as can be told soon?"""
    since = connection.execute(query("lines_since"), (last, _LOOKED_AT + 1)).fetchall()
    people = {row[WIDE] for row in rows}
    return len(since) > _LOOKED_AT or any(wide is None or wide in people for (wide,) in since)


def write_folded(connection: sqlite3.Connection, folded: Folded, texts: Mapping[str, str]) -> None:
    """texts: words by their hash."""
    shown = (
        (told[TOLD_WORDING], told[TOLD_LANGUAGE], told[TOLD_RECORDED] if told[TOLD_AT] is None else told[TOLD_AT])
        for told in folded.told
        if told[TOLD_WORDING]
    )
    count_wordings(connection, shown, texts)
    connection.executemany(query("insert_told"), folded.lines)
    connection.executemany(query("put_facts"), folded.facts)
    connection.executemany(query("put_no"), folded.noes)


def ids_of(connection: sqlite3.Connection, wides: Sequence[str]) -> dict[str, set[str]]:
    """The ids of events of those of these people who are known."""
    if not wides:
        return {}
    (any_of_them,) = connection.execute(query("anyone_between"), (min(wides), max(wides))).fetchone()
    if not any_of_them:
        return {}
    ids: dict[str, set[str]] = {}
    for wide, identity in connection.execute(query("ids_of_people"), (json.dumps(wides),)):
        ids.setdefault(wide, set()).add(identity)
    return ids
