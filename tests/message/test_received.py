from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.envelope import Client, Connection, Transaction
from relay.message.received import date_field, message_id_field, received_field

NOW = datetime(2024, 6, 1, 9, 30, tzinfo=UTC)


def transaction(
    *, peer: str = "192.0.2.7", helo: str = "mailer.example", tls: str = "", protocol: str = "ESMTP"
) -> Transaction:
    return Transaction(
        "01HZ8", NOW, Client("mautic"), Connection(peer, helo, protocol, tls), Address("news", "brand.example")
    )


def test_the_trace_says_from_where_how_and_for_whom() -> None:
    field = received_field(
        transaction(tls="TLSv1.3 TLS_AES_256_GCM_SHA384", protocol="ESMTPSA"),
        "relay.example",
        Address("hanako", "example.jp"),
        NOW,
    )
    assert field == (
        b"Received: from mailer.example ([192.0.2.7])\r\n"
        b"\tby relay.example (consent-relay) with ESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        b"\tid 01HZ8\r\n\tfor <hanako@example.jp>;\r\n\tSat, 01 Jun 2024 09:30:00 +0000\r\n"
    )


def test_nobody_is_named_in_a_copy_for_several_and_no_address_that_needs_smtputf8() -> None:
    assert b"for" not in received_field(transaction(), "relay.example", None, NOW)
    assert b"for" not in received_field(transaction(), "relay.example", Address("花子", "example.jp"), NOW)


def test_ipv6_peers_are_written_as_literals() -> None:
    assert b"([IPv6:2001:db8::1])" in received_field(transaction(peer="2001:db8::1"), "relay.example", None, NOW)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_nothing_of_a_client_can_begin_a_new_field(helo: str, peer: str, tls: str) -> None:
    field = received_field(transaction(helo=helo, peer=peer, tls=tls), "relay.example", None, NOW)
    message = message_from_bytes(field + b"\r\n")
    assert message.keys() == ["Received"]
    assert field.decode("ascii").count(";") == 1


def test_date_and_message_id_are_fields_of_their_own() -> None:
    assert parsedate_to_datetime(date_field(NOW).decode().removeprefix("Date: ")) == NOW
    assert message_id_field("01HZ8", "relay.example") == b"Message-ID: <01HZ8@relay.example>\r\n"


def test_mail_of_the_relays_own_came_from_nowhere() -> None:
    field = received_field(transaction(peer="", helo="", protocol=""), "relay.example", None, NOW)
    assert field == (
        b"Received: by relay.example (consent-relay)\r\n\tid 01HZ8;\r\n\tSat, 01 Jun 2024 09:30:00 +0000\r\n"
    )
