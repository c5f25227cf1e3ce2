"""Who works on which copies: a lease ends with its process, by the word of the kernel and not by a clock.

Each process keeps a `flock` on a file of its own in the folder `<store>.leases`; the name of that file stands in the
rows that it works on. Whoever can take the lock of such a file knows that its process is no more. A stopped process
keeps its lock, and so its copies. A file that is gone counts as one whose process is; a process that lives makes its
own again (`OpenQueue` waits for that).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Of a folder, a link, a socket: no process of ours made that.
_NO_LEASES: Final = frozenset({errno.EISDIR, errno.ELOOP, errno.ENXIO})


class Lease:
    """The lease of this process. name: stands in the rows. Raises OSError when the file cannot be made."""

    def __init__(self, database: Path, name: str) -> None:
        self.name = name
        self._path = folder_of(database) / name
        self._file = self._made()

    def keep(self) -> None:
        """Others take us for dead when somebody has removed our file: it is made again. Raises OSError."""
        ours = os.fstat(self._file)
        with contextlib.suppress(FileNotFoundError):
            there = self._path.stat(follow_symlinks=False)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
        old, self._file = self._file, self._made()
        os.close(old)

    def _made(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locked before it has its name: nobody finds it without its lock.
        draft = self._path.with_name(f".{self.name}")
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        draft.rename(self._path)
        return file

    def close(self) -> None:
        """The rows have to be free of it before."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def clear(database: Path) -> None:
    """Take away files of processes that are no more, once no row names them."""
    for file in folder_of(database).iterdir():
        with ended(database, file.name):
            pass


def folder_of(database: Path) -> Path:
    return Path(f"{database}.leases")


@contextmanager
def ended(database: Path, name: str, *, keep: bool = False) -> Iterator[bool]:
    """Is the process of this lease no more? Its file goes after the block, unless `keep`."""
    # No name that a process gave itself, or a file that one is just making.
    if not name or "/" in name or name.startswith("."):
        yield True
        return
    path = folder_of(database) / name
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield True
        return
    except OSError as error:
        if error.errno not in _NO_LEASES:
            raise
        yield True  # somebody put it there: it stays, and is in nobody's way
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
        if not keep:
            path.unlink(missing_ok=True)
    finally:
        os.close(file)
