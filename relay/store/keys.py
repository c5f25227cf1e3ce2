"""The folder of token keys: one file a key, `ID.key`, 64 hexadecimal digits. Reads it, and makes the first key.

The key whose id sorts last seals new tokens; all of them open old ones. Ids begin with the time at which they were
made, so adding a key is a rotation. A key that is deleted takes the unsubscribe links that it sealed with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relay.consent.pseudonyms import Pseudonyms
from relay.log import get_logger
from relay.store.connection import open_for_reading
from relay.tokens import KEY_LENGTH, TokenKeys, is_key_id

_SUFFIX: Final = ".key"
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 6


class KeyFileError(Exception):
    """A key file, or its folder, that cannot be used; the text says which, why, and what to do. Never the key."""


def load_token_keys(folder: Path) -> TokenKeys:
    """The keys in `folder`; when there is none, the folder (0700) and a first key (0600) are made.

    Several processes may do this at the same time and get the same keys. Raises KeyFileError.
    """
    with folder_in_turn(folder):
        keys = _read_all(folder)
        if not keys:
            _create(folder, after="")
            keys = _read_all(folder)
    return TokenKeys(keys, max(keys))


def add_token_key(folder: Path) -> str:
    """Add a key that seals from now on, and return its id. Running processes have to load the keys again to open what
    it seals. Raises KeyFileError.
    """
    with folder_in_turn(folder):
        return _create(folder, after=max(_read_all(folder), default=""))


def load_secret(path: Path) -> bytes:
    """A secret in a file of its own (64 hexadecimal digits), made (0600) where it is missing. Raises KeyFileError."""
    with folder_in_turn(path.parent):
        if not path.exists():
            write_key(path, _new_secret())
        return _read(path)


def load_pseudonyms(path: Path, store: Path | None = None) -> Pseudonyms:
    """From the secret in this file ([keys] people), made where it is missing, but never beside a store that was made
    with another: a new key would only hide that the old one is lost. Raises KeyFileError.
    """
    if store is not None and not path.exists() and _has_its_key(store):
        raise KeyFileError(
            f"{path}: is missing, and {store} was made with it: without it the withdrawals of erased people are not "
            "found; put the file back from a backup"
        )
    return Pseudonyms(load_secret(path))


def _has_its_key(store: Path) -> bool:
    """A store that cannot be asked says more about itself when it is opened."""
    if not store.exists():
        return False
    try:
        with contextlib.closing(open_for_reading(store)) as connection:
            return connection.execute("SELECT 1 FROM meta WHERE name = 'people-key'").fetchone() is not None
    except sqlite3.Error:
        return False


@contextlib.contextmanager
def folder_in_turn(folder: Path) -> Iterator[None]:
    """Make the folder where it is missing and hold its lock, so that two processes never make a first key each.

    The lock is on the folder itself: that works, too, where keys are mounted read-only.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileError(f"{folder}: cannot be used as the folder of token keys: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_all(folder: Path) -> dict[str, bytes]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX and not path.name.startswith("."))
    except OSError as error:
        raise KeyFileError(f"{folder}: cannot be read: {error.strerror}") from None
    for path in paths:
        if not is_key_id(path.stem):
            raise KeyFileError(f"{path}: the name of a key file is six lower case letters and digits and {_SUFFIX}")
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            others_may_read = os.fstat(file.fileno()).st_mode & 0o004
            text = file.read(4 * KEY_LENGTH)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None
    if others_may_read:
        get_logger().warning("key-file-readable", path=str(path), remedy="chmod o= on the file")
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise KeyFileError(f"{path}: a key file has {2 * KEY_LENGTH} hexadecimal digits; restore it from a backup")
    return key


def _create(folder: Path, after: str) -> str:
    """Write a new key whose id sorts after `after`."""
    # six digits of base 36 hold the minutes since 1970 for four thousand years
    key_id = max(_id_of(int(time.time()) // 60), _id_of(int(after, 36) + 1) if after else "")
    write_key(folder / f"{key_id}{_SUFFIX}", _new_secret())
    return key_id


def write_key(path: Path, content: str) -> None:
    """A new key file, for our eyes only; whole or not at all, whatever happens meanwhile. Raises KeyFileError."""
    draft = path.parent / f".{path.name}.{os.getpid()}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: a new key cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _new_secret() -> str:
    return secrets.token_hex(KEY_LENGTH) + "\n"


def _sync_folder(folder: Path) -> None:
    """A mail sealed with a key that a power cut takes away could never be stopped."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _id_of(number: int) -> str:
    digits = ""
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
