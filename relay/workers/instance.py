"""One relay a folder, and no address shared by accident: what has to hold before the first worker starts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another relay works in the same folder."""


class AddressTakenError(Exception):
    """An address that we should listen on cannot be had."""


@contextlib.contextmanager
def only_instance(folder: Path) -> Iterator[None]:
    """Hold `relay.lock` in the folder, which is made when it is missing; the kernel frees it whatever way we end.

    Raises AlreadyRunningError (its text names the process) and OSError when the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "relay.lock"
    with path.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"{path}: a relay (process {holder}) already works in this folder; stop it, or use another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def require_free(addresses: Iterable[tuple[str, int]]) -> None:
    """Workers share their listening addresses (SO_REUSEPORT), so the kernel would not refuse a stranger's: ask first."""
    for host, port in addresses:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except OSError as error:
            raise AddressTakenError(f"{host}:{port}: {error.strerror or error}") from None
        for family, kind, protocol, _, where in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(where)
                except OSError as error:
                    raise AddressTakenError(
                        f"cannot listen on {host}:{port}: {error.strerror}; stop the other program or change the address"
                    ) from None
