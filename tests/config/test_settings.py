from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from relay.config.load import load_settings
from relay.config.settings import ClientSettings, HostPort, NextHop, WebSettings


def test_an_address_is_written_with_brackets_around_ipv6() -> None:
    assert str(HostPort("127.0.0.1", 25)) == "127.0.0.1:25"
    assert str(HostPort("::1", 25)) == "[::1]:25"


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("mx.brand.example", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_known_by_address_or_name(host: str, is_loopback: bool) -> None:
    assert HostPort(host, 25).is_loopback is is_loopback


@pytest.mark.parametrize(
    ("url", "is_https", "is_loopback"),
    [
        ("https://mail.brand.example", True, False),
        ("http://127.0.0.1:8025", False, True),
        ("http://[::1]:8025/mail", False, True),
        ("http://localhost", False, True),
        ("http://mail.brand.example:8025", False, False),
        ("http://127.0.0.1.brand.example", False, False),
    ],
)
def test_a_public_url_knows_who_can_open_it(url: str, is_https: bool, is_loopback: bool) -> None:
    web = WebSettings(HostPort("127.0.0.1", 8025), url)
    assert (web.is_https, web.is_loopback) == (is_https, is_loopback)


def test_passwords_are_in_no_representation() -> None:
    assert "secret" not in repr(ClientSettings("mautic", "secret"))
    assert "secret" not in repr(NextHop(HostPort("mx.brand.example", 25), password="secret"))


def test_settings_travel_to_spawned_processes() -> None:
    settings = load_settings(None, {})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_every_path_is_absolute() -> None:
    settings = load_settings(None, {})
    assert all(
        isinstance(path, Path) and path.is_absolute()
        for path in (
            settings.folder,
            settings.policies,
            settings.store.path,
            settings.store.journal,
            settings.keys.tokens,
            settings.keys.addresses,
            settings.keys.people,
            settings.keys.ledger,
            settings.ledger.heads,
        )
    )
