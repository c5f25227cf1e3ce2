"""Addresses that are refused, each because it can reach another mailbox than the one that was checked; and over-long parts."""

from __future__ import annotations

import pytest
from addresses import parsed, why_refused

from relay.address import (
    MAX_DOMAIN,
    MAX_LOCAL,
    MAX_MAILBOX,
    Address,
    AddressError,
    address_from_text,
)


@pytest.mark.parametrize("control", [*range(0x20), 0x7F])
def test_every_control_character_is_refused_wherever_it_stands(control: int) -> None:
    character = bytes([control])
    for raw in (
        b"us" + character + b"er@example.com", b"user@exam" + character + b"ple.com", character + b"user@example.com",
        b"user@example.com" + character, b'"us' + character + b'er"@example.com',
    ):  # fmt: skip
        assert "control character" in why_refused(raw)


def test_a_carriage_return_in_the_local_part_does_not_vanish_into_another_address() -> None:
    assert "control character" in why_refused(b"us\rer@example.com")


def test_controls_beyond_ascii_spaces_and_noncharacters_are_refused() -> None:
    for character in "\x80\x85\x9f\xa0\u1680\u2003\u2028\u2029\u202f\u3000\ufdd0\ufffe\uffff\U0010ffff":
        assert "control, space or non-character" in why_refused(f"us{character}er@example.com")


@pytest.mark.parametrize(
    "raw",
    [
        "=?utf-8?q?user=40example.com?=@relay.test",
        "=?utf-8?B?dXNlckBleGFtcGxlLmNvbQ==?=@relay.test",
        '"=?utf-8?q?user=40example.com?="@relay.test',
        "a=?iso-8859-1?Q?b?=c@relay.test",
    ],
)
def test_an_encoded_word_is_refused(raw: str) -> None:
    assert "encoded-word" in why_refused(raw)


def test_an_equals_sign_and_a_question_mark_alone_are_no_encoded_word() -> None:
    assert str(parsed("bounce+user=example.com@relay.test")) == "bounce+user=example.com@relay.test"
    assert str(parsed("what?=x=?@relay.test")) == "what?=x=?@relay.test"


@pytest.mark.parametrize(
    "raw",
    [
        "user(home)@example.com", "(home)user@example.com", "user@(home)example.com", "user@example.com(home)",
        "user@example.com (home)",
    ],
)  # fmt: skip
def test_a_comment_is_refused(raw: str) -> None:
    why_refused(raw)


@pytest.mark.parametrize("raw", ["@relay.test:user@example.com", "@a.test,@b.test:user@example.com"])
def test_a_source_route_is_refused(raw: str) -> None:
    assert why_refused(raw) == "a source route"


@pytest.mark.parametrize("raw", ["user", "user@", "user@.", "", "@", '"user"', '"user"@', "us er"])
def test_a_missing_domain_is_refused(raw: str) -> None:
    why_refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "user@[192.0.2.1]",
        "user@[IPv6:2001:db8::1]",
        "user@[example.com]",
        "user@192.0.2.1",
        "user@1",
        "user@2.example.7",
    ],
)
def test_an_address_literal_is_refused_with_or_without_brackets(raw: str) -> None:
    assert "address literal" in why_refused(raw)


@pytest.mark.parametrize("raw", ["user%example.com@relay.test", '"user%example.com"@relay.test', "%@relay.test"])
def test_percent_routing_is_refused(raw: str) -> None:
    assert "%" in why_refused(raw)


@pytest.mark.parametrize("raw", ["example.com!user@relay.test", '"example.com!user"@relay.test'])
def test_bang_routing_is_refused(raw: str) -> None:
    assert "!" in why_refused(raw)


@pytest.mark.parametrize("raw", ['"user@example.com"@relay.test', '"@relay.test:user"@example.com', '"@"@example.com'])
def test_a_quoted_at_sign_is_refused(raw: str) -> None:
    assert "@" in why_refused(raw)


def test_two_domains_are_refused() -> None:
    assert why_refused("user@example.com@relay.test") == "more than one @"


@pytest.mark.parametrize("character", ["＠", "﹫", "％", "﹪", "！", "﹗"])  # noqa: RUF001
def test_routing_characters_in_their_full_width_forms_are_refused_in_local_parts(character: str) -> None:
    assert "local part" in why_refused(f"user{character}example.com@relay.test")


@pytest.mark.parametrize(
    "raw", [r"us\er@example.com", r'"us\er"@example.com', r'"us\"er"@example.com', r'"a\@b"@x.test']
)
def test_a_backslash_is_refused(raw: str) -> None:
    assert "backslash" in why_refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        " user@example.com", "user @example.com", "user@ example.com", "user@example.com ", '"user" @example.com',
        'user@"example.com"', '" user"@example.com', '"user "@example.com', '" "@example.com', "us er@example.com",
    ],
)  # fmt: skip
def test_spaces_around_the_parts_are_refused(raw: str) -> None:
    why_refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        '"user@example.com', 'user"@example.com', 'us"e"r@example.com', '"us".er@example.com', '"us"er@example.com',
        'us."er"@example.com', '""@example.com', '"us""er"@example.com', "<user@example.com", "user@example.com>",
        "user,other@example.com", "user;other@example.com", "user:other@example.com", "user@exa_mple.com",
        "user@exa mple.com", "user@exam:ple.com", "user@example.com/x", "user@example.com,b@example.com",
    ],
)  # fmt: skip
def test_what_is_no_dot_string_and_no_quoted_string_is_refused(raw: str) -> None:
    why_refused(raw)


@pytest.mark.parametrize("local", [".user", "user.", "us..er", ".", ".."])
def test_dots_where_none_may_stand_are_refused(local: str) -> None:
    assert why_refused(f"{local}@example.com") == "a dot where none may stand"


@pytest.mark.parametrize(
    "domain", ["-example.com", "example-.com", "example..com", ".example.com", "example.com..", "..", "a.-b.com"]
)
def test_a_domain_that_is_not_made_of_letters_digits_and_inner_hyphens_is_refused(domain: str) -> None:
    assert "domain" in why_refused(f"user@{domain}")


@pytest.mark.parametrize(
    "raw",
    [
        b"us\xffer@example.com",
        b"user@ex\xe4mple.com",
        b"\xc0\x80@example.com",
        b"us\xc3@example.com",
        b"\xf5\x80\x80\x80@x.test",
    ],
)
def test_bad_utf8_is_refused(raw: bytes) -> None:
    assert why_refused(raw) == "the address is not UTF-8"


def test_surrogates_are_refused_as_bytes_and_as_text() -> None:
    assert why_refused(b"us\xed\xa0\x80er@example.com") == "the address is not UTF-8"
    with pytest.raises(AddressError, match="surrogate"):
        address_from_text("us\ud800er@example.com")
    with pytest.raises(AddressError):
        Address("us\udfffer", "example.com")


def test_characters_outside_ascii_need_smtputf8() -> None:
    assert why_refused("usér@example.com", smtputf8=False) == "characters outside ASCII without SMTPUTF8"
    assert why_refused("user@bücher.example", smtputf8=False) == "characters outside ASCII without SMTPUTF8"


# Over-long parts


def test_a_local_part_of_64_octets_is_taken_and_65_are_refused() -> None:
    assert len(parsed("a" * 64 + "@example.com").local) == MAX_LOCAL == 64
    assert "64 octets" in why_refused("a" * 65 + "@example.com")
    assert "64 octets" in why_refused("é" * 33 + "@example.com")
    assert parsed("é" * 32 + "@example.com").local == "é" * 32


def test_quotes_count_as_octets_of_the_local_part_only_where_they_are_needed() -> None:
    assert str(parsed('"' + "a b" + "c" * 59 + '"@example.com')).index("@") == 64
    assert "64 octets" in why_refused('"' + "a b" + "c" * 60 + '"@example.com')
    assert str(parsed('"' + "a" * 64 + '"@example.com')) == "a" * 64 + "@example.com"


def domain_of(octets: int) -> str:
    labels = []
    while octets > 64:
        labels.append("d" * 63)
        octets -= 64
    return ".".join([*labels, "d" * octets])


def test_an_address_of_254_octets_is_taken_and_255_are_refused() -> None:
    assert len(str(parsed("ab@" + domain_of(251)))) == MAX_MAILBOX == 254
    assert "254 octets" in why_refused("abc@" + domain_of(251))


def test_a_domain_of_more_than_255_octets_is_refused() -> None:
    assert MAX_DOMAIN == 255
    assert "255 octets" in why_refused("a@" + domain_of(260))


def test_a_label_of_63_octets_is_taken_and_64_are_refused() -> None:
    assert parsed(f"user@{'d' * 63}.test").domain == "d" * 63 + ".test"
    assert "63 octets" in why_refused(f"user@{'d' * 64}.test")
    assert "IDNA" in why_refused(f"user@{'ü' * 60}.test")


def test_enormous_input_is_refused_at_once() -> None:
    for raw in (b"a" * 1_000_000 + b"@x.test", b"a@" + b"a." * 500_000, b"a@" + b"a-" * 500_000, b"." * 1_000_000):
        why_refused(raw)  # quadratic reading would take hours
