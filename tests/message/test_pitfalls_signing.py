"""Pitfalls of signatures: signed and encrypted mail that was changed elsewhere, and our own signature, made last."""

from __future__ import annotations

from base64 import b64encode, encodebytes
from email import message_from_bytes

import dkim
import pytest
from message.rebuilt import (
    HEADERS_ONLY,
    WRAP,
    body_of,
    copy,
    mail,
    many,
    refused,
    text,
    typed,
)
from rewritten import SIGNERS, rewritten

from relay.message.dkim import dns_record


@pytest.mark.parametrize("kind", ["signed", "encrypted"])
def test_23_signed_and_encrypted_mail_keeps_every_octet(kind: str) -> None:
    """https://github.com/sympa-community/sympa/issues/976"""
    content = many(text(), b"Content-Type: application/pgp-signature\r\n\r\nx", kind=kind)
    assert "signed or encrypted" in refused(content)
    assert body_of(copy(content, rules=HEADERS_ONLY)) == body_of(content)
    wrapped = message_from_bytes(copy(content, rules=WRAP))
    assert wrapped.get_content_type() == "multipart/mixed"
    assert body_of(content) in copy(content, rules=WRAP)


@pytest.mark.parametrize("kind", ["SIGNED MESSAGE", "MESSAGE"])
def test_24_inline_pgp_gets_no_unsigned_words_beside_it(kind: str) -> None:
    """https://github.com/neomutt/neomutt/issues/4228, https://github.com/Zimbra-Community/pgp-zimlet/issues/234"""
    body = f"-----BEGIN PGP {kind}-----\r\n\r\ntea\r\n-----END PGP {kind}-----\r\n".encode()
    for content in (
        mail(typed("text/plain", "us-ascii", "7bit"), body),
        mail(typed("text/plain", "us-ascii", "base64"), encodebytes(body).replace(b"\n", b"\r\n")),
    ):
        assert "PGP" in refused(content)
        assert body_of(copy(content, rules=HEADERS_ONLY)) == body_of(content)


def test_25_the_signature_is_made_last_and_verifies() -> None:
    """https://github.com/rspamd/rspamd/issues/4459"""
    record = dns_record(SIGNERS[0].key).encode()
    for content in (
        mail(typed("text/plain", "utf-8"), "thé  \r\n\r\n".encode()),
        many(text(), text("<html><body>tea</body></html>", "text/html"), kind="alternative"),
        mail(typed("text/plain", "us-ascii", "7bit"), b""),
    ):
        result = rewritten(content, "ja", sign=True).content
        assert result is not None
        assert dkim.verify(result, dnsfunc=lambda name, timeout=5: record)


def test_39_eight_bit_octets_in_signed_content_are_never_recoded() -> None:
    """https://github.com/PHPMailer/PHPMailer/issues/1197"""
    inner = typed("text/plain", "utf-8", "8bit") + b"\r\n" + "thé\r\n".encode()
    signature = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64encode(
        b"signature"
    )
    content = many(inner, signature, kind="signed")
    for rules in (HEADERS_ONLY, WRAP):
        for language in ("en", "ja"):
            assert b"--b\r\n" + inner + b"\r\n--b\r\n" + signature in copy(content, language, rules)
