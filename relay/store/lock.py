"""The lock file beside the database: writers of all processes take turns.

SQLite's own waiting is a poll that lets one writer starve (700 ms seen, against 5 ms with this lock). Blocks, so it is
never taken on an event loop.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class WriteLock:
    """`with lock:` one writer at a time, over all processes. Two files: whoever asked first gets the next turn.

    With one file the holder, that releases and at once asks again, overtakes those who are only waking up.
    """

    def __init__(self, database: Path) -> None:
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        self._turn = os.open(f"{database}.turn", flags, 0o600)
        self._lock = os.open(f"{database}.lock", flags, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._lock)
        os.close(self._turn)
