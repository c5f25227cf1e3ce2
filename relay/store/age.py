"""Encrypted files in the format of age (https://age-encryption.org/v1, C2SP age.md), written and read as a stream.

A standard format, so that a backup opens without us: `age -d` asks for the passphrase, `age -d -i key.txt` takes an
identity. Two kinds of recipients: a passphrase (scrypt) and X25519 keys (age1...). The primitives are OpenSSL's.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC: Final = b"age-encryption.org/v1\n"
_SCRYPT: Final = b"age-encryption.org/v1/scrypt"
_X25519: Final = b"age-encryption.org/v1/X25519"
#: Work of guessing one passphrase: 2^18 as age itself does (256 MB, about a second); more than 2^22 is refused.
_LOG_N: Final = 18
_LARGEST_LOG_N: Final = 22
_CHUNK: Final = 1 << 16
_TAG: Final = 16
_FILE_KEY: Final = 16
_NO_NONCE: Final = bytes(12)
_LONGEST_HEADER_LINE: Final = 1 << 10
_MOST_STANZAS: Final = 1000
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class AgeError(Exception):
    """Why the file cannot be opened, or the recipient not be used; never a secret."""


Wrap = Callable[[bytes], bytes]
Unwrap = Callable[[Sequence[bytes], bytes], bytes | None]


def for_passphrase(passphrase: str, randomness: Callable[[int], bytes]) -> Wrap:
    salt = randomness(16)

    def wrap(file_key: bytes) -> bytes:
        key = _stretched(passphrase, salt, _LOG_N)
        return _stanza(
            [b"scrypt", _base64(salt), b"%d" % _LOG_N], ChaCha20Poly1305(key).encrypt(_NO_NONCE, file_key, None)
        )

    return wrap


def for_recipient(text: str) -> Wrap:
    """text: age1... Raises AgeError."""
    recipient = _bech32(text.strip(), "age")

    def wrap(file_key: bytes) -> bytes:
        own = X25519PrivateKey.generate()
        share = own.public_key().public_bytes_raw()
        key = _hkdf(own.exchange(X25519PublicKey.from_public_bytes(recipient)), share + recipient, _X25519)
        return _stanza([b"X25519", _base64(share)], ChaCha20Poly1305(key).encrypt(_NO_NONCE, file_key, None))

    return wrap


def with_passphrase(passphrase: str) -> Unwrap:
    def unwrap(arguments: Sequence[bytes], body: bytes) -> bytes | None:
        if arguments[0] != b"scrypt" or len(arguments) != 3:
            return None
        if not re.fullmatch(rb"[1-9][0-9]?", arguments[2]) or int(arguments[2]) > _LARGEST_LOG_N:
            raise AgeError("the file asks for more work than is sensible to open it")
        key = _stretched(passphrase, _unbase64(arguments[1]), int(arguments[2]))
        return _opened(key, body)

    return unwrap


def with_identities(text: str) -> Unwrap:
    """text: of an identity file, AGE-SECRET-KEY-1... one a line. Raises AgeError."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    keys = [X25519PrivateKey.from_private_bytes(_bech32(line, "AGE-SECRET-KEY-")) for line in lines]
    if not keys:
        raise AgeError("the identity file holds no AGE-SECRET-KEY-1...")

    def unwrap(arguments: Sequence[bytes], body: bytes) -> bytes | None:
        if arguments[0] != b"X25519" or len(arguments) != 2:
            return None
        share = _unbase64(arguments[1])
        for own in keys:
            try:
                shared = own.exchange(X25519PublicKey.from_public_bytes(share))
            except ValueError:
                raise AgeError("the file's header is damaged") from None
            opened = _opened(_hkdf(shared, share + own.public_key().public_bytes_raw(), _X25519), body)
            if opened is not None:
                return opened
        return None

    return unwrap


def new_identity() -> tuple[str, str]:
    """A secret identity and the recipient that belongs to it."""
    own = X25519PrivateKey.generate()
    secret = own.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    public = own.public_key().public_bytes_raw()
    return _bech32_of("age-secret-key-", secret).upper(), _bech32_of("age", public)


class AgeWriter(io.RawIOBase):
    """What is written to it goes encrypted to `out`. Only `close` ends the file; what was not closed does not open."""

    def __init__(self, out: BinaryIO, wraps: Sequence[Wrap], randomness: Callable[[int], bytes]) -> None:
        super().__init__()
        file_key, nonce = randomness(_FILE_KEY), randomness(16)
        header = MAGIC + b"".join(wrap(file_key) for wrap in wraps) + b"---"
        out.write(header + b" " + _base64(_mac(file_key, header)) + b"\n" + nonce)
        self._out = out
        self._cipher = ChaCha20Poly1305(_hkdf(file_key, nonce, b"payload"))
        self._waiting = bytearray()
        self._number = 0

    def writable(self) -> bool:
        return True

    def write(self, octets: bytes) -> int:  # type: ignore[override]  # any buffer elsewhere, octets here
        self._waiting += octets
        while len(self._waiting) > _CHUNK:
            self._seal(self._waiting[:_CHUNK], last=False)
            del self._waiting[:_CHUNK]
        return len(octets)

    def finish(self) -> None:
        self._seal(self._waiting, last=True)
        self._waiting.clear()

    def _seal(self, octets: bytes | bytearray, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last=last), bytes(octets), None))
        self._number += 1


class AgeReader(io.RawIOBase):
    """What `source` holds, decrypted. Raises AgeError when it cannot be opened, was changed, or was cut short."""

    def __init__(self, source: BinaryIO, unwrap: Unwrap) -> None:
        super().__init__()
        self._source = source
        file_key = _open_header(source, unwrap)
        nonce = _exactly(source, 16)
        self._cipher = ChaCha20Poly1305(_hkdf(file_key, nonce, b"payload"))
        self._ahead = _read(source, _CHUNK + _TAG)
        self._opened = b""
        self._number = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer elsewhere
        while not self._opened and not self._ended:
            self._next()
        part = self._opened[: len(buffer)]
        buffer[: len(part)] = part
        self._opened = self._opened[len(part) :]
        return len(part)

    def _next(self) -> None:
        chunk, self._ahead = self._ahead, _read(self._source, _CHUNK + _TAG)
        last = not self._ahead
        try:
            self._opened = self._cipher.decrypt(_nonce(self._number, last=last), chunk, None)
        except InvalidTag:
            raise AgeError("the file was changed or cut short") from None
        if last and not self._opened and self._number:
            raise AgeError("the file was changed or cut short")
        self._number += 1
        self._ended = last


def _open_header(source: BinaryIO, unwrap: Unwrap) -> bytes:
    header = _exactly(source, len(MAGIC))
    if header != MAGIC:
        raise AgeError("the file is not encrypted with age")
    found: bytes | None = None
    line = _line(source)
    for _ in range(_MOST_STANZAS):
        if not line.startswith(b"-> "):
            break
        header += line
        arguments, body = line.split()[1:], b""
        while True:
            part = _line(source)
            header += part
            body += part.strip()
            if len(part) <= 64:  # the last one is shorter than 64 characters and its line end
                break
        if found is None and arguments:
            found = unwrap(arguments, _unbase64(body))
        line = _line(source)
    if not line.startswith(b"--- "):
        raise AgeError("the file's header is damaged")
    if found is None:
        raise AgeError("the passphrase or the identity does not open the file")
    if not hmac.compare_digest(_mac(found, header + b"---"), _unbase64(line[4:].strip())):
        raise AgeError("the file's header was changed")
    return found


def _stanza(arguments: Sequence[bytes], body: bytes) -> bytes:
    return b"-> " + b" ".join(arguments) + b"\n" + _base64(body) + b"\n"  # 32 octets: one short line


def _mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_hkdf(file_key, b"", b"header"), header, hashlib.sha256)


def _opened(key: bytes, body: bytes) -> bytes | None:
    if len(body) != _FILE_KEY + _TAG:
        raise AgeError("the file's header is damaged")
    try:
        return ChaCha20Poly1305(key).decrypt(_NO_NONCE, body, None)
    except InvalidTag:
        return None


def _hkdf(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, purpose).derive(secret)


def _stretched(passphrase: str, salt: bytes, log_n: int) -> bytes:
    return Scrypt(salt=_SCRYPT + salt, length=32, n=1 << log_n, r=8, p=1).derive(passphrase.encode())


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _line(source: BinaryIO) -> bytes:
    line = source.readline(_LONGEST_HEADER_LINE)
    if not line.endswith(b"\n"):
        raise AgeError("the file's header is damaged")
    return line


def _exactly(source: BinaryIO, octets: int) -> bytes:
    got = _read(source, octets)
    if len(got) != octets:
        raise AgeError("the file was cut short")
    return got


def _read(source: BinaryIO, octets: int) -> bytes:
    """Pipes give less than was asked for."""
    got = b""
    while len(got) < octets and (part := source.read(octets - len(got))):
        got += part
    return got


def _base64(octets: bytes) -> bytes:
    return b64encode(octets).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    try:
        octets = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        octets = b""
    if not octets or _base64(octets) != text:
        raise AgeError("the file's header is damaged")
    return octets


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= part if top >> place & 1 else 0
    return check


def _expanded(prefix: str) -> list[int]:
    return [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]


def _bech32(text: str, prefix: str) -> bytes:
    """The 32 octets in a Bech32 text (BIP 173). Raises AgeError, which does not repeat the text: it may be secret."""
    head, _, data = text.rpartition("1")
    values = [_BECH32.find(one) for one in data.lower()]
    sound = head == prefix and text in (text.lower(), text.upper()) and min(values, default=-1) >= 0
    if not sound or _polymod(_expanded(prefix.lower()) + values) != 1:
        raise AgeError(f"this is no {prefix}1... key, or a character of it is wrong")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    surplus = 5 * len(values[:-6]) - 256
    if not 0 <= surplus < 5 or number & ((1 << surplus) - 1):
        raise AgeError(f"this is no {prefix}1... key, or a character of it is wrong")
    return (number >> surplus).to_bytes(32, "big")


def _bech32_of(prefix: str, octets: bytes) -> str:
    surplus = -len(octets) * 8 % 5
    number = int.from_bytes(octets, "big") << surplus
    count = (len(octets) * 8 + surplus) // 5
    values = [number >> 5 * (count - 1 - place) & 31 for place in range(count)]
    check = _polymod([*_expanded(prefix), *values, *[0] * 6]) ^ 1
    return (
        prefix
        + "1"
        + "".join(_BECH32[one] for one in [*values, *[check >> 5 * (5 - place) & 31 for place in range(6)]])
    )
