"""Seals what was committed to the ledger: digests are made beside the writing, only the finished seal takes its turn.

Any number of processes and commands may do this at the same time: one works, the others find nothing to do, and under
the write lock it is decided whose seal comes next. A crash at any moment leaves lines that the next one seals.
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relay.consent.ledger import DIGEST_OCTETS, Seal, UnsoundError, digest, microseconds, seal_after
from relay.store.connection import errors_of_the_store, open_for_reading, open_for_writing
from relay.store.lock import WriteLock
from relay.store.port import StoreUnavailableError
from relay.store.queries import query

#: Lines of one seal: the write lock is held for one row of 64 kB and its way to the disk.
MOST_LINES: Final = 8192
#: Seconds between two looks whether it is our turn.
_LOOK_AGAIN: Final = 0.02
#: Seals after which the WAL is copied into the database.
_CHECKPOINT_EVERY: Final = 64
#: From so many lines on, several processes make digests.
_WORTH_PROCESSES: Final = 100_000

_spawn = multiprocessing.get_context("spawn")


class Sealer:
    """Seals one store. Use it from one thread at a time; `close` it in the end. Raises StoreUnavailableError.

    now: for the time in the seals.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self._now = now
        self._put_since_checkpoint = 0
        with errors_of_the_store(), contextlib.ExitStack() as opening:
            self._turn = os.open(f"{path}.sealing", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            opening.callback(os.close, self._turn)
            self._lock = WriteLock(path)
            opening.callback(self._lock.close)
            self._writing = open_for_writing(path)
            opening.callback(self._writing.close)
            self._reading = open_for_reading(path)
            opening.callback(self._reading.close)
            self._open = opening.pop_all()

    def close(self) -> None:
        self._open.close()

    @contextlib.contextmanager
    def turn(self, *, patience: float = 0.0) -> Iterator[bool]:
        """Work alone inside; False when another process goes on working on it for so many seconds."""
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(_LOOK_AGAIN)
        try:
            yield True
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def last(self) -> Seal | None:
        """The last seal."""
        with errors_of_the_store():
            row = self._reading.execute(query("last_seal")).fetchone()
            return None if row is None else Seal(*row)

    def place_of(self, number: int) -> tuple[int, str] | None:
        """Last line and hash of the seal with this number."""
        with errors_of_the_store():
            return place_of(self._reading, number)

    def unsealed(self) -> int:
        """How many lines no seal covers yet."""
        with errors_of_the_store():
            (last,) = self._reading.execute(query("last_line")).fetchone()
            (sealed,) = self._reading.execute("SELECT coalesce(max(last), 0) FROM seals").fetchone()
            return max(0, int(last) - int(sealed))

    def step(self, most: int = MOST_LINES) -> int:
        """Seal the next lines, at most so many, inside `turn`; how many."""
        last = self.last()
        begin = 1 if last is None else last.last + 1
        with errors_of_the_store():
            digests = _digests(self._reading, begin, begin + most - 1)
        return self._put(last, digests) if digests else 0

    def seal_all(self, on_lines: Callable[[int], None] = lambda _: None, processes: int = 1) -> int:
        """Seal everything, as a stream, inside `turn`; how many lines. on_lines: told how many were sealed."""
        sealed = 0
        waiting = self.unsealed()
        if processes > 1 and waiting >= _WORTH_PROCESSES:
            sealed += self._seal_with(processes, waiting, on_lines)
        while lines := self.step():
            on_lines(lines)
            sealed += lines
        return sealed

    def _seal_with(self, processes: int, waiting: int, on_lines: Callable[[int], None]) -> int:
        last = self.last()
        begin = 1 if last is None else last.last + 1
        starts = iter(range(begin, begin + waiting, MOST_LINES))
        sealed = 0
        with ProcessPoolExecutor(processes, _spawn) as pool:
            running: deque[Future[bytes]] = deque()
            try:
                while True:
                    while len(running) < 2 * processes and (start := next(starts, None)) is not None:
                        end = min(start + MOST_LINES, begin + waiting) - 1
                        running.append(pool.submit(digests_of, self.path, start, end))
                    if not running:
                        return sealed
                    digests = running.popleft().result()
                    lines = self._put(last, _split(digests)) if digests else 0
                    if not lines:
                        return sealed
                    sealed += lines
                    on_lines(lines)
                    last = self.last()
            finally:
                pool.shutdown(cancel_futures=True)

    def _put(self, last: Seal | None, digests: list[bytes]) -> int:
        """Add the seal behind `last`; 0 when another process was faster."""
        seal = seal_after(last, digests, microseconds(self._now()))
        with errors_of_the_store(), self._lock:
            self._writing.execute("BEGIN IMMEDIATE")
            try:
                (number,) = self._writing.execute("SELECT coalesce(max(number), 0) FROM seals").fetchone()
                if number != seal.number - 1:
                    self._writing.execute("ROLLBACK")
                    return 0
                self._writing.execute(query("insert_seal"), (*seal.numbers, seal.marks, seal.hash))
                self._writing.execute("COMMIT")
            except BaseException:
                if self._writing.in_transaction:
                    self._writing.execute("ROLLBACK")
                raise
        self._put_since_checkpoint += 1
        if self._put_since_checkpoint >= _CHECKPOINT_EVERY:
            self._put_since_checkpoint = 0
            with errors_of_the_store():
                self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return len(digests)


def place_of(connection: sqlite3.Connection, number: int) -> tuple[int, str] | None:
    """Last line and hash of the seal with this number, None without such a seal."""
    if number >= 1 << 63:
        return None
    row = connection.execute("SELECT last, hash FROM seals WHERE number = ?", (number,)).fetchone()
    return None if row is None else (row[0], row[1].hex() if isinstance(row[1], bytes) else "")


def digests_of(path: Path, first: int, last: int) -> bytes:
    """Digests of these lines, one behind the other; in a process of its own."""
    with errors_of_the_store(), contextlib.closing(open_for_reading(path)) as connection:
        return b"".join(_digests(connection, first, last))


def _split(digests: bytes) -> list[bytes]:
    return [digests[start : start + DIGEST_OCTETS] for start in range(0, len(digests), DIGEST_OCTETS)]


def seal_in_the_background(path: Path) -> None:
    """For a process of its own, that gets out of the way of mail: seal everything, in turn with others."""
    os.nice(10)
    with contextlib.closing(Sealer(path)) as sealer, sealer.turn() as mine:
        if mine:
            sealer.seal_all()


def _digests(connection: sqlite3.Connection, first: int, last: int) -> list[bytes]:
    """Of the lines from first on, as long as there are no gaps. Raises StoreUnavailableError at what is no line."""
    digests: list[bytes] = []
    for row in connection.execute(query("lines_between"), (first, last)):
        expected = first + len(digests)
        why = "it is missing" if row[0] != expected else ""
        if not why:
            try:
                digests.append(digest(row))
            except UnsoundError as error:
                why = str(error)
        if why and not digests:
            raise StoreUnavailableError(
                f"line {expected} of the ledger cannot be sealed: {why}; consent-relay consent verify tells more"
            )
        if why:
            break
    return digests
