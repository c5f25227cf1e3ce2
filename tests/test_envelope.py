from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from relay.address import address_from_text
from relay.envelope import Body, Client, Connection, MailParameters, Transaction

NOW = datetime(2026, 5, 4, tzinfo=UTC)
CONNECTION = Connection("192.0.2.1", "shop.example", "ESMTP")


def test_the_null_sender_is_the_empty_text() -> None:
    assert Transaction("01J", NOW, Client("shop"), CONNECTION, None).sender_text == ""


def test_a_sender_is_shown_in_canonical_form() -> None:
    sender = address_from_text('"news"@BRAND.example')
    assert Transaction("01J", NOW, Client("shop"), CONNECTION, sender).sender_text == "news@brand.example"


def test_a_transaction_cannot_be_changed_on_its_way() -> None:
    tx = Transaction("01J", NOW, Client("shop"), CONNECTION, None)
    with pytest.raises(FrozenInstanceError):
        tx.sender = address_from_text("other@brand.example")  # type: ignore[misc]


def test_mail_is_seven_bit_unless_said_otherwise() -> None:
    assert MailParameters().body is Body.SEVEN_BIT
    assert not MailParameters().smtputf8
