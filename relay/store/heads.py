"""The file of signed heads (`[ledger] heads`): lines are only ever added, each by one write, and reach the disk.

The file may lie on another machine's disk or be one that nothing can be taken out of again (`chattr +a`), so nothing here
cuts or replaces it; a line torn by a crash gets its end before the next one.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.consent.checking import Checked
from relay.consent.heads import LONGEST_HEAD, Head, HeadError, Seals, check_heads, parse_head, sign, text_hash
from relay.consent.ledger import Seal
from relay.log import get_logger
from relay.store.connection import sync_folder


class HeadsFile:
    """Every method raises OSError. Adding is to be done by one at a time (`Sealer.turn`)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> Iterator[str]:
        """All lines without their ends; what cannot be text keeps its octets as surrogates."""
        with self.path.open("rb") as file:
            while line := file.readline(2 * LONGEST_HEAD):
                yield line.removesuffix(b"\n").decode("utf-8", "surrogateescape")

    def last_line(self) -> tuple[str, bool]:
        """The last line ("" when there is none), and whether its end is missing."""
        try:
            file = self._opened(os.O_RDONLY)
        except FileNotFoundError:
            return "", False
        try:
            size = os.fstat(file).st_size
            tail = os.pread(file, 2 * LONGEST_HEAD, max(0, size - 2 * LONGEST_HEAD))
        finally:
            os.close(file)
        text = tail.removesuffix(b"\n").rpartition(b"\n")[2].decode("utf-8", "surrogateescape")
        return text, bool(tail) and not tail.endswith(b"\n")

    def add(self, head: Head, *, is_torn: bool) -> None:
        is_new = not self.path.exists()
        if is_new:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._opened(os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            octets = (b"\n" if is_torn else b"") + head.text.encode() + b"\n"
            while octets:
                octets = octets[os.write(file, octets) :]
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            sync_folder(self.path.parent)

    def _opened(self, flags: int) -> int:
        """Waits for nobody: at a pipe, whoever seals would stand for ever, and have its turn."""
        file = os.open(self.path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        if stat.S_ISFIFO(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EINVAL, "is a pipe, not a file", str(self.path))
        return file


@dataclass(frozen=True, slots=True)
class Signed:
    """A head that was added. is_first: of its file. key_before: of the head before, where it was another one."""

    head: Head
    is_first: bool = False
    key_before: str = ""

    @property
    def alarm(self) -> str:
        """What somebody has to look at; "" when all is well."""
        head = self.head
        if head.lost is None or head.note:
            return ""
        return (
            f"lines behind {head.kept:,} that were signed up to {head.lost:,} are gone, or others (was a backup restored?); "
            "consent-relay consent verify tells more, --accept-loss WHY signs for it"
        )


class Signer:
    """Signs heads into a file; `write_log` puts them into the log, too."""

    def __init__(self, file: HeadsFile, key: Ed25519PrivateKey, every: timedelta) -> None:
        self.file = file
        self._key = key
        self._every = every

    def sign(self, last: Seal | None, seals: Seals, now: datetime, *, at_once: bool) -> Signed | None:
        """A head for the last seal, when there is none yet and, unless `at_once`, it is time; None otherwise.

        Raises OSError. Where the ledger lacks what the last head says, the new one says so.
        """
        if last is None:
            return None
        text, is_torn = self.file.last_line()
        before = _parsed(text)
        new = Head(now, last.last, last.number, last.hash.hex(), text_hash(text) if text else "")
        if before is None:
            return self._add(new, None, is_torn=is_torn)
        is_lost = not before.holds(seals)
        is_due = at_once or is_lost or not timedelta() <= now - before.at < self._every
        if not is_due or (before.seal, before.hash) == (new.seal, new.hash):
            return None
        if is_lost:
            new = replace(new, lost=before.line, kept=self._broken(seals)[0])
        return self._add(new, before, is_torn=is_torn)

    def accept(self, last: Seal, seals: Seals, now: datetime, note: str) -> Signed:
        """A head that signs for what the ledger no longer has of earlier heads, with a word of why. Raises OSError."""
        text, is_torn = self.file.last_line()
        kept, lost = self._broken(seals)
        new = Head(now, last.last, last.number, last.hash.hex(), text_hash(text) if text else "")
        return self._add(replace(new, lost=lost, kept=kept, note=note), _parsed(text), is_torn=is_torn)

    def _add(self, new: Head, before: Head | None, *, is_torn: bool) -> Signed:
        new = sign(new, self._key)
        self.file.add(new, is_torn=is_torn)
        key_before = before.key if before is not None and before.key != new.key else ""
        return Signed(new, is_first=not new.previous, key_before=key_before)

    def _broken(self, seals: Seals) -> tuple[int, int]:
        """Up to which line the ledger has what was signed, and the last line of the heads that it does not have."""
        seen = check_heads(Checked(), self.file.lines(), _every_key(self.file), seals)
        if not seen.lost:
            return seen.signed, 0
        return min(lost.kept for lost in seen.lost), max(lost.head.line for lost in seen.lost)


def write_log(signed: Signed, path: Path) -> None:
    """The log alone is enough to make the file anew: `head` is its line."""
    log = get_logger()
    if signed.is_first:
        log.info("ledger-heads-begun", path=str(path), line=signed.head.line)
    if signed.key_before:
        log.warning("ledger-key-changed", path=str(path), before=signed.key_before)
    if signed.alarm:
        log.critical("ledger-lost", why=signed.alarm)
    log.info("ledger-head", line=signed.head.line, head=signed.head.text)


def _every_key(file: HeadsFile) -> set[str]:
    heads = (_parsed(text) for text in file.lines())
    return {head.key for head in heads if head is not None}


def _parsed(text: str) -> Head | None:
    try:
        return parse_head(text)
    except HeadError:
        return None
