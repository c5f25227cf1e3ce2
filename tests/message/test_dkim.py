"""Our signatures in the eyes of dkimpy, and our canonicalisation beside dkimpy's."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from relay.message.dkim import (
    OVERSIGNED,
    DkimKeyError,
    KeyType,
    PrivateKey,
    Signer,
    _canonical,
    _has_strange_space,
    choose_signers,
    dns_name,
    dns_record,
    generate,
    load_key,
    relaxed_body,
    signed,
)
from relay.message.index import Field

NOW = datetime(2024, 6, 1, tzinfo=UTC)
RSA = load_key(generate(KeyType.RSA))
ED25519 = load_key(generate(KeyType.ED25519))
SIGNERS = (Signer("brand.example", "s1", RSA), Signer("brand.example", "e1", ED25519))
MESSAGE = (
    b"Received: from x by y; Sat, 1 Jun 2024 00:00:00 +0000\r\nFrom: Brand <news@brand.example>\r\n"
    b"To: hanako@example.jp\r\nSubject: =?utf-8?B?6Iy2?=\r\n  folded \t subject\r\nDate: Sat, 1 Jun 2024 00:00:00 +0000\r\n"
    b"List-Unsubscribe: <https://mail.example/u/x>\r\n\r\nbody \t text  \r\n\r\n\r\n"
)


def record(name: bytes, timeout: int = 5) -> bytes:
    """What DNS would answer."""
    records = {f"{dns_name(one.domain, one.selector)}.".encode(): dns_record(one.key).encode() for one in SIGNERS}
    return records[name]


def verifies(message: bytes, which: int = 0) -> bool:
    try:
        return bool(dkim.DKIM(message).verify(idx=which, dnsfunc=record))
    except dkim.ValidationError:
        return False


def fields_on_top(message: bytes, signers: Sequence[Signer]) -> bytes:
    result = signed(message, signers, NOW)
    assert result.endswith(message)
    return result.removesuffix(message)


def test_both_kinds_of_signature_verify() -> None:
    message = signed(MESSAGE, SIGNERS, NOW)
    assert verifies(message, 0)
    assert verifies(message, 1)
    assert message.endswith(MESSAGE)


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n", b"x", b" \r\n", b"a\r\n \t\r\n", b"\ttab  two\r\n"])
def test_odd_ends_of_the_body_verify(body: bytes) -> None:
    message = signed(MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body, SIGNERS, NOW)
    on_the_wire = message if message.endswith(b"\r\n") else message + b"\r\n"
    assert verifies(on_the_wire)


@pytest.mark.parametrize("name", OVERSIGNED)
def test_no_field_of_the_list_can_be_added_or_changed_afterwards(name: str) -> None:
    message = signed(MESSAGE, SIGNERS, NOW)
    assert not verifies(message.replace(b"\r\n\r\n", f"\r\n{name}: added@evil.example\r\n\r\n".encode(), 1))
    assert not verifies(f"{name}: added@evil.example\r\n".encode() + message)


def test_the_body_cannot_be_changed_or_lengthened() -> None:
    message = signed(MESSAGE, SIGNERS, NOW)
    assert not verifies(message + b"more\r\n")
    assert not verifies(message.replace(b"text", b"test"))


def test_a_signature_has_no_length_and_the_tags_that_verifiers_want() -> None:
    fields = re.sub(r"\s", "", fields_on_top(MESSAGE, SIGNERS[1:]).decode().partition(":")[2])
    tags = dict(tag.split("=", 1) for tag in fields.split(";"))
    assert list(tags) == ["v", "a", "c", "d", "s", "t", "h", "bh", "b"]
    assert (tags["a"], tags["s"], tags["t"]) == ("ed25519-sha256", "e1", str(int(NOW.timestamp())))


def test_both_one_click_fields_are_covered() -> None:
    fields = re.sub(r"\s", "", fields_on_top(MESSAGE, SIGNERS[:1]).decode())
    names = re.findall(r";h=([^;]*)", fields)[0].split(":")
    assert names.count("list-unsubscribe") == 2
    assert names.count("list-unsubscribe-post") == 1
    assert names[:2] == ["from", "from"]


def test_the_value_starts_on_the_first_line_and_no_line_is_long() -> None:
    for line in fields_on_top(MESSAGE, SIGNERS).split(b"\r\n"):
        assert len(line) <= 78
    assert fields_on_top(MESSAGE, SIGNERS).startswith(
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=brand.example;"
    )


def test_a_field_that_the_next_hop_would_break_is_left_off() -> None:
    long = MESSAGE.replace(b"Subject: ", b"Subject: " + b"x" * 1000)
    fields = re.sub(r"\s", "", fields_on_top(long, SIGNERS[:1]).decode())
    assert ":subject:" not in fields
    assert verifies(signed(long, SIGNERS, NOW))


def test_a_field_that_stands_often_is_signed_as_often_within_bounds() -> None:
    assert verifies(signed(b"To: a@b.example\r\n" * 5 + MESSAGE, SIGNERS, NOW))
    assert len(fields_on_top(b"To: a@b.example\r\n" * 5000 + MESSAGE, SIGNERS[:1])) < 2000


def test_signatures_stand_below_an_mbox_line() -> None:
    assert signed(b"From x Sat\r\n" + MESSAGE, SIGNERS, NOW).startswith(b"From x Sat\r\nDKIM-Signature:")


def test_without_signers_nothing_changes() -> None:
    assert signed(MESSAGE, (), NOW) == MESSAGE


_BODY = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"x", b"\r", b"\n", b"  \t", b"\r\n" * 3, b" \r\n", b"\v", b"word", b"=20"]),
    max_size=40,
).map(b"".join)


def canonical(body: bytes, size: int) -> bytes:
    return b"".join(relaxed_body(body, 0, size))


def by_dkimpy(body: bytes) -> bytes:
    on_the_wire = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    return bytes(Relaxed.canonicalize_body(on_the_wire)) if body else b""


@given(_BODY, st.integers(1, 9))
def test_the_body_is_canonicalised_as_dkimpy_does_wherever_its_pieces_are_cut(body: bytes, size: int) -> None:
    assert canonical(body, size) == by_dkimpy(body)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_octets_are_canonicalised_as_dkimpy_does(body: bytes, size: int) -> None:
    assert canonical(body, size) == by_dkimpy(body)


@given(_BODY, st.binary(max_size=20))
def test_only_what_follows_the_header_block_counts(body: bytes, before: bytes) -> None:
    assert b"".join(relaxed_body(before + body, len(before))) == canonical(body, 1000)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a" + b" " * 50 + b"b\r\n", b"a b\r\n"),
        (b"a" + b" \t" * 50 + b"\r\n", b"a\r\n"),
        (b"a\r\n" * 20, b"a\r\n" * 20),
        (b"a" + b"\r\n" * 50, b"a\r\n"),
        (b"a" + b"\r\n" * 50 + b"b", b"a" + b"\r\n" * 50 + b"b\r\n"),
        (b"a" + b" \r\n" * 50 + b"b\r\n", b"a" + b"\r\n" * 50 + b"b\r\n"),
        (b"a\rb\nc\r\r\n\n\r\n", b"a\rb\nc\r\r\n\n\r\n"),
        (b"a\r\n\r", b"a\r\n\r\r\n"),
        (b"\r\n" * 50, b""),
        (b" \r\n\t\r\n", b""),
        (b"\n", b"\n\r\n"),
        (b"", b""),
    ],
)
def test_a_body_is_the_same_wherever_its_pieces_are_cut(body: bytes, expected: bytes) -> None:
    assert by_dkimpy(body) == expected
    for size in range(1, len(body) + 2):
        assert canonical(body, size) == expected


_LARGE = {
    "lines of spaces": ((b" " * 990 + b"x\r\n") * 10_000, 10_000 * len(b" x\r\n")),
    "one line of spaces": (b" " * 10_000_000 + b"x\r\n", len(b" x\r\n")),
    "white space of both kinds": (b"\t " * 5_000_000, 0),
    "empty lines": (b"\r\n" * 5_000_000, 0),
    "empty lines before a word": (b"\r\n" * 5_000_000 + b"x\r\n", 10_000_003),
    "lines of one space": (b" \r\n" * 3_000_000, 0),
    "bare line ends": (b"\r\r\n\n" * 2_500_000 + b"\r\n", 10_000_002),
}


@pytest.mark.parametrize("name", _LARGE)
def test_a_large_body_costs_no_more_memory_than_a_few_pieces(name: str) -> None:
    """With time that grows faster than the body, this would not end."""
    body, length = _LARGE[name]
    tracemalloc.start()
    try:
        assert sum(map(len, relaxed_body(body))) == length
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_signing_a_large_message_needs_no_second_copy_of_it() -> None:
    message = b"From x Sat\r\n" + MESSAGE + b"0123456789abcdef \r\n" * 500_000
    tracemalloc.start()
    try:
        result = signed(message, SIGNERS, NOW)
        assert tracemalloc.get_traced_memory()[1] < len(result) + 2_000_000
    finally:
        tracemalloc.stop()


_VALUE = st.lists(
    st.sampled_from(
        [b" ", b"\t", b"\r\n ", b"\r\n\t", b"x", b"  \t", b"=?utf-8?Q?=20?=", b"x\vx", b"x\fx", b"\xe8", b";", b":"]
    ),
    max_size=30,
).map(b"".join)


@given(_VALUE, st.booleans())
def test_fields_are_canonicalised_as_dkimpy_does(value: bytes, with_tab: bool) -> None:
    content = b"subject:" + value + b"\r\n" + (b"X: a\vb\r\n" if with_tab else b"")
    [(_, expected)] = Relaxed.canonicalize_headers([(b"subject", value + b"\r\n")])
    one = Field("subject", 0, 8, 10 + len(value))
    assert _canonical(content, one, strange=_has_strange_space(content, 0, len(content))) == b"subject:" + expected


@pytest.mark.parametrize("space", [b"\v", b"\f", b"\r", b"\n"])
def test_a_field_with_white_space_that_verifiers_disagree_on_is_left_off(space: bytes) -> None:
    message = MESSAGE.replace(b"folded", b"fol" + space + b"ded")
    fields = re.sub(r"\s", "", fields_on_top(message, SIGNERS[:1]).decode())
    assert ":subject:" not in fields
    assert ":to:to:" in fields


def test_from_is_signed_whatever_it_holds() -> None:
    for value in (b"x\vy \f z <news@brand.example>", b"x" * 1000 + b" <news@brand.example>"):
        message = signed(MESSAGE.replace(b"Brand <news@brand.example>", value), SIGNERS, NOW)
        assert b"h=from:from:" in message
        assert verifies(message)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    signed(content, SIGNERS[1:], NOW)


def test_keys_are_chosen_by_domain_then_by_the_domain_above_then_by_default() -> None:
    own, above, default = ((Signer(name, "s", ED25519),) for name in ("own", "above", "default"))
    keys = {"news.brand.example": own, "brand.example": above, "default": default}
    assert choose_signers(keys, "news.brand.example") is own
    assert choose_signers(keys, "offers.brand.example") is above
    assert choose_signers(keys, "other.example") is default
    assert choose_signers(keys, "") is default
    assert choose_signers({}, "brand.example") == ()


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def test_only_keys_that_verifiers_take_are_loaded() -> None:
    for wrong in (
        b"",
        b"no key",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(rsa.generate_private_key(65537, 2048), b"secret"),
    ):
        with pytest.raises(DkimKeyError):
            load_key(wrong)
    old = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    assert load_key(old).type is KeyType.RSA


def test_keys_do_not_show_themselves() -> None:
    assert repr(RSA) == "PrivateKey(rsa)"
    assert isinstance(RSA, PrivateKey)
    assert "PRIVATE" not in repr(SIGNERS)


def test_dns_records_name_the_kind_of_key() -> None:
    assert dns_record(RSA).startswith("v=DKIM1; k=rsa; p=MIIB")
    assert re.fullmatch(r"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=", dns_record(ED25519))
    assert dns_name("brand.example", "s1") == "s1._domainkey.brand.example"
