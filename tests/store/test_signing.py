from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from relay.store.keys import KeyFileError
from relay.store.signing import load_ledger_key, public_text, read_public


def test_a_missing_key_is_made_once_for_our_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.pem"
    key = load_ledger_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert public_text(load_ledger_key(path)) == public_text(key)
    assert [file.name for file in path.parent.iterdir()] == ["ledger.pem"]


def test_the_public_key_is_read_from_digits_from_a_file_with_them_and_from_pem(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    key = load_ledger_key(path)
    text = public_text(key)
    assert read_public(text) == read_public(text.upper()) == read_public(str(path)) == text
    digits, public = tmp_path / "digits", tmp_path / "public.pem"
    digits.write_text(f"{text}\n")
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert read_public(str(digits)) == read_public(str(public)) == text


def test_what_is_no_key_is_refused_in_words(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    path = tmp_path / "other.pem"
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="no Ed25519 key"):
        load_ledger_key(path)
    with pytest.raises(KeyFileError, match="no Ed25519 key"):
        read_public(str(path))
    path.write_bytes(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyFileError, match="no public Ed25519 key"):
        read_public(str(path))
    path.write_text("rubbish")
    with pytest.raises(KeyFileError, match="restore it from a backup"):
        load_ledger_key(path)
    with pytest.raises(KeyFileError, match="neither 64 hexadecimal digits nor a file"):
        read_public("ab" * 31)
    with pytest.raises(KeyFileError, match="neither"):
        read_public("a\0b")
