"""What is refused, and in which words, is in bad_configs; here what is taken, and as what."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.config import fields
from relay.config.mistakes import Mistake
from relay.config.settings import HostPort


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:2525", HostPort("127.0.0.1", 2525)),
        ("[::1]:25", HostPort("::1", 25)),
        ("[0:0:0:0:0:0:0:1]:25", HostPort("::1", 25)),
        ("localhost:0", HostPort("127.0.0.1", 0)),
        ("0.0.0.0:65535", HostPort("0.0.0.0", 65_535)),
    ],
)
def test_a_listening_address_is_an_ip_address_and_a_port(text: str, address: HostPort) -> None:
    assert fields.listening_address(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("MX.Brand.Example.:25", HostPort("mx.brand.example", 25)),
        ("[2001:DB8::1]:587", HostPort("2001:db8::1", 587)),
        ("localhost:25", HostPort("localhost", 25)),
        ("bücher.example:25", HostPort("xn--bcher-kva.example", 25)),
    ],
)
def test_a_remote_address_may_be_a_name(text: str, address: HostPort) -> None:
    assert fields.remote_address(text) == address


def test_a_bare_address_is_a_network_of_one() -> None:
    assert fields.network("192.0.2.7") == ip_network("192.0.2.7/32")
    assert fields.network("2001:db8::/32") == ip_network("2001:db8::/32")


def test_domains_are_lower_case_a_labels() -> None:
    assert fields.domain("Brand.Example.") == "brand.example"
    assert fields.domain("日本.example") == "xn--wgv71a.example"


def test_a_dkim_table_may_be_the_default_one() -> None:
    assert fields.dkim_domain("default") == "default"
    assert fields.dkim_domain("Brand.Example") == "brand.example"


def test_an_owner_is_a_mail_address() -> None:
    assert fields.mail_address("Team@Brand.Example") == Address("Team", "brand.example")


@pytest.mark.parametrize("pattern", ["*", "<>", "*@brand.example", "*@*.brand.example", "news@brand.example"])
def test_patterns_of_senders_stand_as_they_are(pattern: str) -> None:
    assert fields.sender_pattern(pattern) == pattern


def test_a_password_that_is_no_hash_is_never_shown() -> None:
    with pytest.raises(Mistake) as caught:
        fields.password_hash("hunter2")
    assert "hunter2" not in str(caught.value)
    assert fields.password_hash("") == ""


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://mail.brand.example/", "https://mail.brand.example"),
        ("https://brand.example/mail/", "https://brand.example/mail"),
        ("http://[::1]:8025", "http://[::1]:8025"),
        ("", ""),
    ],
)
def test_a_public_url_has_no_slash_at_its_end(text: str, url: str) -> None:
    assert fields.public_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "https://user:secret@mail.brand.example",
        "https://mail.brand.example/\r\nX: y",
        "https://mail.brand.example/<>",
        "https://mail.brand.example#x",
        "https://mail.brand.example?",
        "https://mail.brand.example:99999",
        "https://",
        "javascript:alert(1)",
        "https://b\u00fccher.example",
    ],
)
def test_a_public_url_that_could_break_a_header_is_refused(text: str) -> None:
    with pytest.raises(Mistake):
        fields.public_url(text)


@pytest.mark.parametrize("text", ["sqlite:///var/relay.db", "sqlite:////var/lib/relay.db"])
def test_a_store_is_a_path_of_three_or_four_slashes(text: str) -> None:
    assert fields.store_url(text) == text


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///", "sqlite:///var/", "sqlite:///x?mode=ro", "", "mysql:///x"])
def test_a_store_without_a_file_is_refused(text: str) -> None:
    with pytest.raises(Mistake):
        fields.store_url(text)


def test_paths_are_written_plainly() -> None:
    assert fields.path_text("./var//keys/") == "var/keys"
    with pytest.raises(Mistake):
        fields.path_text("a\0b")


PARSERS = [
    fields.listening_address,
    fields.remote_address,
    fields.network,
    fields.domain,
    fields.dkim_domain,
    fields.mail_address,
    fields.sender_pattern,
    fields.client_name,
    fields.selector,
    fields.password_hash,
    fields.store_url,
    fields.public_url,
    fields.path_text,
]


@given(st.sampled_from(PARSERS), st.text(max_size=30) | st.text(alphabet="[]:/.@*%0123456789abx-", max_size=30))
def test_any_text_is_taken_or_explained_on_one_line(parse: object, text: str) -> None:
    assert callable(parse)
    try:
        parse(text)
    except Mistake as mistake:
        said = mistake
    else:
        return
    assert said.wrong
    assert said.instead
    assert "\n" not in str(said)
