"""Sealed tokens for links in mail and reports of it: who, which stream, which decision, readable only with our key.

AES-SIV (RFC 5297) over padded claims, so that no table is needed: a link still works after a backup was restored,
and without the key a token can neither be made nor read. Every purpose has its own key, so that a link that withdraws
can never be turned into one that confirms. Tokens carry no expiry. Pure: keys are arguments, nothing is logged.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relay.address import Address, AddressError

#: Octets of a key as it stands in its file.
KEY_LENGTH: Final = 32
_KEY_ID_LENGTH: Final = 6
_KEY_ID: Final = re.compile(rf"[a-z0-9]{{{_KEY_ID_LENGTH}}}")

_TAG: Final = 16
#: A sealed token has a multiple of this many octets, so that its length tells little about the address. Divisible by
#: three: base64 then has neither padding nor spare bits, and every token has exactly one spelling.
_STEP: Final = 96
_STEPS: Final = 5
_WELL_FORMED: Final = re.compile(rf"[a-z0-9]{{{_KEY_ID_LENGTH}}}(?:[A-Za-z0-9_-]{{{_STEP // 3 * 4}}}){{1,{_STEPS}}}")


class Purpose(StrEnum):
    """What a link may do; also the first part of its path. FEEDBACK is no link: it stands in CFBL-Feedback-ID (RFC 9477)
    and comes back in reports of complaints; no page takes it.
    """

    UNSUBSCRIBE = "u"
    CONFIRM = "c"
    PREFERENCES = "p"
    FEEDBACK = "f"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: the address a mail went to, the stream it belonged to, the id of the decision behind it."""

    address: Address
    stream: str
    decision: str

    def __post_init__(self) -> None:
        if any("\0" in text for text in self._texts):
            raise ValueError("a claim contains NUL")

    @property
    def _texts(self) -> tuple[str, str, str, str]:
        return self.address.local, self.address.domain, self.stream, self.decision


def is_key_id(text: str) -> bool:
    """Six lower case letters and digits: fixed length, so that a token needs no separator."""
    return _KEY_ID.fullmatch(text) is not None


class TokenKeys:
    """All keys that open tokens and the one that seals new ones. Immutable.

    keys: key id to KEY_LENGTH random octets. Raises ValueError for anything else, or when `current` is not among them.
    """

    __slots__ = ("_ciphers", "current")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for key_id, key in keys.items():
            if not is_key_id(key_id):
                raise ValueError(f"{key_id!r} is not a key id: six lower case letters and digits")
            if len(key) != KEY_LENGTH:
                raise ValueError(f"key {key_id} has {len(key)} octets instead of {KEY_LENGTH}")
        if current not in keys:
            raise ValueError(f"there is no key {current!r}")
        self.current: Final = current
        self._ciphers: Final = {
            (key_id, purpose): AESSIV(_derived(key, purpose)) for key_id, key in keys.items() for purpose in Purpose
        }

    def cipher(self, key_id: str, purpose: Purpose) -> AESSIV | None:
        return self._ciphers.get((key_id, purpose))

    def knows_key_of(self, token: str) -> bool:
        """Do we have the key that the token claims to be sealed with?"""
        return (token[:_KEY_ID_LENGTH], Purpose.UNSUBSCRIBE) in self._ciphers

    def __repr__(self) -> str:
        return f"<TokenKeys, current {self.current}>"


def _derived(key: bytes, purpose: Purpose) -> bytes:
    info = b"consent-relay token 1 " + purpose.encode()
    return HKDF(algorithm=SHA256(), length=64, salt=None, info=info).derive(key)


def seal(keys: TokenKeys, purpose: Purpose, claims: Claims) -> str:
    """The token for these claims: letters, digits, `-` and `_`, the key's id in front. The same claims give the same
    token. Raises ValueError when they are too long for one (464 octets; a legal address leaves 200 for the stream and the decision).
    """
    content = "\0".join(claims._texts).encode()  # noqa: SLF001 - same module
    steps = -(-(_TAG + len(content)) // _STEP)
    if steps > _STEPS:
        raise ValueError("the claims are too long for a token")
    cipher = keys.cipher(keys.current, purpose)
    assert cipher is not None  # noqa: S101 - every key has every purpose
    sealed = cipher.encrypt(content.ljust(steps * _STEP - _TAG, b"\0"), _context(keys.current, purpose))
    return keys.current + urlsafe_b64encode(sealed).decode("ascii")


def is_well_formed(token: str) -> bool:
    """Could this be a token? Says nothing about whether it opens."""
    return _WELL_FORMED.fullmatch(token) is not None


def unseal(keys: TokenKeys, purpose: Purpose, token: str) -> Claims | None:
    """What the token says, or None when it was not sealed by one of these keys for this purpose."""
    if not is_well_formed(token):
        return None
    key_id, sealed = token[:_KEY_ID_LENGTH], urlsafe_b64decode(token[_KEY_ID_LENGTH:])
    cipher = keys.cipher(key_id, purpose)
    if cipher is None:
        return None
    try:
        # The comparison of the synthetic IV inside takes constant time.
        content = cipher.decrypt(sealed, _context(key_id, purpose))
    except InvalidTag:
        return None
    local, domain, stream, decision, *_padding = content.decode().split("\0")
    try:
        return Claims(Address(local, domain), stream, decision)
    except AddressError:  # sealed by a release that took more addresses than this one
        return None


def _context(key_id: str, purpose: Purpose) -> list[bytes]:
    return [key_id.encode(), purpose.encode()]
