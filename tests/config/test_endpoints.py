"""What clashes in one table is in bad_configs; here what is fine although it looks alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config.load import load_settings
from relay.config.settings import Login, NextHopTls, Role, Settings, Tls

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


def settings_from(folder: Path, text: str) -> Settings:
    (folder / "relay.toml").write_text(text)
    return load_settings(folder / "relay.toml", {})


def test_a_listener_with_tls_and_certificate_may_require_a_login(tmp_path: Path) -> None:
    listener = settings_from(
        tmp_path,
        '[[listener]]\naddress = "0.0.0.0:587"\ntls = "starttls"\ncertificate = "a.pem"\nkey = "/b.pem"\n'
        f'login = "required"\nproxy_from = ["10.0.0.5"]\n[[client]]\nname = "mautic"\npassword = "{HASH}"\n',
    ).listeners[0]
    assert (listener.tls, listener.login) == (Tls.STARTTLS, Login.REQUIRED)
    assert (listener.certificate, listener.key) == (tmp_path / "a.pem", Path("/b.pem"))
    assert str(listener.proxy_from[0]) == "10.0.0.5/32"


def test_mail_in_needs_no_login(tmp_path: Path) -> None:
    settings = settings_from(tmp_path, '[[listener]]\naddress = "192.0.2.1:25"\nrole = "mail-in"\nlogin = "off"\n')
    assert settings.listeners[0].role is Role.MAIL_IN


def test_a_password_may_go_in_clear_to_this_machine_only(tmp_path: Path) -> None:
    hop = settings_from(
        tmp_path, '[[next_hop]]\naddress = "127.0.0.1:25"\nusername = "relay"\npassword = "x"\n'
    ).next_hops[0]
    assert (hop.tls, hop.password) == (NextHopTls.NONE, "x")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nsecond line\n"])
def test_the_first_line_of_a_password_file_is_the_password(tmp_path: Path, ending: str) -> None:
    (tmp_path / "password").write_bytes(f"se cret{ending}".encode())
    text = (
        '[[next_hop]]\naddress = "mx.brand.example:587"\ntls = "starttls"\nusername = "u"\npassword_file = "password"\n'
    )
    assert settings_from(tmp_path, text).next_hops[0].password == "se cret"


def test_routes_and_a_way_for_the_rest_are_kept_in_order(tmp_path: Path) -> None:
    text = '[[next_hop]]\naddress = "mx.brand.example:25"\ndomains = ["Brand.Example"]\n[[next_hop]]\n[[next_hop]]\naddress = "127.0.0.1:26"\n'
    hops = settings_from(tmp_path, text).next_hops
    assert [(str(hop.address), hop.domains) for hop in hops] == [
        ("mx.brand.example:25", ("brand.example",)),
        ("127.0.0.1:25", ()),
        ("127.0.0.1:26", ()),
    ]
