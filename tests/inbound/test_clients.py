from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from relay.config.settings import ClientSettings
from relay.envelope import Client, Refusal
from relay.inbound.clients import ClientDirectory, is_listed, peer_of


def directory() -> ClientDirectory:
    return ClientDirectory(
        [
            ClientSettings("wide", networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))),
            ClientSettings("narrow", networks=(ip_network("10.1.0.0/16"),)),
            ClientSettings("same", networks=(ip_network("10.1.0.0/16"),)),
            ClientSettings("mautic", password="hash", senders=("*@x.example",), retries=True, refusal=Refusal.HOLD),
        ]
    )


def name_at(peer: str) -> str | None:
    client = directory().by_network(peer_of(peer))
    return client.name if client else None


def test_the_narrowest_network_decides_and_of_equal_ones_the_first() -> None:
    assert name_at("10.2.0.1") == "wide"
    assert name_at("10.1.0.1") == "narrow"
    assert name_at("192.0.2.1") is None


def test_ipv4_through_an_ipv6_socket_is_ipv4() -> None:
    assert name_at("::ffff:10.1.0.1") == "narrow"
    assert name_at("2001:db8::1") == "wide"
    assert name_at("fe80::1%lo") is None


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="localhost"):
        peer_of("localhost")


def test_only_clients_with_a_password_have_credentials_and_the_client_carries_its_settings() -> None:
    found = directory().by_name("mautic")
    assert found is not None
    assert found.client == Client("mautic", ("*@x.example",), retries=True, refusal=Refusal.HOLD)
    assert "hash" not in repr(found)
    assert directory().by_name("wide") is None
    assert directory().by_name("") is None


def test_somebody_is_anyone_only_where_there_is_a_password() -> None:
    assert directory().anyone is not None
    assert ClientDirectory([ClientSettings("a")]).anyone is None


def test_peers_are_listed_by_network() -> None:
    assert is_listed(ip_address("10.0.0.1"), (ip_network("192.0.2.0/24"), ip_network("10.0.0.0/8")))
    assert not is_listed(ip_address("::1"), (ip_network("0.0.0.0/0"),))
