"""Brings a database to the schema of this version: ordered files under migrations/, each in one transaction.

Caller holds the write lock.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.address_wide import FOLD_VERSION
from relay.consent.pseudonyms import Pseudonyms
from relay.store.port import StoreUnavailableError

#: PRAGMA application_id: the file is ours ("Crly").
_APPLICATION: Final = 0x43726C79
_PEOPLE_KEY: Final = "people-key"
_FOLDING: Final = "fold-version"
_FOLDER: Final = Path(__file__).with_name("migrations")


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """All there are, in order; numbers are 1, 2, 3 ... without gaps."""
    found: list[Migration] = []
    for path in sorted(_FOLDER.glob("*.sql")):
        parts = re.fullmatch(r"(\d{4})_(\w+)", path.stem)
        if parts is None or int(parts[1]) != len(found) + 1:
            raise ValueError(f"migrations/{path.name} is out of order")
        found.append(Migration(int(parts[1]), parts[2], path.read_text(encoding="utf-8")))
    return tuple(found)


def version_of(connection: sqlite3.Connection) -> int:
    """How many migrations the database has seen. Raises StoreUnavailableError when it is not ours."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != _APPLICATION and (application or version or tables):
        raise StoreUnavailableError("the database was made by another program; set [store] url to a file of its own")
    return int(version)


def migrate(connection: sqlite3.Connection) -> tuple[Migration, ...]:
    """Apply what is missing and return it. Raises StoreUnavailableError when the database is newer than this program."""
    every = migrations()
    version = version_of(connection)
    if version > len(every):
        raise StoreUnavailableError(
            f"the store has schema {version}, this version of consent-relay knows {len(every)}; use the newer version"
        )
    for migration in every[version:]:
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id = {_APPLICATION}; {migration.sql};"
                f"PRAGMA user_version = {migration.number}; COMMIT;"
            )
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return every[version:]


def programs_in(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Triggers and views of a database: name, and the text that runs."""
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type NOT IN ('table', 'index')")
    return frozenset((name, sql) for name, sql in rows)


def programs_of(version: int) -> frozenset[tuple[str, str]]:
    """Those that a store of this schema has."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for migration in migrations()[:version]:
            connection.executescript(migration.sql)
        return programs_in(connection)


def keep_people_key(connection: sqlite3.Connection, pseudonyms: Pseudonyms) -> None:
    """Note which key of pseudonyms this store lives with, once. Raises StoreUnavailableError for another one."""
    connection.execute(
        "INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)", (_PEOPLE_KEY, pseudonyms.fingerprint())
    )
    check_people_key(connection, pseudonyms)


def check_people_key(connection: sqlite3.Connection, pseudonyms: Pseudonyms) -> None:
    """With another key the noes of erased people would not be found. Raises StoreUnavailableError."""
    kept = connection.execute("SELECT value FROM meta WHERE name = ?", (_PEOPLE_KEY,)).fetchone()
    if kept is not None and kept[0] != pseudonyms.fingerprint():
        raise StoreUnavailableError(
            f"[keys] people has the key {pseudonyms.fingerprint()}, this store was made with {kept[0]}: with another "
            "key the withdrawals of erased people are not found; put the file back from a backup"
        )


def keep_folding(connection: sqlite3.Connection) -> None:
    """Note by which folding the wide keys of this store were made, once. Raises StoreUnavailableError for another one."""
    connection.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)", (_FOLDING, str(FOLD_VERSION)))
    check_folding(connection)


def check_folding(connection: sqlite3.Connection) -> None:
    """By another folding the noes of some spellings would not be found. Raises StoreUnavailableError."""
    kept = connection.execute("SELECT value FROM meta WHERE name = ?", (_FOLDING,)).fetchone()
    if kept is not None and kept[0] != str(FOLD_VERSION):
        raise StoreUnavailableError(
            f"spellings of one person were brought together by version {kept[0]} in this store, this program does it by "
            f"version {FOLD_VERSION}: the noes of some would not be found; use the version of consent-relay that made it"
        )
