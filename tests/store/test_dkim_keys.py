from __future__ import annotations

from pathlib import Path

import pytest

from relay.config.settings import DkimKey
from relay.message.dkim import DkimKeyError, KeyType, generate
from relay.store.dkim_keys import load_signers


def test_every_domain_gets_its_signers_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "rsa.pem").write_bytes(generate(KeyType.RSA))
    (tmp_path / "ed25519.pem").write_bytes(generate(KeyType.ED25519))
    both = (
        DkimKey("brand.example", "s1", tmp_path / "rsa.pem"),
        DkimKey("brand.example", "s2", tmp_path / "ed25519.pem"),
    )
    signers = load_signers({"brand.example": both})["brand.example"]
    assert [(one.domain, one.selector, one.key.type) for one in signers] == [
        ("brand.example", "s1", KeyType.RSA),
        ("brand.example", "s2", KeyType.ED25519),
    ]


def test_a_file_that_is_no_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(DkimKeyError, match="PEM"):
        load_signers({"brand.example": (DkimKey("brand.example", "s1", tmp_path / "key.pem"),)})
