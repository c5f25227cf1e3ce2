"""Puts a backup in place: unpacks it aside, checks all of it, and only then touches anything.

What is replaced is kept in a folder of its own. withdrawals.journal never goes back: what is there stays, and gets what
only the backup's has. While files are exchanged a mark stands beside the store; a restore that was cut short is thereby
known, and nothing opens the store until it was done again. The caller holds relay.lock.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from relay.consent.pseudonyms import Pseudonyms
from relay.message.dkim import DkimKeyError, load_key
from relay.store.backup import Manifest, Role
from relay.store.connection import errors_of_the_store, open_for_reading, sync_folder
from relay.store.journal import Journal
from relay.store.journal_lines import Entry, LineError, read
from relay.store.keys import KeyFileError, load_pseudonyms
from relay.store.lock import WriteLock
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.schema import migrations, programs_in, programs_of, version_of
from relay.store.unfinished import mark_of
from relay.store.unpacking import BackupError
from relay.tokens import is_key_id

#: What SQLite and we keep beside a database that goes with it.
_BESIDE_STORE: Final = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that gets a new content. staged: where it stands now. name: under which the old one is kept."""

    staged: Path
    destination: Path
    name: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a restore would do. replaced: files that are there and differ, or have no place beside the restored ones."""

    store: Placed
    journal: Placed
    files: tuple[Placed, ...]
    replaced: tuple[Placed, ...]
    removed: tuple[Path, ...]


def check_store(staged: Path, manifest: Manifest, people_key: Path | None) -> None:
    """The copy of the store and its key: sound, ours, not newer than this version, and of one piece with the manifest.

    Raises BackupError.
    """
    try:
        with errors_of_the_store(), closing(open_for_reading(staged)) as store:
            store.execute("PRAGMA trusted_schema = OFF")
            _check_schema(store, manifest)
            (found,) = store.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise BackupError(f"the store in the backup is damaged: {found}")
            head = (store.execute(query("head_line")).fetchone() or (0, ""))[:2]
            if tuple(head) != (manifest.line, manifest.line_id):
                raise BackupError("the store in the backup does not end where its manifest says")
    except StoreUnavailableError as error:
        raise BackupError(f"the store in the backup cannot be used: {error}") from None
    if manifest.people_key:
        if people_key is None:
            raise BackupError("the backup lacks the key of tombstones (people.key) that its store was made with")
        if _pseudonyms(people_key).fingerprint() != manifest.people_key:
            raise BackupError("people.key in the backup is not the key that its store was made with")


def _check_schema(store: sqlite3.Connection, manifest: Manifest) -> None:
    version = version_of(store)
    if version != manifest.schema:
        raise BackupError("the store in the backup has another schema than its manifest says")
    if version > len(migrations()):
        raise BackupError(
            f"the backup has schema {version}, this version of consent-relay knows {len(migrations())}; "
            f"use version {manifest.version} or newer"
        )
    if not set(programs_in(store)) <= programs_of(version):
        raise BackupError("the store in the backup holds triggers or views, which no store of ours has")


def check_keys(staged: Mapping[Path, Role]) -> None:
    """Every key is one. Raises BackupError."""
    for path, role in staged.items():
        try:
            if role in (Role.TOKEN_KEY, Role.ADDRESSES_KEY):
                _pseudonyms(path)
            if role is Role.TOKEN_KEY and not is_key_id(path.stem):
                raise BackupError(f"{path.name} in the backup is no name of a token key")
            if role is Role.DKIM_KEY:
                load_key(path.read_bytes())
        except (KeyFileError, DkimKeyError) as error:
            raise BackupError(f"{path.name} in the backup is no key: {str(error).rpartition(': ')[2]}") from None


def _pseudonyms(path: Path) -> Pseudonyms:
    try:
        return load_pseudonyms(path)
    except KeyFileError:
        raise BackupError(f"{path.name} in the backup is no key") from None


def plan(store: Placed, journal: Placed, files: tuple[Placed, ...], extra: tuple[Path, ...]) -> Exchange:
    """extra: files that are there, are of the kinds that are restored, and are not in the backup."""
    wanted = [one for one in files if not _is_same(one)]
    replaced = [one for one in wanted if one.destination.exists()]
    if store.destination.exists():
        replaced.insert(0, store)
    return Exchange(store, journal, tuple(wanted), tuple(replaced), extra)


def carry_out(exchange: Exchange, aside: Path) -> int:
    """Exchange everything; how many withdrawals and erasures the restored store lacks. aside: folder for what was there.

    Raises OSError, StoreUnavailableError (a journal that cannot be read).
    """
    exchange.store.destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(WriteLock(exchange.store.destination)) as lock, lock:
        return _exchanged(exchange, aside)


def _exchanged(exchange: Exchange, aside: Path) -> int:
    store = exchange.store.destination
    for one in (exchange.store, exchange.journal, *exchange.files):
        one.destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    merged, lacking = _merged(exchange)
    mark = mark_of(store)
    mark.write_text(f"db restore was cut short; what was there before is in {aside}\n", "utf-8")
    sync_folder(mark.parent)
    for path in exchange.removed:
        _aside(path, aside / "removed" / path.name)
    _put(merged, exchange.journal.destination)
    for one in exchange.files:
        _aside(one.destination, aside / one.name)
        _put(one.staged, one.destination)
    for suffix in ("", *_BESIDE_STORE):
        _aside(Path(f"{store}{suffix}"), aside / f"{exchange.store.name}{suffix}")
    _put(exchange.store.staged, store)
    mark.unlink()
    sync_folder(mark.parent)
    return lacking


def _merged(exchange: Exchange) -> tuple[Path, int]:
    """Both journals as one beside the backup's, and how many of its lines the restored store lacks."""
    ours, theirs = exchange.journal.destination, exchange.journal.staged
    merged = theirs.with_name("journal.merged")
    there = {_key(entry) for _, entry in _lines(ours)}
    only_theirs = (line for line, entry in _lines(theirs) if _key(entry) not in there)
    _write(merged, chain(only_theirs, (line for line, _ in _lines(ours))))
    with errors_of_the_store(), closing(open_for_reading(exchange.store.staged)) as store:
        missing = list(Journal(merged).missing_in(store))
        is_seen = Journal(merged).is_ahead_of(store)
    if missing and not is_seen:
        # Neither journal goes on where the other ends: the last line has to be one that the store lacks.
        line = next(line for line, entry in _lines(merged) if entry == missing[-1])
        _write(merged, chain((one for one, _ in _lines(merged)), [line]))
    return merged, len(missing)


def _key(entry: Entry) -> tuple[str, ...]:
    """A no stays the same when its person is erased. One without a line of its own is known by what it says."""
    if entry.has_line:
        return entry.kind, entry.id
    when = "" if entry.at is None else entry.at.isoformat()
    return entry.kind, entry.id, entry.tombstone, entry.brand, entry.stream, when


def _lines(path: Path) -> Iterator[tuple[bytes, Entry]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield line, read(line)
            except LineError as error:
                raise StoreUnavailableError(
                    f"{path}: line {number} {error}; correct or delete it if you know which withdrawal it was"
                ) from None


def _write(path: Path, lines: Iterable[bytes]) -> None:
    draft = path.with_name(f"{path.name}.new")
    with open(draft, "wb", opener=_private) as file:
        file.writelines(lines)
    draft.rename(path)


def _put(staged: Path, destination: Path) -> None:
    """Whole or not at all, on disk, for our eyes only."""
    draft = destination.with_name(f".{destination.name}.restored")
    try:
        staged.rename(draft)
    except OSError:  # another file system
        with staged.open("rb") as source, open(draft, "wb", opener=_private) as file:
            shutil.copyfileobj(source, file, 1 << 20)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.rename(destination)
    sync_folder(destination.parent)


def _aside(path: Path, kept: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while kept.exists():
        kept = kept.with_name(f"{kept.name}.before")
    try:
        path.rename(kept)
    except OSError:
        shutil.move(path, kept)
    sync_folder(path.parent)
    sync_folder(kept.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_same(one: Placed) -> bool:
    if not one.destination.is_file():
        return False
    return one.destination.read_bytes() == one.staged.read_bytes()
