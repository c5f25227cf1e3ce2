"""Addresses: what is folded and what is not, paths, and a value that cannot be built wrong."""

from __future__ import annotations

import pytest
from addresses import PHONES, parsed, why_refused

from relay.address import (
    Address,
    AddressError,
    address_from_text,
    parse_path,
    parse_reverse_path,
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("user@EXAMPLE.Com", "user@example.com"),
        ("user@example.com.", "user@example.com"),
        ("User@example.com", "User@example.com"),
        ('"user"@example.com', "user@example.com"),
        ('"us.er"@example.com', "us.er@example.com"),
        ('"us er"@example.com', '"us er"@example.com'),
        ('"us..er"@example.com', '"us..er"@example.com'),
        ('"a,b;c:d<e>f(g)[h]"@example.com', '"a,b;c:d<e>f(g)[h]"@example.com'),
        ("user@BÜCHER.example", "user@xn--bcher-kva.example"),
        ("user@XN--BCHER-KVA.example", "user@xn--bcher-kva.example"),
        ("user@bu\u0308cher.example", "user@xn--bcher-kva.example"),
        ("user@例え。テスト", "user@xn--r8jz45g.xn--zckzah"),
        ("user@例え｡テスト．", "user@xn--r8jz45g.xn--zckzah"),  # noqa: RUF001
        ("user@ｅｘａｍｐｌｅ．com", "user@example.com"),  # noqa: RUF001
        ("user@exam\u00adple.com", "user@example.com"),
        ("user@faß.de", "user@xn--fa-hia.de"),
        ("ユーザー@例え.テスト", "ユーザー@xn--r8jz45g.xn--zckzah"),
        ("cafe\u0301@example.com", "cafe\u0301@example.com"),
        ("ｕｓｅｒ@example.com", "ｕｓｅｒ@example.com"),  # noqa: RUF001
        ("user@localhost", "user@localhost"),
        ("#$&'*+-/=?^_`{|}~@example.com", "#$&'*+-/=?^_`{|}~@example.com"),
        ("a@ab--cd.example", "a@ab--cd.example"),
    ],
)
def test_only_domain_case_idna_needless_quotes_and_a_trailing_dot_are_folded(written: str, canonical: str) -> None:
    assert str(parsed(written)) == canonical
    assert parsed(written).wire == canonical.encode()


@pytest.mark.parametrize(
    "label",
    [
        "xn--",
        "xn--a",
        "xn--example-",
        "xn--99999999",
        "xn--BUCHER-",
        "xn--ls8h",
        "xn--Bcher-kva8445foa",
    ],
)
def test_an_a_label_that_does_not_stand_for_exactly_one_u_label_is_refused(label: str) -> None:
    assert "IDNA" in why_refused(f"user@{label}.example")


@pytest.mark.parametrize(
    "domain", ["exa\u2488mple.com", "exa\uff0fmple.com", "a\u200db.com", "\u0300a.com", "℀.com", "a\uff20b.com"]
)
def test_u_labels_that_idna_forbids_are_refused(domain: str) -> None:
    why_refused(f"user@{domain}")


# Old Japanese phone addresses


@pytest.mark.parametrize("local", ["a..b", "a.", ".a", "a...b.", "-a..b"])
def test_phone_addresses_of_configured_domains_are_taken_and_written_quoted(local: str) -> None:
    domain = "docomo.ne.jp"
    address = parsed(f"{local}@DoCoMo.ne.jp", loose_domains=PHONES)
    assert str(address) == f'"{local}"@{domain}'
    assert parsed(str(address)) == address
    assert parsed(str(address), loose_domains=PHONES) == address


def test_stray_dots_stay_refused_for_domains_that_are_not_configured() -> None:
    for domain in ("example.com", "mail.docomo.ne.jp", "docomo.ne.jp.example.com"):
        with pytest.raises(AddressError, match="dot"):
            parsed(f"a..b@{domain}", loose_domains=PHONES)


def test_a_loose_domain_loosens_only_the_dots() -> None:
    for local in ("a%b", "a!b", "a b", "a\\b", 'a"b', "a(b)", "", "a,b", "\r"):
        with pytest.raises(AddressError):
            parsed(f"{local}@docomo.ne.jp", loose_domains=PHONES)


# Homoglyphs are different mailboxes


def test_homoglyphs_are_never_merged() -> None:
    latin, cyrillic = parsed("paypal@example.com"), parsed("p\u0430ypal@example.com")
    assert latin != cyrillic
    assert latin.wide != cyrillic.wide
    assert parsed("a@pаypal.com").domain.startswith("xn--")  # noqa: RUF001
    assert parsed("a@pаypal.com").wide != parsed("a@paypal.com").wide  # noqa: RUF001


# Paths


def test_a_path_is_an_address_in_angle_brackets() -> None:
    assert parse_path(b"<user@example.com>", smtputf8=False) == Address("user", "example.com")
    for raw in (b"user@example.com", b"<user@example.com", b"user@example.com>", b"<<user@example.com>>", b"<", b">", b"",
                b"< user@example.com>", b"<user@example.com >", b" <user@example.com>", b"<user@example.com> SIZE=1"):  # fmt: skip
        with pytest.raises(AddressError):
            parse_path(raw, smtputf8=False)


def test_the_empty_path_is_none_for_a_sender_and_refused_for_a_recipient() -> None:
    assert parse_reverse_path(b"<>", smtputf8=False) is None
    with pytest.raises(AddressError, match="empty path"):
        parse_path(b"<>", smtputf8=False)
    for raw in (b"< >", b"<\0>", b"", b"<<>>", b'<"">', b"<@>"):
        with pytest.raises(AddressError):
            parse_reverse_path(raw, smtputf8=False)
    assert parse_reverse_path(b"<a@b.test>", smtputf8=False) == Address("a", "b.test")


def test_text_from_files_may_have_white_space_around_it() -> None:
    assert address_from_text(" \tuser@example.com\r\n") == Address("user", "example.com")
    assert address_from_text("a..b@docomo.ne.jp", loose_domains=PHONES).local == "a..b"
    for text in ("", " ", "user@example.com x", "us er@example.com", "user@example.com\0"):
        with pytest.raises(AddressError):
            address_from_text(text)


def test_a_message_never_echoes_the_bytes_it_refuses() -> None:
    for raw in (b"secret\r\n250 ok@x.test", b"secret%x@y.test", b"secret\xff@x.test", b"secret@", b'"secret'):
        assert "secret" not in why_refused(raw)


# The value


def test_an_address_cannot_be_built_wrong() -> None:
    for local, domain in (
        ("", "example.com"), ("user", ""), ("user", "Example.com"), ("user", "example.com."), ("user", "bücher.example"),
        ("user", "xn--a.example"), ("us\ner", "example.com"), ("us@er", "example.com"), ("a" * 65, "example.com"),
        ('us"er', "example.com"), ("us\\er", "example.com"), (" user", "example.com"), ("user", "192.0.2.1"),
        ("user", "example.com\n"), ("user\n", "example.com"), ("\x7f", "example.com"),
    ):  # fmt: skip
        with pytest.raises(AddressError):
            Address(local, domain)


def test_only_a_local_part_outside_ascii_needs_smtputf8_on_the_wire() -> None:
    assert parsed("user@bücher.example").is_ascii
    assert not parsed("usér@example.com").is_ascii
