"""DKIM (RFC 6376, RFC 8463): signs exactly the octets that go on the wire.

dkimpy chooses and canonicalises the header fields and ends the body; its own white-space rule takes quadratic time on
long runs of spaces, so that one is written here, linear, and tested to give the same octets. The arithmetic is
OpenSSL's: thirty times faster than dkimpy's. No `l=`; each field of the list below is signed once more than it
occurs, so that none can be added behind our back.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from dkim import select_headers
from dkim.canonicalization import Relaxed, correct_empty_body, strip_trailing_lines

from relay.message.index import Index, index
from relay.message.transfer import MAX_LINE

#: Signed and oversigned, in this order.
OVERSIGNED: Final = (
    "from", "to", "cc", "subject", "date", "reply-to", "content-type", "mime-version", "content-transfer-encoding",
    "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
#: Signed where they are.
SIGNED: Final = (
    "sender", "in-reply-to", "references", "feedback-id", "cfbl-address", "cfbl-feedback-id", "list-help",
    "list-subscribe", "list-owner", "list-post", "list-archive", "auto-submitted", "precedence",
)  # fmt: skip
_SIGNABLE: Final = dict.fromkeys(OVERSIGNED + SIGNED)
_OVERSIGNABLE: Final = frozenset(OVERSIGNED)
#: RFC 5322 allows one of most; a message with hundreds must not blow up h=.
_MAX_INSTANCES: Final = 20
_FOLD_AT: Final = 72
#: RFC 8301 section 3.2.
MIN_RSA_BITS: Final = 1024
RSA_BITS: Final = 2048
DEFAULT: Final = "default"


class KeyType(StrEnum):
    RSA = "rsa"
    ED25519 = "ed25519"


class DkimKeyError(ValueError):
    """Why a file is no key to sign with; words without anything of the key."""


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A key that can sign mail. Has no repr: it would end in a log."""

    type: KeyType
    key: RSAPrivateKey | Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"PrivateKey({self.type})"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3: of the hash


@dataclass(frozen=True, slots=True)
class Signer:
    """domain: d=, A-labels. selector: s=."""

    domain: str
    selector: str
    key: PrivateKey


def load_key(pem: bytes) -> PrivateKey:
    """A private key from PEM (PKCS #1 or #8, no passphrase). Raises DkimKeyError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise DkimKeyError("the key is protected by a passphrase; store it without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise DkimKeyError("not a private key in PEM") from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise DkimKeyError(
                f"an RSA key of {key.key_size} bits; verifiers want {MIN_RSA_BITS}, make one of {RSA_BITS}"
            )
        return PrivateKey(KeyType.RSA, key)
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey(KeyType.ED25519, key)
    raise DkimKeyError("neither an RSA nor an Ed25519 key")


def generate(kind: KeyType) -> bytes:
    """A new private key, PEM (PKCS #8)."""
    key = generate_private_key(65537, RSA_BITS) if kind is KeyType.RSA else Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def dns_name(domain: str, selector: str) -> str:
    return f"{selector}._domainkey.{domain}"


def dns_record(key: PrivateKey) -> str:
    """The value of the TXT record; longer than 255 octets for RSA, so a zone file writes it in several strings."""
    public = key.key.public_key()
    if key.type is KeyType.RSA:
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1; k={key.type}; p={b64encode(octets).decode('ascii')}"


def choose_signers(keys: Mapping[str, tuple[Signer, ...]], domain: str) -> tuple[Signer, ...]:
    """The keys for a From domain: its own, those of the nearest domain above it (aligned, RFC 7489), or the default."""
    labels = domain.split(".")
    for depth in range(len(labels)):
        signers = keys.get(".".join(labels[depth:]))
        if signers and labels[depth:] != [DEFAULT]:
            return signers
    return keys.get(DEFAULT, ())


def signed(content: bytes, signers: Sequence[Signer], now: datetime) -> bytes:
    """The message with its signatures on top, an mbox "From " line excepted."""
    message = index(content)
    return content[: message.top] + _fields(message, signers, now) + content[message.top :]


def sign(content: bytes, signers: Sequence[Signer], now: datetime) -> bytes:
    """Only the DKIM-Signature fields, b"" without signers. They cover the content as given, CRLF at its end."""
    return _fields(index(content), signers, now)


def _fields(message: Index, signers: Sequence[Signer], now: datetime) -> bytes:
    if not signers:
        return b""
    content = message.content
    body_hash = b64encode(hashlib.sha256(relaxed_body(content[message.head.body :])).digest()).decode("ascii")
    headers = [
        (one.name.encode("ascii"), content[one.value : one.end]) for one in message.head.fields if one.name in _SIGNABLE
    ]
    counts = Counter(name for name, _ in headers)
    listed, selected = _names(frozenset(counts.items()), _unsignable(message))
    chosen = Relaxed.canonicalize_headers(select_headers(headers, selected))
    covered = b"".join([name + b":" + value for name, value in chosen])
    return b"".join([_field(signer, now, listed, body_hash, covered) for signer in signers])


def _unsignable(message: Index) -> frozenset[str]:
    """Fields with a line that the next hop will break (Postfix does, at 998): a signature over them would not hold."""
    long = {one.name for one in message.head.fields if _has_long_line(message.content, one.start, one.end)}
    return frozenset(long - {"from"})  # without From there is no signature


def _has_long_line(content: bytes, start: int, end: int) -> bool:
    return end - start > MAX_LINE and max(map(len, content[start:end].split(b"\r\n"))) > MAX_LINE


@lru_cache(maxsize=256)  # a mailer's messages have the same fields
def _names(counts: frozenset[tuple[bytes, int]], unsignable: frozenset[str]) -> tuple[str, tuple[bytes, ...]]:
    """The value of h=, and of its names those that are there: one listed once more than it occurs stands for none."""
    present = dict(counts)
    listed: list[str] = []
    selected: list[bytes] = []
    for name in _SIGNABLE:
        if name in unsignable:
            continue
        field = name.encode("ascii")
        count = min(present.get(field, 0), _MAX_INSTANCES)
        listed += [name] * (count + 1 if name in _OVERSIGNABLE and count < _MAX_INSTANCES else count)
        selected += [field] * count
    return _folded_list(listed), tuple(selected)


def _field(signer: Signer, now: datetime, listed: str, body_hash: str, covered: bytes) -> bytes:
    """One DKIM-Signature. Its value starts on the first line: some verifiers fail on a fold right after the colon."""
    head = (
        f" v=1; a={signer.key.type}-sha256; c=relaxed/relaxed; d={signer.domain};\r\n"
        f"\ts={signer.selector}; t={int(now.timestamp())};\r\n"
        f"\th={listed};\r\n"
        f"\tbh={body_hash};\r\n"
        f"\tb="
    )
    ((_, canonical),) = Relaxed.canonicalize_headers([(b"dkim-signature", head.encode("ascii"))])
    signature = b64encode(signer.key.sign(covered + b"dkim-signature:" + canonical.rstrip(b"\r\n"))).decode("ascii")
    chunks = [signature[start : start + _FOLD_AT] for start in range(0, len(signature), _FOLD_AT)]
    return ("DKIM-Signature:" + head + "\r\n\t ".join(chunks) + "\r\n").encode("ascii")


def _folded_list(names: list[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _FOLD_AT:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n\t ".join(lines).removesuffix(":")


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4, in linear time. A body that does not end in CRLF will on the wire."""
    if not body:
        return body
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:  # halves every run
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n")
    text = body.rstrip(b"\r\n")
    if body.count(b"\r\n", len(text)) * 2 == len(body) - len(text):
        return text + b"\r\n" if text else b""
    return cast("bytes", correct_empty_body(strip_trailing_lines(body)))
