"""withdrawals.journal: every withdrawal and complaint once more, outside of the database, fsynced before it is confirmed.

A database restored from a backup would send to people who have said no since. The journal tells that it is behind, and
gives back what it lacks. One line a no, in the order of commits; each names its line of the ledger, so that neither
reading nor comparing ever walks through the ledger. Noes that have no line there, only a tombstone, the store owes it
(`owed_noes`) until they stand in it. Every call that writes happens under the write lock.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from relay.consent.events import Event, EventKind
from relay.consent.ledger import moment_of
from relay.consent.pseudonyms import Pseudonyms
from relay.log import get_logger
from relay.store.connection import sync_folder
from relay.store.growing_file import copy, end_of_whole_lines, last_line, write_all
from relay.store.journal_lines import MARK, Entry, LineError, may_name, read, write, write_row
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.rows import address_of, no_row

#: Lines written in one go.
_TOGETHER: Final = 5000


class JournalDamagedError(StoreUnavailableError):
    """A line of the journal cannot be read. Nobody knows which withdrawal it was, so nothing may be sent."""

    def __init__(self, path: Path, which: str, why: str) -> None:
        super().__init__(
            f"{path}: {which} {why}; put the file back from a backup, or correct or delete that line if you know which "
            "withdrawal it was"
        )


@dataclass(frozen=True, slots=True)
class Looked:
    """Where people may stand in the first octets of a journal. lines: that end there. places: where a line begins, and
    its number.
    """

    inode: int
    end: int
    lines: int
    places: tuple[tuple[int, int], ...]


NOWHERE: Final = Looked(0, 0, 0, ())


class Journal:
    """The file is made when the first no comes, for our eyes only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first_look = True

    def stamp(self) -> tuple[int, int, int]:
        """Differs from an earlier one once somebody may have said no since, in any process. One look, no lock."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return (0, 0, 0)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def lacks_nothing_of(self, connection: sqlite3.Connection) -> None:
        """Bring the journal up to the ledger: after a commit, and after a crash between a commit and its journal.

        One that is gone is written anew, for the ledger has all that it held. Raises OSError (the journal then ends
        where it ended before) and StoreUnavailableError.
        """
        last = self.last()
        gone = last is None
        position = 0 if last is None else _line_of(last, connection)
        if position is None:
            raise StoreUnavailableError(f"the store lacks what {self.path} has; nothing is added to it")
        owed = connection.execute(query("owed_noes")).fetchall()
        new_lines = self._new_lines(connection, position, everything=gone)
        written = self._append(chain(new_lines, _without_line(connection, owed)))
        if owed:
            _settled(connection)
        if gone and written and self._first_look:
            get_logger().warning(
                "journal-rebuilt",
                path=str(self.path),
                lines=written,
                why="the file was missing and was written anew from the store; if the store was restored from a "
                "backup, put the newest journal back first: it has the withdrawals since",
            )
        self._first_look = False

    def is_ahead_of(self, connection: sqlite3.Connection) -> bool:
        """Does the ledger lack what the journal has? Lines stand in the order of commits, so the last one tells."""
        last = self.last()
        if last is None:
            return False
        return _line_of(last, connection) is None or (last.lineless and not _is_kept(last, connection))

    def missing_in(self, connection: sqlite3.Connection) -> Iterator[Entry]:
        """What the ledger lacks, in order: noes, with address or tombstone, and erasures."""
        return (entry for entry in self.entries() if entry.kind != MARK and not _is_known(entry, connection))

    def mark(self, connection: sqlite3.Connection) -> None:
        """Say that nothing is missing up to the last line of the ledger; after a replay, whose lines have new numbers."""
        self._append([_mark(connection)])

    def begin(self) -> tuple[BinaryIO, int]:
        """The file, and octets of whole lines in it, which stay as they are. The caller closes it behind `forget`: as long
        as it is open, no other file has its inode.
        """
        file = self._open()
        end = end_of_whole_lines(file.fileno())
        file.seek(0)
        return file, end

    def look_for(self, wides: Collection[str], file: BinaryIO, end: int) -> Looked:
        """Where these people may stand up to `end`; needs no lock, and takes most of the time of `forget`."""
        if not wides:
            return NOWHERE
        is_worth_reading = may_name(wides)
        found: list[tuple[int, int]] = []
        place = number = 0
        while place < end and (line := file.readline()):
            number += 1
            if is_worth_reading(line):
                found.append((place, number))
            place += len(line)
        return Looked(os.fstat(file.fileno()).st_ino, place, number, tuple(found))

    def forget(
        self,
        wides: Collection[str],
        pseudonyms: Pseudonyms,
        connection: sqlite3.Connection,
        *,
        erased: bool = True,
        looked: Looked = NOWHERE,
    ) -> int:
        """Take people out, whom `wides` names: their noes stay as tombstones. How many lines were changed.

        connection: the writing one, after the line of the erasure was added. erased: each person gets a line that says
        so, for a restored backup has to forget them, too. looked: for the same people. A file that is changed is another
        file: written whole beside the old one and put in its place, so whoever reads the old one reads on undisturbed.
        Raises as lacks_nothing_of.
        """
        self.lacks_nothing_of(connection)
        if not wides:
            return 0
        tombstones = {wide: pseudonyms.tombstone(wide) for wide in wides}
        known: dict[str, datetime] = {}
        changed = 0

        def line_without_them(line: bytes, entry: Entry) -> bytes:
            nonlocal changed
            if entry.kind == EventKind.ERASE and entry.recorded_at is not None:
                known[entry.tombstone] = max(known.get(entry.tombstone, entry.recorded_at), entry.recorded_at)
            tombstone = tombstones.get(address_of(entry.address).wide) if entry.address else None
            if tombstone is None:
                return line
            changed += 1
            known.pop(tombstone, None)  # somebody who came back: erased once more
            return write(entry.forgotten(tombstone))

        draft = self._draft(line_without_them, may_name(wides), looked)
        try:
            if changed:
                draft.rename(self.path)
                sync_folder(self.path.parent)
        finally:
            draft.unlink(missing_ok=True)
        if erased:
            self._append(self._erasures(connection, tombstones.values(), known))
        return changed

    def _erasures(
        self, connection: sqlite3.Connection, tombstones: Collection[str], known: Mapping[str, datetime]
    ) -> Iterator[bytes]:
        """Those that the journal does not know (known: since when it does), bound to the last line of the ledger, so that
        a store from before the erasure is found to be behind. The time is that of the erasure: who has come back between
        it and now must not be erased by a replay; who has come back and asked once more must be.
        """
        for sequence, identity, recorded_at in connection.execute(query("head_line")):
            for tombstone in tombstones:
                (at,) = connection.execute(query("erasure_of"), (tombstone,)).fetchone() or (recorded_at,)
                moment = moment_of(at)
                if tombstone in known and known[tombstone] >= moment:
                    continue
                entry = Entry(EventKind.ERASE.value, sequence, identity, tombstone=tombstone, recorded_at=moment)
                yield write(entry)

    def entries(self) -> Iterator[Entry]:
        """All that was written, in order; a line torn by a crash was never confirmed to anybody and is left out.

        Raises JournalDamagedError at a line that cannot be read.
        """
        with self._open() as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield self._read(number, line)

    def events(self) -> Iterator[Event]:
        """The noes of people who were not erased, in order."""
        return (entry.event() for entry in self.entries() if entry.address)

    def last(self) -> Entry | None:
        """The last whole line; None when there is none."""
        with self._open() as file:
            line = last_line(file)
        if not line:
            return None
        try:
            return read(line)
        except LineError as error:
            raise JournalDamagedError(self.path, "its last line", str(error)) from None

    def _new_lines(self, connection: sqlite3.Connection, position: int, *, everything: bool) -> Iterator[bytes]:
        tombstones = connection.execute(query("journal_tombstones")).fetchall() if everything else []
        for kind, wide, brand, stream, at in tombstones:
            moment = moment_of(at)
            yield write(Entry(kind, 0, "", "", wide, brand, stream, moment, moment))
        for row in connection.execute(query("journal_noes"), (position,)):
            yield write_row(row)
        if tombstones:  # they belong to no line, and by the last one a store from before is known
            yield _mark(connection)

    def _read(self, number: int, line: bytes) -> Entry:
        try:
            return read(line)
        except LineError as error:
            raise JournalDamagedError(self.path, f"line {number}", str(error)) from None

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            return Path(os.devnull).open("rb")

    def _draft(
        self, changed: Callable[[bytes, Entry], bytes], is_worth_reading: Callable[[bytes], bool], looked: Looked
    ) -> Path:
        """The file anew under another name, on disk. changed: called with the lines that are worth reading."""
        draft = self.path.with_name(f".{self.path.name}.draft")
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with self._open() as file, os.fdopen(descriptor, "wb", buffering=1 << 20) as new:
                if os.fstat(file.fileno()).st_ino != looked.inode:  # another process has forgotten somebody
                    looked = NOWHERE
                for place, number in looked.places:
                    copy(file, new, place - file.tell())
                    line = file.readline()
                    new.write(changed(line, self._read(number, line)))
                copy(file, new, looked.end - file.tell())
                for number, line in enumerate(file, looked.lines + 1):
                    if line.endswith(b"\n"):  # else torn: never confirmed to anybody
                        is_read = is_worth_reading(line)
                        new.write(changed(line, self._read(number, line)) if is_read else line)
                new.flush()
                os.fsync(new.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return draft

    def _append(self, lines: Iterable[bytes]) -> int:
        """How many. The file is not touched for none."""
        lines = iter(lines)
        group = _next(lines)
        if not group:
            return 0
        new = not self.path.exists()
        if new:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = 0
        file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            end = end_of_whole_lines(file)
            os.ftruncate(file, end)  # what a crash left half written
            os.lseek(file, end, os.SEEK_SET)
            try:
                while group:
                    write_all(file, b"".join(group))
                    written += len(group)
                    group = _next(lines)
            except BaseException:
                os.ftruncate(file, end)
                raise
            os.fsync(file)
        finally:
            os.close(file)
        if new:
            sync_folder(self.path.parent)
        return written


def _mark(connection: sqlite3.Connection) -> bytes:
    """Of the last line of the ledger; an empty one has what its tombstones keep."""
    sequence, identity, _ = connection.execute(query("head_line")).fetchone() or (0, "", 0)
    return write(Entry(MARK, sequence, identity))


def _without_line(connection: sqlite3.Connection, noes: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Noes that only tombstones keep, bound to the last line of the ledger: what comes later stands behind it."""
    sequence, identity, _ = connection.execute(query("head_line")).fetchone() or (0, "", 0)
    for kind, wide, brand, stream, at in noes:
        moment = moment_of(at)
        yield write(Entry(kind, sequence, identity, "", wide, brand, stream, moment, moment, lineless=True))


def _settled(connection: sqlite3.Connection) -> None:
    """The journal has what was owed to it. On a full disk it may stay, and is written twice: no no counts twice."""
    try:
        connection.execute("DELETE FROM owed_noes")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_FULL:
            raise


def _line_of(entry: Entry, connection: sqlite3.Connection) -> int | None:
    """Up to which line of the ledger the journal has everything, when `entry` is its last; None when the ledger lacks it.

    A number may belong to another line since a replay, and old lines have none: then the person tells, then the id.
    """
    if entry.sequence == 0:
        return 0
    if entry.sequence is not None and _has_line(entry, connection):
        return entry.sequence
    if entry.address:
        wide = address_of(entry.address).wide
        (sequence,) = connection.execute(query("line_of_person"), (wide, entry.id)).fetchone()
        if sequence is not None:
            return int(sequence)
    if entry.sequence is None:
        found = connection.execute(query("no_with_id"), (entry.id,)).fetchone()
        return None if found is None else int(found[0])
    return None


def _has_line(entry: Entry, connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(query("line_numbered"), (entry.sequence,)).fetchone() == (entry.id,))


def _is_known(entry: Entry, connection: sqlite3.Connection) -> bool:
    """For one line of many: nothing that costs more than a look at a few rows."""
    if entry.sequence and not entry.lineless and _has_line(entry, connection):
        return True
    if entry.kind == EventKind.ERASE:
        kept = connection.execute(query("erasure_of"), (entry.tombstone,)).fetchone()
        return kept is not None and entry.recorded_at is not None and moment_of(kept[0]) >= entry.recorded_at
    if entry.tombstone:
        return _is_kept(entry, connection)
    wide = address_of(entry.address).wide
    return bool(connection.execute(query("line_of_person"), (wide, entry.id)).fetchone()[0])


def _is_kept(entry: Entry, connection: sqlite3.Connection) -> bool:
    return connection.execute(query("no_is_kept"), no_row(entry.no())).fetchone() is not None


def _next(lines: Iterator[bytes]) -> list[bytes]:
    return list(islice(lines, _TOGETHER))
