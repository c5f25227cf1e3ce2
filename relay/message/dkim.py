"""DKIM (RFC 6376, RFC 8463): signs exactly the octets that go on the wire. Looks at no signature that is there already.

Canonicalisation is written here and tested against dkimpy's, whose own takes quadratic time on long runs of spaces:
linear, in pieces, so that a large message is neither copied nor holds up other threads. The arithmetic is OpenSSL's.
No `l=`; each field of the list below is signed once more than it occurs, so that none can be added behind our back.
`verified` reads the result back before it leaves.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from relay.message.index import Field, Index, index
from relay.message.transfer import MAX_LINE, has_long_line

#: Signed and oversigned, in this order. One `Content-Disposition: attachment` more would hide the whole text.
OVERSIGNED: Final = (
    "from", "to", "cc", "subject", "date", "reply-to", "content-type", "mime-version", "content-transfer-encoding",
    "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    "content-disposition",
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
#: Header blocks with more fields than this are not remembered.
_USUAL_FIELDS: Final = 60
_FOLD_AT: Final = 72
#: Octets of a body that are worked on at once.
_PIECE: Final = 32 * 1024
_EMPTY_LINES: Final = 64 * 1024
_SPACES: Final = re.compile(rb"  ++")
_WHITE_SPACE: Final = re.compile(rb"[ \t]++")
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
    public: RSAPublicKey | Ed25519PublicKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public", self.key.public_key())  # made once: it takes as long as a verification

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
    if key.type is KeyType.RSA:
        octets = key.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = key.public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
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
    return b"".join((content[: message.top], _fields(message, signers, now), memoryview(content)[message.top :]))


def _fields(message: Index, signers: Sequence[Signer], now: datetime) -> bytes:
    if not signers:
        return b""
    content, head = message.content, message.head
    digest = hashlib.sha256()
    for piece in relaxed_body(content, head.body):
        digest.update(piece)
    body_hash = b64encode(digest.digest()).decode("ascii")
    signable = [one for one in head.fields if one.name in _SIGNABLE]
    choose = _chosen if len(signable) <= _USUAL_FIELDS else _chosen.__wrapped__
    strange = _has_strange_space(content, head.start, head.end)
    listed, chosen = choose(tuple([one.name for one in signable]), _unsignable(message, strange=strange))
    covered = b"".join([_canonical(content, signable[number], strange=strange) for number in chosen])
    return b"".join([_signature(signer, now, listed, body_hash, covered) for signer in signers])


def _unsignable(message: Index, *, strange: bool) -> frozenset[str]:
    """Fields that a signature would not hold over. With a line that the next hop will break (Postfix does, at 998);
    with white space that some verifiers take for RFC 6376's and some do not.
    """
    content = message.content
    found = {
        one.name
        for one in message.head.fields
        if one.end - one.start > MAX_LINE and has_long_line(content[one.start : one.end])
    }
    if strange:
        found |= {one.name for one in message.head.fields if _has_strange_space(content, one.start, one.end)}
    return frozenset(found - {"from"})  # without From there is no signature


@lru_cache(maxsize=256)  # a mailer's messages have the same fields
def _chosen(names: tuple[str, ...], unsignable: frozenset[str]) -> tuple[str, tuple[int, ...]]:
    """The value of h=, and which of these fields it means, in its order: of one name, the last comes first.

    A name listed once more than it occurs stands for no field, and says that there is none (RFC 6376 section 5.4.2).
    """
    listed: list[str] = []
    chosen: list[int] = []
    for name in _SIGNABLE:
        if name in unsignable:
            continue
        found = [number for number, one in enumerate(names) if one == name][: -_MAX_INSTANCES - 1 : -1]
        count = len(found)
        listed += [name] * (count + 1 if name in _OVERSIGNABLE and count < _MAX_INSTANCES else count)
        chosen += found
    return _folded_list(listed), tuple(chosen)


def _has_strange_space(content: bytes, start: int, end: int) -> bool:
    """Vertical tabs, form feeds, CR or LF alone."""
    lines = content.count(b"\r\n", start, end)
    return (
        content.count(b"\r", start, end) != lines
        or content.count(b"\n", start, end) != lines
        or content.find(b"\v", start, end) >= 0
        or content.find(b"\f", start, end) >= 0
    )


def _canonical(content: bytes, one: Field, *, strange: bool) -> bytes:
    """RFC 6376 section 3.4.2, with the CRLF. strange: of the message, whose From may hold such space."""
    value = content[one.value : one.end]
    words = _WHITE_SPACE.split(value.replace(b"\r\n", b"")) if strange else value.split()
    return one.name.encode("ascii") + b":" + b" ".join(words).strip(b" ") + b"\r\n"


def _signature(signer: Signer, now: datetime, listed: str, body_hash: str, covered: bytes) -> bytes:
    """One DKIM-Signature. Its value starts on the first line: some verifiers fail on a fold right after the colon."""
    head = (
        f" v=1; a={signer.key.type}-sha256; c=relaxed/relaxed; d={signer.domain};\r\n"
        f"\ts={signer.selector}; t={int(now.timestamp())};\r\n"
        f"\th={listed};\r\n"
        f"\tbh={body_hash};\r\n"
        f"\tb="
    )
    unsigned = "dkim-signature:" + " ".join(head.split())
    signature = b64encode(signer.key.sign(covered + unsigned.encode("ascii"))).decode("ascii")
    chunks = [signature[start : start + _FOLD_AT] for start in range(0, len(signature), _FOLD_AT)]
    return ("DKIM-Signature:" + head + "\r\n\t ".join(chunks) + "\r\n").encode("ascii")


def _folded_list(names: list[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _FOLD_AT:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n\t ".join(lines).removesuffix(":")


def relaxed_body(content: bytes, start: int = 0, size: int = _PIECE) -> Iterator[bytes]:
    """The body that begins at `start`, as RFC 6376 section 3.4.4 hashes it; size: octets to read at once.

    A body that does not end in CRLF will on the wire.
    """
    end = len(content)
    held = b""  # white space at the end of a piece, and a CR: what they mean is told by the next
    empty = 0  # line ends that nothing has followed yet
    said = False
    for position in range(start, end, size):
        piece = held + content[position : position + size]
        last = position + size >= end
        if last and not content.endswith(b"\r\n", start):
            piece += b"\r\n"
        if b"\t" in piece:
            piece = piece.replace(b"\t", b" ")
        if b"  " in piece:
            piece = _SPACES.sub(b" ", piece)
        piece = piece.replace(b" \r\n", b"\r\n")
        if not last:
            kept = len(piece.removesuffix(b"\r").removesuffix(b" "))
            piece, held = piece[:kept], piece[kept:]
        text = _end_of_text(piece)
        if text:
            yield from _empty_lines(empty)
            yield piece[:text]
            empty, said = 0, True
        empty += (len(piece) - text) // 2
    if said:
        yield b"\r\n"


def _end_of_text(piece: bytes) -> int:
    """Where the line ends begin that stand at its end."""
    if not piece.endswith(b"\r\n"):
        return len(piece)
    text = len(piece.rstrip(b"\r\n"))
    tail = piece[text:]
    if tail.count(b"\r\n") * 2 == len(tail):
        return text
    # A bare CR or LF is text: line ends are what follows the last one.
    after = max(tail.rfind(b"\r\r"), tail.rfind(b"\n\n")) + 1
    return text + after + (tail[after : after + 1] == b"\n")


def _empty_lines(count: int) -> Iterator[bytes]:
    while count:
        now = min(count, _EMPTY_LINES)
        yield b"\r\n" * now
        count -= now
