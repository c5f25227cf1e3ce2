"""Signed heads: what the last seal of the ledger was at a moment, said with a key that whoever changes it lacks. Pure.

A head is one line of JSON in a file that had better lie elsewhere. Seals prove that the ledger is in itself what it was;
who can write the store can make all of them anew. Heads are what that breaks on: each names the hash of a seal, which
stands for every line up to its last one.

A head says what comes before it in its file (`previous`, SHA-256 of that line), so that none can be taken out of the
middle. One that goes on from an earlier line than its predecessor, as after a restored backup, says so (`lost`, `kept`),
and goes on being a finding until somebody signs for it with a word of why (`note`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from relay.consent.checking import Checked

_TAG: Final = b"consent-relay head 1\0"
#: Longer than any head that we write.
LONGEST_HEAD: Final = 4000
_NUMBERS: Final = ("line", "seal", "lost", "kept")
_ALWAYS: Final = ("at", "line", "seal", "hash", "previous", "key", "signature")
_DIGITS: Final = {"hash": 64, "key": 64, "signature": 128}

#: Line and hash of the seal with a number, None where there is no such seal.
Seals = Callable[[int], tuple[int, str] | None]


class HeadError(ValueError):
    """The text is no head, or not as we write it."""


@dataclass(frozen=True, slots=True)
class Head:
    """line, seal, hash: number of the last line, of its seal, hash of that seal (64 hexadecimal digits). previous: SHA-256
    of the line before in the file, "" for the first. lost: line of the head before, when the ledger no longer has what it
    says. kept: up to which line it still has what was signed. note: why, in an operator's words. key: public.
    """

    at: datetime
    line: int
    seal: int
    hash: str
    previous: str = ""
    lost: int | None = None
    kept: int | None = None
    note: str = ""
    key: str = ""
    signature: str = ""

    @property
    def text(self) -> str:
        """The line in the file, without its end."""
        return _text(self, signed=True)

    @property
    def is_signed(self) -> bool:
        """Does the signature fit the key that the head itself names?"""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            key.verify(bytes.fromhex(self.signature), _TAG + _text(self, signed=False).encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def holds(self, seals: Seals) -> bool:
        """Does the ledger still have what this head says?"""
        return seals(self.seal) == (self.line, self.hash)


def sign(head: Head, key: Ed25519PrivateKey) -> Head:
    head = replace(head, key=key.public_key().public_bytes_raw().hex())
    return replace(head, signature=key.sign(_TAG + _text(head, signed=False).encode()).hex())


def parse_head(text: str) -> Head:
    """Raises HeadError for what we have not written so, to the octet."""
    try:
        values: Any = json.loads(text) if len(text) <= LONGEST_HEAD else None
        head = Head(**{**values, "at": datetime.fromisoformat(values["at"])})
        shaped = (
            all(name in values for name in _ALWAYS)
            and all(isinstance(value, int if name in _NUMBERS else str) for name, value in values.items())
            and all(_is_hex(values[name], digits) for name, digits in _DIGITS.items())
            and head.text == text
        )
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        raise HeadError("it cannot be read") from None
    if not shaped:
        raise HeadError("it is not as the relay writes it")
    return head


def text_hash(text: str) -> str:
    """What the next head says of the line before it, whatever that is."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Lost:
    """A head that the ledger no longer has. number: its place in the file. kept: the last line signed before that holds."""

    number: int
    head: Head
    kept: int


@dataclass(slots=True)
class Seen:
    """What the heads came to. signed: the last line that a head holds for, with `at`. lost: what nobody signed for."""

    heads: int = 0
    signed: int = 0
    at: datetime | None = None
    notes: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


def check_heads(found: Checked, lines: Iterable[str], trusted: Collection[str], seals: Seals) -> Seen:
    """Check the lines of a file of heads, in order. trusted: public keys that may sign. What does not hold of the ledger
    stays in `lost`; `find_lost` puts it in words.
    """
    seen, previous, doubtful = Seen(), "", ""
    for number, text in enumerate(lines, 1):
        about = f"head {number}"
        try:
            head = parse_head(text)
        except HeadError as error:
            _tell_doubtful(found, seen, doubtful)
            previous, doubtful = text_hash(text), f"{about}: {error}: torn or changed"
            continue
        if head.previous != previous:
            _tell_doubtful(found, seen, doubtful)
            found.find(head.line, about, "does not follow the head before it: a head was changed, taken out or moved")
        elif doubtful:
            seen.notes.append(f"{doubtful}; the head behind it was signed knowing that")
        previous, doubtful = text_hash(text), ""
        seen.heads += 1
        if not head.is_signed:
            found.find(head.line, about, "its signature is wrong")
        elif head.key not in trusted:
            found.find(head.line, about, f"signed with another key, {head.key}; --key names one that was yours before")
        else:
            _take(seen, number, head, seals)
    _tell_doubtful(found, seen, doubtful)
    return seen


def find_lost(found: Checked, seen: Seen, last_line: int) -> None:
    """Heads that the ledger does not have and nobody signed for, those of one break in one finding."""
    kept = -1
    for lost in seen.lost:
        if lost.kept == kept:
            continue
        kept, head = lost.kept, lost.head
        about = f"line {kept + 1}"
        when = f"head {lost.number}, signed {head.at:%Y-%m-%d %H:%M:%S}Z for {head.line:,} lines"
        if head.line > last_line:
            found.find(kept + 1, about, f"cut off: the ledger ends at line {last_line:,}, against {when}")
        else:
            found.find(
                kept + 1, about, f"rewritten from here on, or from a later line up to {head.line:,}, against {when}"
            )


def _take(seen: Seen, number: int, head: Head, seals: Seals) -> None:
    """A head that is ours."""
    if head.note and head.kept is not None:
        known = [lost for lost in seen.lost if lost.head.line > head.kept]
        seen.lost = [lost for lost in seen.lost if lost.head.line <= head.kept]
        if known:
            seen.notes.append(
                f"head {number}, signed {head.at:%Y-%m-%d %H:%M:%S}Z, accepts that lines behind {head.kept:,} "
                f"were lost: {head.note}"
            )
    if head.holds(seals):
        seen.signed, seen.at = max(seen.signed, head.line), head.at
    else:
        seen.lost.append(Lost(number, head, seen.signed))


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and not text.strip("0123456789abcdef")


def _tell_doubtful(found: Checked, seen: Seen, doubtful: str) -> None:
    if doubtful:
        about, _, words = doubtful.partition(": ")
        found.find(seen.signed, about, words)


def _text(head: Head, *, signed: bool) -> str:
    values: dict[str, object] = {
        "at": head.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "line": head.line,
        "seal": head.seal,
        "hash": head.hash,
        "previous": head.previous,
    }
    if head.lost is not None:
        values["lost"] = head.lost
    if head.kept is not None:
        values["kept"] = head.kept
    if head.note:
        values["note"] = head.note
    values["key"] = head.key
    if signed:
        values["signature"] = head.signature
    return json.dumps(values, separators=(",", ":"))
