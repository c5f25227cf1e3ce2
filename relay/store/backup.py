"""Writes one file that holds all a relay needs to be set up again, while it runs.

The file is a plain tar, in this order: README.txt; relay.db, a consistent copy of the store; then withdrawals.journal,
so that it is never behind the copy; relay.toml, policies, keys; the heads of the ledger that were signed before the
copy; manifest.json with the length and hash of each. The manifest is the end: a file that was cut short has none. What
is left out: certificates, and files with passwords that relay.toml names.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from relay import __version__
from relay.config.load import shipped_policies
from relay.config.settings import Settings
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.schema import version_of

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
README: Final = "README.txt"
STORE: Final = "relay.db"
#: Pages copied between two looks at the progress; nobody waits for them.
_PAGES: Final = 2048
_README: Final = """\
A backup of consent-relay. It holds keys and personal data: keep it secret.
To restore it: consent-relay db restore FILE --into FOLDER
withdrawals.journal of the machine that it comes from may be newer than the one here: keep that one.
"""

#: Octets done, and of how many.
Progress = Callable[[int, int], None]


class Role(StrEnum):
    """What a file is for, which says where it belongs."""

    STORE = "store"
    JOURNAL = "journal"
    SETTINGS = "settings"
    POLICY = "policy"
    TOKEN_KEY = "token-key"  # noqa: S105 - a kind of file
    PEOPLE_KEY = "people-key"
    ADDRESSES_KEY = "addresses-key"
    LEDGER_KEY = "ledger-key"
    DKIM_KEY = "dkim-key"
    HEADS = "heads"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in a backup. name: in the archive. path: where it was, relative to relay.toml's folder if it lay in it."""

    name: str
    role: Role
    path: str
    octets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """line, line_id: the last line of the ledger. people_key: fingerprint of the key of pseudonyms."""

    at: datetime
    version: str
    schema: int
    line: int
    line_id: str
    people_key: str
    files: tuple[Stored, ...]

    def octets(self) -> bytes:
        values = {"format": FORMAT, **asdict(self), "at": self.at.isoformat()}
        return json.dumps(values, indent=1, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that belongs into a backup."""

    name: str
    role: Role
    path: Path


def sources_of(settings: Settings) -> Iterator[Source]:
    """All files but the store, those that are there. Settings that come from the environment are not among them."""
    journal = settings.store.journal
    yield Source("withdrawals.journal", Role.JOURNAL, journal)
    if settings.file is not None:
        yield Source("relay.toml", Role.SETTINGS, settings.file)
    if settings.policies != shipped_policies():
        for path in policy_files(settings.policies):
            yield Source(f"policies/{path.relative_to(settings.policies).as_posix()}", Role.POLICY, path)
    for path in sorted(settings.keys.tokens.glob("[!.]*.key")):
        yield Source(f"keys/tokens/{path.name}", Role.TOKEN_KEY, path)
    yield Source("keys/people.key", Role.PEOPLE_KEY, settings.keys.people)
    yield Source("keys/addresses.key", Role.ADDRESSES_KEY, settings.keys.addresses)
    yield Source("keys/ledger.pem", Role.LEDGER_KEY, settings.keys.ledger)
    for name, path in dkim_files(settings).items():
        yield Source(name, Role.DKIM_KEY, path)
    yield Source("ledger.heads", Role.HEADS, settings.ledger.heads)


def policy_files(folder: Path) -> list[Path]:
    """Policies and what lies beside them (templates of footers, profiles), without hidden files."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def dkim_files(settings: Settings) -> dict[str, Path]:
    """The key files by their names in the archive."""
    keys = {key.key: key for several in settings.dkim.values() for key in several}
    return {f"keys/dkim/{_plain(key.domain)}.{_plain(key.selector)}.pem": path for path, key in keys.items()}


def write_backup(
    settings: Settings, out: BinaryIO, folder: Path, now: datetime, on_progress: Progress = lambda _done, _all: None
) -> Manifest:
    """Write a backup to `out`, from its beginning to its end. folder: where the copy of the store stands meanwhile, with
    room for it. Nobody waits for it: readers of SQLite's WAL hold up no writer. Raises StoreUnavailableError, OSError.
    """
    path = settings.store.path
    if not path.exists():
        raise StoreUnavailableError("there is no store yet; consent-relay db migrate makes one")
    # Heads that are signed from now on may speak of seals that the copy has not.
    heads = settings.ledger.heads
    signed = heads.stat().st_size if heads.exists() else 0
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, README, io.BytesIO(_README.encode()), len(_README.encode()), now)
        with errors_of_the_store(), _copy_of(path, folder, on_progress) as (copy, facts):
            octets = os.fstat(copy.fileno()).st_size
            told = _Told(copy, lambda done: on_progress(octets + done, 2 * octets))
            files = [Stored(STORE, Role.STORE, _place(path, settings), octets, _add(archive, STORE, told, octets, now))]
        for source in sources_of(settings):
            with contextlib.suppress(FileNotFoundError), source.path.open("rb") as file:
                octets = signed if source.role is Role.HEADS else os.fstat(file.fileno()).st_size
                digest = _add(archive, source.name, file, octets, now)
                files.append(Stored(source.name, source.role, _place(source.path, settings), octets, digest))
        manifest = Manifest(now, __version__, *facts, tuple(files))
        _add(archive, MANIFEST, io.BytesIO(manifest.octets()), len(manifest.octets()), now)
    return manifest


@contextlib.contextmanager
def _copy_of(path: Path, folder: Path, on_progress: Progress) -> Iterator[tuple[BinaryIO, tuple[int, int, str, str]]]:
    """The store as it is at one moment, and what its manifest says of it: schema, last line, its id, the people's key.

    The copy has no name any more when it is filled: whatever ends us takes it away.
    """
    draft = folder / f".{path.name}.{os.getpid()}.copy"
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    with contextlib.ExitStack() as stack:
        stack.callback(draft.unlink, missing_ok=True)
        copy = stack.enter_context(draft.open("rb"))
        into = stack.enter_context(contextlib.closing(sqlite3.connect(draft, isolation_level=None)))
        into.execute("PRAGMA journal_mode = OFF")
        into.execute("PRAGMA synchronous = OFF")
        into.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        draft.unlink()
        with contextlib.closing(open_for_reading(path)) as store:
            # A snapshot: without it, SQLite would begin anew whenever another process has written.
            store.execute("BEGIN")
            facts = _facts(store)

            def told(_status: int, remaining: int, pages: int) -> None:
                octets = pages * page_size
                on_progress(octets - remaining * page_size, 2 * octets)

            (page_size,) = store.execute("PRAGMA page_size").fetchone()
            store.backup(into, pages=_PAGES, progress=told)
        yield copy, facts


def _facts(store: sqlite3.Connection) -> tuple[int, int, str, str]:
    line, identity = (store.execute(query("head_line")).fetchone() or (0, ""))[:2]
    kept = store.execute("SELECT value FROM meta WHERE name = 'people-key'").fetchone()
    return version_of(store), line, identity, kept[0] if kept else ""


def _add(archive: tarfile.TarFile, name: str, file: BinaryIO | _Told, octets: int, now: datetime) -> str:
    """Its SHA-256. What the file has grown by meanwhile is left out."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = octets, int(now.timestamp()), 0o600
    hashing = _Hashing(file)
    archive.addfile(member, hashing)  # type: ignore[arg-type]  # it asks for `read` alone
    return hashing.digest.hexdigest()


class _Hashing:
    def __init__(self, file: BinaryIO | _Told) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, octets: int) -> bytes:
        part = self._file.read(octets)
        self.digest.update(part)
        return part


class _Told:
    def __init__(self, file: BinaryIO, on_octets: Callable[[int], None]) -> None:
        self._file = file
        self._on_octets = on_octets
        self._done = 0

    def read(self, octets: int) -> bytes:
        part = self._file.read(octets)
        self._done += len(part)
        self._on_octets(self._done)
        return part


def _place(path: Path, settings: Settings) -> str:
    return str(path.relative_to(settings.folder) if path.is_relative_to(settings.folder) else path)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.-]", "_", text.lower()).lstrip(".")
