"""Folds the whole ledger anew and compares: facts, noes and watermarks decide about mail, and no seal covers them.

Person by person, in short reads, so that a running relay is not held up and memory stays small. Reads only.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from relay.address_wide import wide_key
from relay.consent.checking import Checked
from relay.consent.events import Event
from relay.consent.fold import No, fold_person
from relay.consent.ledger import moment_of
from relay.consent.pseudonyms import Pseudonyms
from relay.store.connection import errors_of_the_store
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.rows import Row, event_of, folded_row, no_or_wider, no_row

_PAGE: Final = 500
#: Behind every wide key.
_END: Final = "\U0010ffff"
#: The queue may take so long between a decision and its outcome, in microseconds.
_LONGEST_QUEUE: Final = timedelta(days=10) // timedelta(microseconds=1)


def verify_facts(
    found: Checked,
    connection: sqlite3.Connection,
    pseudonyms: Pseudonyms,
    on_people: Callable[[int], None] = lambda _: None,
) -> int:
    """Everything that was folded, against the ledger; how many people there are. on_people: told how many were looked at.

    Raises StoreUnavailableError.
    """
    people = 0
    with errors_of_the_store():
        after = ""
        while True:
            with _one_look(connection):
                page = [row[0] for row in connection.execute(query("people_after"), (after, _PAGE))]
                if page:
                    _check_people(found, connection, page, after, pseudonyms)
            if not page:
                break
            after = page[-1]
            people += len(page)
            on_people(len(page))
        with _one_look(connection):
            _check_noes(found, {}, connection, after, _END)
        _check_strangers(found, connection)
        _check_watermarks(found, connection)
        _check_erased(found, connection)
    return people


def _check_people(
    found: Checked, connection: sqlite3.Connection, page: Sequence[str], after: str, pseudonyms: Pseudonyms
) -> None:
    events: dict[str, list[Event]] = {}
    unread: set[str] = set()
    last: dict[str, int] = {}
    for row in connection.execute(query("events_of_people"), (json.dumps(page),)):
        try:
            event = event_of(row)
        except UnreadableError as error:
            found.find(row[0], f"line {row[0]}", f"is no event: {error.why}")
            unread.add(row[1])  # what was folded with it cannot be told
            continue
        events.setdefault(row[1], []).append(event)
        last[row[1]] = row[0]
    erased: dict[str, list[No]] = {}
    tombstones = {pseudonyms.tombstone(wide): wide for wide in page}
    for row in connection.execute(query("noes_of_people"), (json.dumps(list(tombstones)),)):
        erased.setdefault(tombstones[row[1]], []).append(no_or_wider(row))
    facts: dict[tuple[str, str], tuple[Row, int]] = {}
    noes: dict[Row, int] = {}
    for wide, theirs in events.items():
        if wide in unread:
            continue
        rows, person_noes = fold_person(theirs, erased.get(wide, ()))
        for (stream, address), folded in rows.items():
            facts[stream, str(address)] = folded_row(stream, address, folded), last[wide]
        noes |= {no_row(no): last[wide] for no in person_noes}
    stored = {(row[0], row[1]): tuple(row) for row in connection.execute(query("facts_of"), (json.dumps(list(facts)),))}
    for key, (expected, line) in facts.items():
        if stored.get(key) != expected:
            what = "missing" if key not in stored else "changed: not what the ledger says"
            found.find(line, f"facts of the person in line {line}, stream {key[0]!r}", what)
    _check_noes(found, noes, connection, after, page[-1], unread=unread)


def _check_noes(
    found: Checked,
    expected: dict[Row, int],
    connection: sqlite3.Connection,
    after: str,
    until: str,
    *,
    unread: Collection[str] = (),
) -> None:
    """The noes of the people between two wide keys are these and no others, but for people in `unread`."""
    stored = {
        (wide, kind, brand, stream, address, at)
        for kind, wide, address, brand, stream, at in connection.execute(query("noes_between"), (after, until))
        if wide not in unread
    }
    for row, line in expected.items():
        if row not in stored:
            found.find(line, f"{row[1]} of the person in line {line}", "missing, or changed: not what the ledger says")
    for row in sorted(stored - expected.keys()):
        found.find(0, f"{row[1]} {_scope(row[2], row[3])}", "added: nothing in the ledger says so")


def _check_strangers(found: Checked, connection: sqlite3.Connection) -> None:
    """Facts of somebody who never asked nor agreed."""
    after = ("", "")
    while rows := connection.execute(query("consents"), ("", *after, _PAGE)).fetchall():
        with _one_look(connection):
            for stream, address in rows:
                local, _, domain = address.rpartition("@")
                wide = wide_key(local[1:-1] if local.startswith('"') else local, domain)
                if not connection.execute(query("is_founded"), (wide, address, stream)).fetchone():
                    gone = not connection.execute(query("facts_of"), (json.dumps([[stream, address]]),)).fetchone()
                    if not gone:
                        found.find(0, f"facts in stream {stream!r}", "added: nothing in the ledger says so")
        after = rows[-1]


def _check_watermarks(found: Checked, connection: sqlite3.Connection) -> None:
    """Outcomes are kept for a while only; older watermarks cannot be checked."""
    first, oldest = connection.execute("SELECT sequence, at FROM decisions ORDER BY sequence LIMIT 1").fetchone() or (
        0,
        0,
    )
    since = oldest + _LONGEST_QUEUE if first > 1 else -(1 << 63)
    after: Sequence[Any] = ("", "")
    while rows := connection.execute(query("watermarks"), (*after[:2], _PAGE)).fetchall():
        for stream, _, at, known in rows:
            if (known is None or known < at) and at >= since:
                found.find(0, f"watermark in stream {stream!r}", f"no delivery at {moment_of(at)} is known")
            elif known is not None and known > at:
                found.find(0, f"watermark in stream {stream!r}", f"a delivery at {moment_of(known)} is left out")
        after = rows[-1]


def _check_erased(found: Checked, connection: sqlite3.Connection) -> None:
    """The newest no of each scope that was said by people who are erased now must still stand under some tombstone."""
    kept = {tuple(row[:3]): row[3] for row in connection.execute(query("kept_noes"))}
    for kind, brand, stream, at in connection.execute(query("erased_noes")):
        if kept.get((kind, brand, stream), -(1 << 63)) < at:
            words = "missing: a line of the ledger that was erased said it, and no tombstone keeps it"
            found.find(0, f"{kind} {_scope(brand, stream)}", words)


def _scope(brand: str, stream: str) -> str:
    return f"from stream {stream!r}" if stream else f"from brand {brand!r}" if brand else "from everything"


@contextlib.contextmanager
def _one_look(connection: sqlite3.Connection) -> Iterator[None]:
    """All questions inside see the same moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
