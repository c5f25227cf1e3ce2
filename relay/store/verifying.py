"""Walks the ledger: every line under every seal, in as many processes as there are cores. Reads only.

Needs nothing but the file of the store, so that an outsider with a copy can do it. Stretches are looked at in any order
and told in the order of lines.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from relay.consent.checking import Checked, check_seal, check_unsealed, name_moved
from relay.consent.ledger import Row, Seal
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.queries import query
from relay.store.schema import migrations

#: Lines and seals of one job, about; small enough for a bar that moves.
_LINES: Final = 50_000
_SEALS: Final = 5_000
#: Lines of the unsealed end that are read at a time.
_PAGE: Final = 10_000
#: From so many lines on, processes are started.
_WORTH_PROCESSES: Final = 100_000
#: What acts by itself in a database.
_ACTING: Final = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'view')"

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Extent:
    """What there is to look at. lines: the number of the last one. sealed: of the last one under a seal."""

    lines: int
    sealed: int
    seals: int


def extent_of(connection: sqlite3.Connection) -> Extent:
    with errors_of_the_store():
        (lines,) = connection.execute(query("last_line")).fetchone()
        row = connection.execute("SELECT number, last FROM seals ORDER BY number DESC LIMIT 1").fetchone()
    seals, sealed = row or (0, 0)
    return Extent(lines, sealed if isinstance(sealed, int) else 0, seals)


def verify_lines(
    path: Path, extent: Extent, *, processes: int = 1, on_lines: Callable[[int], None] = lambda _: None
) -> Checked:
    """All lines and seals up to `extent`. on_lines: told how many were looked at. Raises StoreUnavailableError."""
    found = Checked()
    with errors_of_the_store(), contextlib.closing(open_for_reading(path)) as connection:
        _check_begin(found, connection)
        jobs = list(_jobs(connection, extent))
    for one in _done(path, jobs, processes if extent.lines >= _WORTH_PROCESSES else 1):
        found.add(one)
        on_lines(one.lines)
    with errors_of_the_store(), contextlib.closing(open_for_reading(path)) as connection:
        _check_end(found, connection, extent, on_lines)
    moved = name_moved(found.strange)
    found.findings = [
        replace(one, words=moved[one.line]) if one.about == f"line {one.line}" and one.line in moved else one
        for one in found.findings
    ]
    return found


def verify_wordings(found: Checked, connection: sqlite3.Connection) -> int:
    """Does each text that was shown still have its hash? How many texts there are."""
    count = 0
    number = -(1 << 63)
    while rows := _rows(
        connection, "SELECT number, hash, text FROM wordings WHERE number > ? ORDER BY number LIMIT 100", number
    ):
        for number, digest, text in rows:
            count += 1
            if text is not None and not _has_hash(text, digest):
                found.find(0, f"wording {number}", "changed: its text is not the one that people agreed to")
    return count


def _has_hash(text: object, digest: object) -> bool:
    try:
        return isinstance(text, str) and sha256(text.encode()).hexdigest() == digest
    except UnicodeError:
        return False


def check_stretch(path: Path, first: int, last: int) -> Checked:
    """The seals from number `first` to `last`, and their lines; in a process of its own."""
    found = Checked()
    with errors_of_the_store(), contextlib.closing(open_for_reading(path)) as connection:
        before = _seal_before(connection, first)
        number = first
        while number <= last:
            row = _one(connection, "SELECT min(number) FROM seals WHERE number BETWEEN ? AND ?", number, last)
            if row is None or row[0] is None:
                break
            number = row[0]
            seal = _read_seal(found, connection, number)
            if seal is not None:
                _check_one(found, connection, before, seal)
            before = seal or before
            number += 1
    return found


def _check_one(found: Checked, connection: sqlite3.Connection, before: Seal | None, seal: Seal) -> None:
    first = min(seal.first, seal.last)
    last = min(seal.last, seal.first + len(seal.marks))  # whatever it says, no more than it has marks for
    try:
        rows = _rows(connection, query("lines_between"), first, last)
    except sqlite3.DatabaseError as error:
        found.find(seal.first, f"seal {seal.number}", f"the file is damaged where its lines stand: {error}")
        return
    check_seal(found, before, seal, rows)


def _read_seal(found: Checked, connection: sqlite3.Connection, number: int) -> Seal | None:
    try:
        (row,) = _rows(connection, query("seals"), number, number)
    except (sqlite3.DatabaseError, ValueError) as error:
        found.find(0, f"seal {number}", f"the file is damaged where it stands: {error}")
        return None
    kinds = (int, int, int, int, bytes, bytes)
    if not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        found.find(0, f"seal {number}", "changed: a field is not of its type")
        return None
    return Seal(*row)


def _seal_before(connection: sqlite3.Connection, number: int) -> Seal | None:
    row = _one(connection, "SELECT max(number) FROM seals WHERE number < ?", number)
    return None if row is None or row[0] is None else _read_seal(Checked(), connection, row[0])


@cache
def _acting_of_ours() -> frozenset[tuple[str, str, str]]:
    """Triggers, each with its text, as the migrations make them."""
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        for migration in migrations():
            made.executescript(migration.sql)
        return frozenset(made.execute(_ACTING))


def _check_begin(found: Checked, connection: sqlite3.Connection) -> None:
    """Numbers begin with 1: what stands before that is never walked. And nothing acts by itself but what we made."""
    for kind, name, sql in connection.execute(_ACTING):
        if (kind, name, sql) not in _acting_of_ours():
            found.find(0, f"{kind} {name}", "added: the store has no such, and it may change what is read or written")
    for table, about in (("ledger", "line"), ("seals", "seal")):
        column = "sequence" if table == "ledger" else "number"
        row = _one(connection, f"SELECT min({column}) FROM {table}")  # noqa: S608 - two fixed words
        if row is not None and row[0] is not None and row[0] < 1:
            found.find(0, f"{about} {row[0]}", "added: numbers begin with 1")


def _check_end(found: Checked, connection: sqlite3.Connection, extent: Extent, on_lines: Callable[[int], None]) -> None:
    """The lines that no seal covers yet."""
    last = extent.sealed
    try:
        while rows := _rows(connection, query("lines_between"), last + 1, min(last + _PAGE, extent.lines)):
            check_unsealed(found, last, rows)
            last = rows[-1][0]
            on_lines(len(rows))
        if last < extent.lines:  # a gap longer than a page
            found.find(last + 1, f"line {last + 1}", "missing, and many after it")
    except sqlite3.DatabaseError as error:
        found.find(last + 1, f"line {last + 1}", f"the file is damaged here or behind: {error}")


def _jobs(connection: sqlite3.Connection, extent: Extent) -> Iterator[tuple[int, int]]:
    """Ranges of seals, by number, with some _LINES lines each."""
    begin, previous, lines_from = 1, 0, 0
    try:
        for number, last in connection.execute(
            "SELECT number, last FROM seals WHERE number BETWEEN 1 AND ? ORDER BY number", (extent.seals,)
        ):
            previous = number
            if number - begin >= _SEALS or (isinstance(last, int) and last - lines_from >= _LINES):
                yield begin, number
                begin, lines_from = number + 1, last if isinstance(last, int) else lines_from
    except sqlite3.DatabaseError:  # the walk tells where
        previous = extent.seals
    if previous >= begin:
        yield begin, previous


def _done(path: Path, jobs: list[tuple[int, int]], processes: int) -> Iterator[Checked]:
    if processes < 2 or len(jobs) < 2:
        yield from (check_stretch(path, *job) for job in jobs)
        return
    with ProcessPoolExecutor(min(processes, len(jobs)), _spawn) as pool:
        try:
            yield from (task.result() for task in [pool.submit(check_stretch, path, *job) for job in jobs])
        finally:
            pool.shutdown(cancel_futures=True)


def _one(connection: sqlite3.Connection, sql: str, *values: int) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(sql, values).fetchone()
    return row


def _rows(connection: sqlite3.Connection, sql: str, *values: int) -> list[Row]:
    """Text that is none comes with its octets as surrogates, which no line of ours has."""
    try:
        return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    connection.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.text_factory = str
