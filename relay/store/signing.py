"""The key that signs heads of the ledger (`[keys] ledger`): made when missing, read, and its public half as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from relay.log import get_logger
from relay.store.keys import KeyFileError, folder_in_turn, write_key

#: Hexadecimal digits of a public key.
KEY_DIGITS: Final = 64


def load_ledger_key(path: Path) -> Ed25519PrivateKey:
    """The key in the PEM file, made (0600) where it is missing. Raises KeyFileError."""
    with folder_in_turn(path.parent):
        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_key(path, pem.decode("ascii"))
        key = _read(path)
        if path.stat().st_mode & 0o004:
            get_logger().warning("key-file-readable", path=str(path), remedy="chmod o= on the file")
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """What an outsider needs for checking: 64 hexadecimal digits, as in each head."""
    return key.public_key().public_bytes_raw().hex()


def read_public(text: str) -> str:
    """The public key, as digits, in `text`: these digits themselves, or the name of a file with them or with a PEM key
    (public or private). Raises KeyFileError.
    """
    if _is_public(text):
        return text.lower()
    try:
        content = Path(text).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise KeyFileError(
            f"{text}: neither {KEY_DIGITS} hexadecimal digits nor a file that can be read: {why}"
        ) from None
    written = content.decode("ascii", "replace").strip()
    if _is_public(written):
        return written.lower()
    if b"PRIVATE KEY" in content:
        return public_text(_read(Path(text)))
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{text}: no public Ed25519 key; consent-relay keys ledger prints it")
    return key.public_bytes_raw().hex()


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: no Ed25519 key in PEM without a password; restore it from a backup")
    return key


def _is_public(text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        return False
    return len(text) == KEY_DIGITS
