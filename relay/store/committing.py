"""Commits groups of writes in one transaction: lock, BEGIN IMMEDIATE, all of them, COMMIT with the data on disk.

Synchronous: a transaction runs from beginning to end in one call, so nothing that happens to a waiting task can leave
it half open. The relay calls this on its writing thread (`relay.store.grouping`), commands call it directly.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from relay.consent.pseudonyms import Pseudonyms
from relay.store.connection import errors_of_the_store, open_for_writing
from relay.store.journal import Journal
from relay.store.lock import WriteLock
from relay.store.port import StoreBehindError, StoreUnavailableError
from relay.store.schema import Migration, keep_folding, keep_people_key, migrate
from relay.store.unfinished import require_finished

#: Above this many octets the WAL is copied into the database.
_CHECKPOINT_ABOVE: Final = 4 << 20
#: Room kept for withdrawals when the disk is full, or a part of the free room where that is small.
_RESERVE: Final = 1 << 20
_RESERVE_PART: Final = 16
#: Room that large contents leave to everything else.
_HEADROOM: Final = 512 << 10


@dataclass(frozen=True, slots=True)
class Work:
    """One write. run: called inside the transaction; may be called again after a rollback. says_no: a withdrawal is
    among it, which goes to the journal and may use the reserve.
    """

    run: Callable[[sqlite3.Connection], Any]
    says_no: bool = False


def _file_at(path: Path) -> tuple[int, int]:
    """Which file it is, whatever its name."""
    found = path.stat()
    return found.st_dev, found.st_ino


class Committer:
    """Owns the one writing connection of a process.

    Opening migrates. Raises StoreUnavailableError; StoreBehindError when the store is behind its journal, unless
    `behind_is_fine`.
    """

    def __init__(self, path: Path, journal: Path, pseudonyms: Pseudonyms, *, behind_is_fine: bool = False) -> None:
        self.path = path
        self.pseudonyms = pseudonyms
        self._reserve = Path(f"{path}.reserve")
        self.journal = Journal(journal)
        self._open = contextlib.ExitStack()
        with errors_of_the_store(), contextlib.ExitStack() as opening:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = WriteLock(path)
            opening.callback(self._lock.close)
            with self._lock:
                require_finished(path)
                self.connection = open_for_writing(path)
                opening.callback(self.connection.close)
                self._file = _file_at(path)
                self.applied: tuple[Migration, ...] = migrate(self.connection)
                keep_people_key(self.connection, pseudonyms)
                keep_folding(self.connection)
                if not self.journal.is_ahead_of(self.connection):
                    self.journal.lacks_nothing_of(self.connection)
                elif not behind_is_fine:
                    raise StoreBehindError(self.journal.path)
            self._reserve_octets = min(_RESERVE, shutil.disk_usage(path.parent).free // _RESERVE_PART)
            if self._reserve_octets and not self._keep_reserve():
                self._reserve_octets = 0
            self._grown = 0
            self._open = opening.pop_all()

    def has_room_for(self, octets: int) -> bool:
        """Asked inside a transaction, before it writes so much: could the WAL still be copied into the database then?

        A WAL that fills the disk cannot, and what it holds would keep the room for ever.
        """
        self._grown += octets
        free = shutil.disk_usage(self.path.parent).free
        return free >= self._wal_octets() + 2 * self._grown + _HEADROOM

    def commit(self, works: Sequence[Work]) -> list[Any]:
        """What each work returned; the exception in the place of one that could not be done because of itself.

        Raises StoreUnavailableError when none could be done, StoreBrokenError when the process has to stop.
        """
        with errors_of_the_store(), self._lock:
            self._require_our_file()
            results = self._commit_around_the_unfit(works)
            if any(work.says_no for work in works):
                self._write_journal()
            return results

    def _require_our_file(self) -> None:
        """What is written into a file that a restore has put aside would be lost."""
        if _file_at(self.path) != self._file:
            raise StoreUnavailableError("another file stands in its place now (was a backup restored?): start again")

    def _write_journal(self) -> None:
        try:
            self.journal.lacks_nothing_of(self.connection)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self._reserve.unlink(missing_ok=True)
            self.journal.lacks_nothing_of(self.connection)

    def _commit_around_the_unfit(self, works: Sequence[Work]) -> list[Any]:
        try:
            if self._reserve_octets and not self._keep_reserve():
                return self._noes_only(works)
            return self._transaction(works)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_FULL:
                raise
            return self._noes_only(works)
        except OSError:
            raise
        except Exception as error:
            if type(error) is sqlite3.DatabaseError:  # damaged; its subclasses are the work's own fault
                raise
            # Whatever one work raises must not take the others with it.
            if len(works) == 1:
                return [error]
            return [result for work in works for result in self._commit_around_the_unfit([work])]

    def _transaction(self, works: Sequence[Work]) -> list[Any]:
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        self._grown = 0
        try:
            results = [work.run(connection) for work in works]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _noes_only(self, works: Sequence[Work]) -> list[Any]:
        """The disk is full: withdrawals are written all the same, into room that was kept for them."""
        full = StoreUnavailableError("no space left on the disk", full=True)
        noes = [work for work in works if work.says_no]
        if not noes:
            return [full] * len(works)
        self._reserve.unlink(missing_ok=True)
        done = iter(self._transaction(noes))
        return [next(done) if work.says_no else full for work in works]

    def _keep_reserve(self) -> bool:
        """Is the reserve there (again)? While it is not, it was used: what room there is belongs to withdrawals."""
        if self._reserve.exists():
            return True
        try:
            file = os.open(self._reserve, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, self._reserve_octets)
            finally:
                os.close(file)
        except FileExistsError:
            return True  # another process was faster
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def forget(self, wides: Collection[str], *, erased: bool) -> None:
        """What erased people left outside of the tables goes, too: their lines in the journal, and old pages in the WAL.

        erased: at their own wish. May be repeated. Raises StoreUnavailableError, also when somebody reads the store
        without an end, which keeps the WAL from being emptied.
        """
        with errors_of_the_store():
            with self._lock:
                file, end = self.journal.begin()
            with file:
                looked = self.journal.look_for(wides, file, end)  # takes long; mail goes on meanwhile
                with self._lock:
                    self._require_our_file()
                    self.journal.forget(wides, self.pseudonyms, self.connection, erased=erased, looked=looked)
        with errors_of_the_store(), self._lock:
            (busy, _, _) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise StoreUnavailableError(
                    f"{self.path}-wal: another program reads the store without an end, so old pages stay there; "
                    "end it and say this again"
                )

    def checkpoint(self, above: int = _CHECKPOINT_ABOVE) -> int:
        """Copy a grown WAL into the database; it then begins anew when no reader is in the way. Its size in octets."""
        with errors_of_the_store():
            octets = self._wal_octets()
            if octets > above:
                self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            return octets

    def _wal_octets(self) -> int:
        try:
            return Path(f"{self.path}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        self._open.close()
