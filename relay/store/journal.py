"""withdrawals.journal: every withdrawal and complaint once more, outside of the database, fsynced before it is confirmed.

A database restored from a backup would send to people who have said no since. The journal tells that it is behind, and
gives back what it lacks. One JSON object a line, in the order of commits. Every call happens under the write lock.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from relay.consent.events import Event, EventKind
from relay.store.connection import sync_folder
from relay.store.queries import query
from relay.store.rows import address_of, event_of

#: Longer than any line that we write.
_TAIL: Final = 1 << 16


class Journal:
    """The file is made when the first no comes, for our eyes only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lacks_nothing_of(self, connection: sqlite3.Connection) -> None:
        """Bring the journal up to the ledger: after a commit, and after a crash between a commit and its journal.

        Raises OSError; the journal then ends where it ended before.
        """
        last = self._last_id()
        (after,) = connection.execute(query("no_with_id"), (last,)).fetchone() or (0,) if last else (0,)
        missing = connection.execute(query("noes_after"), (after,)).fetchall()
        if missing:
            self._append([_as_line(event_of(row)) for row in missing])

    def is_ahead_of(self, connection: sqlite3.Connection) -> bool:
        """Does the ledger lack what the journal has? Lines stand in the order of commits, so the last one tells."""
        last = self._last_id()
        return bool(last) and not connection.execute(query("no_with_id"), (last,)).fetchone()

    def missing_in(self, connection: sqlite3.Connection) -> Iterator[Event]:
        """The noes that the ledger lacks, in order."""
        for event in self.events():
            if not connection.execute(query("no_with_id"), (event.id,)).fetchone():
                yield event

    def events(self) -> Iterator[Event]:
        """All that was written, in order; a line torn by a crash was never confirmed to anybody and is left out."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield _as_event(json.loads(line))

    def _last_id(self) -> str:
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                whole = file.read()
        except FileNotFoundError:
            return ""
        lines = whole[: whole.rfind(b"\n") + 1].splitlines()
        return str(json.loads(lines[-1])["id"]) if lines else ""

    def _append(self, lines: Sequence[str]) -> None:
        new = not self.path.exists()
        if new:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            end = _end_of_whole_lines(file)
            os.ftruncate(file, end)  # what a crash left half written
            os.lseek(file, end, os.SEEK_SET)
            try:
                _write_all(file, "".join(lines).encode())
            except OSError:
                os.ftruncate(file, end)
                raise
            os.fsync(file)
        finally:
            os.close(file)
        if new:
            sync_folder(self.path.parent)


def _as_line(event: Event) -> str:
    values: dict[str, Any] = {
        "id": event.id,
        "kind": event.kind.value,
        "address": str(event.address),
        "brand": event.brand,
        "stream": event.stream,
        "at": None if event.at is None else event.at.isoformat(),
        "recorded_at": event.recorded_at.isoformat(),
        "source": event.source,
        "recorder": event.recorder,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _as_event(values: dict[str, Any]) -> Event:
    at = values["at"]
    return Event(
        id=values["id"],
        kind=EventKind(values["kind"]),
        address=address_of(values["address"]),
        brand=values["brand"],
        stream=values["stream"],
        at=None if at is None else datetime.fromisoformat(at),
        recorded_at=datetime.fromisoformat(values["recorded_at"]),
        source=values["source"],
        recorder=values["recorder"],
    )


def _end_of_whole_lines(file: int) -> int:
    size = os.lseek(file, 0, os.SEEK_END)
    start = max(0, size - _TAIL)
    tail = os.pread(file, size - start, start)
    return start + tail.rfind(b"\n") + 1 if tail else 0


def _write_all(file: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(file, octets) :]
