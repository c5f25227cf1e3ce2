"""What reads our signatures back: true where dkimpy finds them good, and each kind of damage is seen."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.dkim import OVERSIGNED, KeyType, Signer, dns_name, dns_record, generate, load_key, signed
from relay.message.index import MAX_FIELDS
from relay.message.verified import signature_problem

NOW = datetime(2024, 6, 1, tzinfo=UTC)
RSA = Signer("brand.example", "s1", load_key(generate(KeyType.RSA)))
ED25519 = Signer("brand.example", "e1", load_key(generate(KeyType.ED25519)))
BOTH = (RSA, ED25519)
HEAD = (
    b"Received: from x by y; Sat, 1 Jun 2024 00:00:00 +0000\r\nFrom: Brand <news@brand.example>\r\n"
    b"To: hanako@example.jp\r\nSubject: =?utf-8?B?6Iy2?=\r\n  folded \t subject\r\n"
    b"Date: Sat, 1 Jun 2024 00:00:00 +0000\r\nReceived: from z by x\r\n"
)
MESSAGE = HEAD + b"\r\nbody \t text  \r\n\r\n\r\n"
#: The same key, but not the same pair.
OTHER_KEY = {RSA: load_key(generate(KeyType.RSA)), ED25519: load_key(generate(KeyType.ED25519))}


def by_dkimpy(message: bytes, signers: tuple[Signer, ...] = BOTH) -> bool:
    records = {f"{dns_name(one.domain, one.selector)}.".encode(): dns_record(one.key).encode() for one in signers}

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    try:
        return all(dkim.DKIM(message).verify(idx=number, dnsfunc=ask) for number in range(len(signers)))
    except (dkim.DKIMException, ValueError):  # PyNaCl's word for a signature that is too short
        return False


@pytest.mark.parametrize("signers", [(RSA,), (ED25519,), BOTH])
def test_what_was_just_signed_is_good(signers: tuple[Signer, ...]) -> None:
    message = signed(MESSAGE, signers, NOW)
    assert signature_problem(message, signers) == ""
    assert by_dkimpy(message, signers)


def test_without_signers_nothing_was_promised() -> None:
    assert signature_problem(MESSAGE, ()) == ""
    assert signature_problem(b"", ()) == ""


_BODY = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"x", b"\r", b"\n", b"  \t", b"\r\n\r\n", b"From x\r\n", b"--b\r\n", b"\v"]),
    max_size=40,
).map(b"".join)


@given(_BODY)
def test_any_body_is_good_here_and_for_dkimpy(body: bytes) -> None:
    message = signed(HEAD + b"\r\n" + body, BOTH, NOW)
    assert signature_problem(message, BOTH) == ""
    bare = message.replace(b"\r\n", b"")
    if b"\r" not in bare and b"\n" not in bare:  # which dkimpy takes for line ends, and no client may send
        assert by_dkimpy(message if message.endswith(b"\r\n") else message + b"\r\n")


_PIECES = st.lists(
    st.sampled_from(
        [b"From: a@b.example\r\n", b"from : x\r\n", b"To:", b"Subject", b":", b" ", b"\t", b"\r\n", b"\r", b"\n", b"x", b"\v",
         b"From ", b"no field\r\n", b"DKIM-Signature: v=1; b=\r\n", b"Subject: x" * 200, b"\xe8", b"Cc: a,\r\n b\r\n"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(_PIECES)
def test_any_octets_below_a_field_are_good_once_signed(content: bytes) -> None:
    """Received stands above whatever a mailer sent."""
    message = signed(b"Received: by relay.brand.example\r\n" + content, BOTH, NOW)
    assert signature_problem(message, BOTH) == ""


@given(_PIECES, st.binary(max_size=200))
def test_no_octets_make_it_fail(pieces: bytes, octets: bytes) -> None:
    for content in (pieces, octets, pieces + octets, b"DKIM-Signature:" + octets, b"DKIM-Signature: v=1;" + pieces):
        assert signature_problem(content, BOTH) != ""
    assert signature_problem(pieces + octets, ()) == ""


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b" \r\n", b"x", b"x ", b" ", b"\t", b"x\r\n ", b"x\r\n\r\n ", b"\r\n" * 9000]
)
def test_odd_ends_of_the_body_are_good(body: bytes) -> None:
    assert signature_problem(signed(HEAD + b"\r\n" + body, BOTH, NOW), BOTH) == ""


def test_a_message_without_a_body_or_with_an_mbox_line_is_good() -> None:
    for content in (HEAD, HEAD.removesuffix(b"\r\n"), b"From x Sat Jun 1 00:00:00 2024\r\n" + MESSAGE):
        assert signature_problem(signed(content, BOTH, NOW), BOTH) == ""


def test_a_line_that_is_no_field_ends_the_header_block_as_it_does_for_postfix() -> None:
    message = signed(HEAD + b"no field\r\nmore\r\n\r\nbody\r\n", BOTH, NOW)
    assert signature_problem(message, BOTH) == ""
    assert by_dkimpy(message.replace(b"no field", b"\r\nno field"))


@pytest.mark.parametrize("piece", [b" ", b"\r\n", b"x", b"x y  z\r\n", b" \t\r\n", b"\r", b"xy" + b" " * 70_000])
def test_a_body_of_many_pieces_is_good(piece: bytes) -> None:
    body = piece * (300_000 // len(piece))
    for tail in (b"", b"\r\n", b" x", b"\r\n" * 3):
        assert signature_problem(signed(HEAD + b"\r\n" + body + tail, BOTH, NOW), BOTH) == ""


def test_a_last_piece_of_nothing_but_line_ends_ends_the_line_before() -> None:
    for length in range(65_530, 65_545):
        message = signed(HEAD + b"\r\n" + b"x" * length + b"\r\n" * 3, (RSA,), NOW)
        assert signature_problem(message, (RSA,)) == ""


def test_a_large_message_needs_no_second_copy() -> None:
    message = signed(HEAD + b"\r\n" + b"0123456789 abcdef  \r\n" * 500_000, (RSA,), NOW)
    tracemalloc.start()
    try:
        assert signature_problem(message, (RSA,)) == ""
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [
        b" " * 10_000_000,
        (b" " * 990 + b"x\r\n") * 10_000,
        b"\t " * 5_000_000,
        b"\r\n" * 5_000_000,
        b" \r\n" * 3_000_000,
    ],
)
def test_hostile_bodies_are_read_in_linear_time(body: bytes) -> None:
    """With time that grows faster than the body, this would not end."""
    assert signature_problem(signed(HEAD + b"\r\n" + body, (RSA,), NOW), (RSA,)) == ""


@pytest.mark.parametrize(
    "head",
    [b"Subject:" + b" \r\n" * 80_000, b"Subject: x\r\n" * 900, b"x" * 10_000_000, b"x" + b" " * 10_000_000 + b"x"],
    ids=["folds", "fields", "a word without a colon", "a name without a colon"],
)
def test_hostile_header_blocks_are_read_in_linear_time(head: bytes) -> None:
    message = signed(b"From: a@b.example\r\n" + head + b"\r\n" + MESSAGE, (RSA,), NOW)
    assert signature_problem(message, (RSA,)) == ""


def test_a_header_block_that_was_not_read_to_its_end_was_not_signed_to_its_end() -> None:
    message = signed(b"Subject: x\r\n" * (MAX_FIELDS + 1) + MESSAGE, (RSA,), NOW)
    assert "it does not fit the body" in signature_problem(message, (RSA,))


# --- damage ----------------------------------------------------------------------------------------------------------

_DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a changed body": (lambda m: m.replace(b"text", b"test"), "it does not fit the body"),
    "a longer body": (lambda m: m + b"more\r\n", "it does not fit the body"),
    "no body": (lambda m: m.replace(b"body \t text", b""), "it does not fit the body"),
    "an empty line more": (lambda m: m.replace(b"\r\n\r\n", b"\r\n\r\n\r\n", 1), "it does not fit the body"),
    "a changed field": (lambda m: m.replace(b"hanako", b"taro"), "it does not fit the header fields and the key"),
    "a changed word in a fold": (lambda m: m.replace(b"folded", b"felded"), "it does not fit the header fields and the key"),
    "a field less": (lambda m: m.replace(b"To: hanako@example.jp\r\n", b""), "it does not fit the header fields and the key"),
    "another From below": (
        lambda m: m.replace(b"\r\n\r\n", b"\r\nFrom: x@evil.example\r\n\r\n", 1),
        "it does not fit the header fields and the key",
    ),
    "fields in another order": (
        lambda m: m.replace(b"To: hanako@example.jp\r\n", b"").replace(b"From: B", b"From: hanako\r\nTo: B"),
        "it does not fit the header fields and the key",
    ),
    "another time": (lambda m: m.replace(b" t=", b" t=1"), "it does not fit the header fields and the key"),
    "another domain": (
        lambda m: m.replace(b"d=brand.example", b"d=other.example"),
        "it names another version, algorithm, canonicalisation, domain or selector",
    ),
    "another selector": (
        lambda m: m.replace(b"s=s1", b"s=s2"),
        "it names another version, algorithm, canonicalisation, domain or selector",
    ),
    "a length": (lambda m: m.replace(b" v=1;", b" v=1; l=1;"), "its tags are not those that were written"),
    "a tag twice": (lambda m: m.replace(b" v=1;", b" v=1; v=1;"), "its tags are not those that were written"),
    "a tag without a value": (lambda m: m.replace(b" v=1;", b" v=1; x;"), "its tags are not those that were written"),
    "no body hash": (lambda m: re.sub(rb"\tbh=[^;]*;\r\n", b"", m), "its tags are not those that were written"),
    "a body hash that fits no signature": (
        lambda m: re.sub(rb"bh=[^;]*;", b"bh=AAAA;", m),
        "it does not fit the body",
    ),
    "From not covered": (lambda m: m.replace(b"h=from:from:", b"h="), "it does not cover From"),
    "a name less in h=": (lambda m: m.replace(b":subject:subject", b":subject"), "it does not fit the header fields and the key"),
    "a signature of other letters": (
        lambda m: re.sub(rb"(\tb=)....", rb"\1AAAA", m),
        "it does not fit the header fields and the key",
    ),
    "a signature of no letters": (lambda m: re.sub(rb"(\tb=)....", rb"\1.,!?", m), "it does not fit the header fields and the key"),
    "signs between the letters": (
        lambda m: re.sub(rb"(\tb=....)", rb"\1!", m),
        "it does not fit the header fields and the key",
    ),
    "a short signature": (lambda m: re.sub(rb"(\tb=)[^\r]*", rb"\1", m), "it does not fit the header fields and the key"),
}  # fmt: skip


@pytest.mark.parametrize("signer", [RSA, ED25519], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("damage", _DAMAGE)
def test_damage_is_found_and_dkimpy_agrees(damage: str, signer: Signer) -> None:
    harm, words = _DAMAGE[damage]
    message = signed(MESSAGE, (signer,), NOW)
    harmed = harm(message.replace(b"s=e1", b"s=s1") if signer is ED25519 else message)
    harmed = harmed.replace(b"s=s1", b"s=e1") if signer is ED25519 else harmed
    assert harmed != message
    expected = f"the signature of brand.example with selector {signer.selector}: {words}"
    assert signature_problem(harmed, (signer,)) == expected
    if damage != "signs between the letters":  # which it overlooks
        assert not by_dkimpy(harmed, (signer,))


@pytest.mark.parametrize("name", OVERSIGNED)
def test_no_field_of_the_list_can_be_added(name: str) -> None:
    message = signed(MESSAGE, BOTH, NOW)
    added = f"{name}: added@evil.example\r\n\r\n".encode()
    assert "header fields" in signature_problem(message.replace(b"\r\n\r\n", b"\r\n" + added, 1), BOTH)


@pytest.mark.parametrize("signer", BOTH, ids=["rsa", "ed25519"])
def test_another_key_is_found(signer: Signer) -> None:
    message = signed(MESSAGE, (replace(signer, key=OTHER_KEY[signer]),), NOW)
    assert "the key" in signature_problem(message, (signer,))


def test_another_kind_of_key_is_found() -> None:
    message = signed(MESSAGE, (replace(RSA, key=ED25519.key),), NOW)
    assert "another version, algorithm" in signature_problem(message, (RSA,))


def test_a_second_signature_that_is_wrong_is_found() -> None:
    message = signed(MESSAGE, (RSA, replace(ED25519, key=OTHER_KEY[ED25519])), NOW)
    assert signature_problem(message, BOTH).startswith("the signature of brand.example with selector e1: ")


def test_missing_signatures_are_found() -> None:
    assert signature_problem(MESSAGE, BOTH) == "0 of 2 signatures stand on top of the message"
    assert signature_problem(signed(MESSAGE, (RSA,), NOW), BOTH) == "1 of 2 signatures stand on top of the message"
    assert signature_problem(b"", BOTH) == "0 of 2 signatures stand on top of the message"


def test_signatures_that_do_not_stand_on_top_are_found() -> None:
    message = signed(MESSAGE, BOTH, NOW)
    assert signature_problem(b"X-Above: 1\r\n" + message, BOTH) == "0 of 2 signatures stand on top of the message"
    assert signature_problem(b"\r\n" + message, BOTH) == "0 of 2 signatures stand on top of the message"
    swapped = signed(MESSAGE, (ED25519, RSA), NOW)
    assert "another version, algorithm" in signature_problem(swapped, BOTH)


def test_older_signatures_below_do_not_count() -> None:
    before = b"DKIM-Signature: v=1; a=rsa-sha256; d=mailer.example; s=x; h=from; bh=AAAA; b=AAAA\r\n" + MESSAGE
    assert signature_problem(signed(before, BOTH, NOW), BOTH) == ""
    assert "other version" in signature_problem(before, (RSA,)) or "tags" in signature_problem(before, (RSA,))


def test_the_words_hold_nothing_of_the_message() -> None:
    message = signed(MESSAGE, (RSA,), NOW).replace(b"hanako", b"taro")
    assert "taro" not in signature_problem(message, (RSA,))
