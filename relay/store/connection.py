"""Opens SQLite files the one way that the relay's promises need, and says what an error of SQLite means to them."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from relay.store.port import StoreBrokenError, StoreUnavailableError

#: Seconds to wait for programs that do not take our lock file (a backup, the sqlite3 shell).
_BUSY_TIMEOUT: Final = 5.0
#: Octets that a WAL keeps for what comes next.
_LARGEST_WAL: Final = 8 << 20
#: KiB of pages that a reading connection keeps.
_READING_CACHE: Final = 16 << 10
_BROKEN: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_RIGHT: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
#: Even who only reads a store writes beside it: the index of its WAL.
_WHOSE: Final = "; run this as the relay's own user"
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection whose commits have reached the disk when they return. Makes file and folder, for our eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        sync_folder(path.parent)
    connection = _connect(path, "rw")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Whatever a 250 depends on: with NORMAL a power cut took 300 of 300 acknowledged rows.
        connection.execute("PRAGMA synchronous = FULL")
        # The writer checkpoints itself, after it has answered.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        # After a burst it gives its room back when it begins anew.
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL}")
        # What is deleted is overwritten, wherever SQLite had put it, so that an erased person leaves nothing in the file.
        # For a message of 9 kB that costs nothing to speak of; ending one of 5 MB writes it once more (17 ms of CPU, not 3).
        connection.execute("PRAGMA secure_delete = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Every statement sees all that was committed before it."""
    connection = _connect(path, "rw" if os.access(path, os.W_OK) else "ro")
    connection.execute("PRAGMA query_only = ON")
    # The inner pages of the trees of some ten million addresses. Not mapped into memory: after each commit of another
    # process that costs more than it saves (measured: 55 us a look-up instead of 28), and a broken disk would kill us.
    connection.execute(f"PRAGMA cache_size = -{_READING_CACHE}")
    return connection


def sync_folder(folder: Path) -> None:
    """A new file is only there for good once its folder has reached the disk too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


@contextlib.contextmanager
def errors_of_the_store() -> Iterator[None]:
    """Outages as StoreUnavailableError (`full` told apart), lying disks as StoreBrokenError; bugs stay as they are."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(error) from error
    except OSError as error:
        full = error.errno in _NO_ROOM
        kind = StoreBrokenError if error.errno == errno.EIO else StoreUnavailableError
        words = (error.strerror or str(error)) + (_WHOSE if isinstance(error, PermissionError) else "")
        raise kind(f"{error.filename}: {words}" if error.filename else words, full=full) from error


def _translated(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG):
        return error
    words = f"{error} ({getattr(error, 'sqlite_errorname', code)})"
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return StoreUnavailableError(words, full=True)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # the index beside the WAL could not grow: a full disk says so here
        return StoreUnavailableError(words, full=True)
    if code & 0xFF in _BROKEN:
        return StoreBrokenError(words)
    return StoreUnavailableError(words + (_WHOSE if code & 0xFF in _NO_RIGHT else ""))
