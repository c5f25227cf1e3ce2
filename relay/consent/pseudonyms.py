"""Keyed hashes that stand for people: the tombstones of those who were erased, and the ids of imported events. Pure.

An address can be guessed, so a plain hash of it is an address still. Only who has the key can tell whose tombstone it
is; who loses the key loses what the tombstones keep, the no of people who were erased.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from relay.address_wide import FOLD_VERSION
from relay.decision import id_at

#: Octets of the key.
KEY_OCTETS: Final = 32
#: What a tombstone begins with; no wide key does, for these have an @.
TOMBSTONE: Final = "erased:"
_PREFIX: Final = f"{TOMBSTONE}{FOLD_VERSION}:"
_TOMBSTONE_OCTETS: Final = 16
_RANDOM_OCTETS_OF_ID: Final = 10


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """key: KEY_OCTETS secret octets, the same as long as the store lives."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_OCTETS:
            raise ValueError(f"the key of pseudonyms has {KEY_OCTETS} octets")

    def tombstone(self, wide: str) -> str:
        """What stands for a wide key once the person is erased: "erased:1:" and 32 hexadecimal digits. The number is
        the version of the folding, because a hash cannot be folded anew.
        """
        hashed = _begun(self.key).copy()
        hashed.update(wide.encode())
        return f"{_PREFIX}{hashed.hexdigest()}"

    def id_of(self, milliseconds: int, content: bytes) -> str:
        """Of an event: a ULID that is the same for the same content, and tells nothing of it. milliseconds: since 1970."""
        return id_at(milliseconds, self._hash(b"event", content, _RANDOM_OCTETS_OF_ID))

    def fingerprint(self) -> str:
        """Which key this is, for noticing that another one is used; 16 hexadecimal digits."""
        return self._hash(b"fingerprint", b"", 8).hex()

    def _hash(self, purpose: bytes, content: bytes, octets: int) -> bytes:
        return hashlib.blake2b(content, digest_size=octets, key=self.key, person=purpose).digest()


@lru_cache(4)
def _begun(key: bytes) -> hashlib.blake2b:
    """The hash of a tombstone up to the wide key: every look-up of a recipient makes one."""
    return hashlib.blake2b(digest_size=_TOMBSTONE_OCTETS, key=key, person=b"tombstone")
