from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.tokens import KEY_LENGTH, Claims, Purpose, TokenKeys, is_well_formed, seal, unseal

OLD, NEW = b"o" * KEY_LENGTH, b"n" * KEY_LENGTH
KEYS = TokenKeys({"old111": OLD, "new222": NEW}, "new222")
CLAIMS = Claims(Address("hanako", "example.jp"), "newsletter", "01JD8QZ3T5N8W4X7Y2V6R9K0MA")

URL_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def test_a_token_says_what_was_sealed_in_it() -> None:
    token = seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS)
    assert is_well_formed(token)
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, token) == CLAIMS


@given(
    local=st.from_regex(r"[a-zA-Z0-9._+-]{1,40}", fullmatch=True).filter(lambda text: len(text) <= 40),
    stream=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    decision=st.sampled_from(["", "01JD8QZ3T5N8W4X7Y2V6R9K0MA"]),
)
def test_any_address_stream_and_decision_come_back(local: str, stream: str, decision: str) -> None:
    claims = Claims(Address(local, "example.jp"), stream, decision)
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, seal(KEYS, Purpose.UNSUBSCRIBE, claims)) == claims


@pytest.mark.parametrize("local", ["a..b", "山田", "two words"])
def test_addresses_outside_the_ordinary_come_back(local: str) -> None:
    claims = Claims(Address(local, "docomo.ne.jp"), "s", "")
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, seal(KEYS, Purpose.UNSUBSCRIBE, claims)) == claims


def test_a_token_of_one_purpose_does_not_open_for_another() -> None:
    for purpose in Purpose:
        token = seal(KEYS, purpose, CLAIMS)
        assert [other for other in Purpose if unseal(KEYS, other, token) is not None] == [purpose]


def test_the_key_id_stands_in_front_and_belongs_to_the_key() -> None:
    token = seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS)
    assert token.startswith("new222")
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, "old111" + token[6:]) is None
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, "zzzzzz" + token[6:]) is None


def test_the_key_id_is_authenticated_even_between_equal_keys() -> None:
    twins = TokenKeys({"aaaaaa": OLD, "bbbbbb": OLD}, "aaaaaa")
    token = seal(twins, Purpose.UNSUBSCRIBE, CLAIMS)
    assert unseal(twins, Purpose.UNSUBSCRIBE, "bbbbbb" + token[6:]) is None


def test_tokens_of_a_rotated_key_still_open() -> None:
    before = seal(TokenKeys({"old111": OLD}, "old111"), Purpose.UNSUBSCRIBE, CLAIMS)
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, before) == CLAIMS


def test_every_changed_character_spoils_the_token() -> None:
    token = seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS)
    for position, character in enumerate(token):
        for other in URL_SAFE[(URL_SAFE.index(character) + 1) % 64], URL_SAFE[(URL_SAFE.index(character) + 32) % 64]:
            assert unseal(KEYS, Purpose.UNSUBSCRIBE, token[:position] + other + token[position + 1 :]) is None


def test_a_cut_or_lengthened_token_does_not_open() -> None:
    token = seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS)
    for other in (token[:-1], token[:-128], token + "A", token + "A" * 128, token + token, ""):
        assert unseal(KEYS, Purpose.UNSUBSCRIBE, other) is None


def test_the_length_does_not_tell_short_addresses_apart() -> None:
    short = seal(KEYS, Purpose.UNSUBSCRIBE, Claims(Address("a", "b.jp"), "newsletter", CLAIMS.decision))
    assert len(short) == len(seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS)) == 134


def test_the_longest_address_fits_with_room_for_a_long_stream() -> None:
    domain = ".".join(["d" * 61] * 3) + ".co.jp"
    address = Address("x" * (254 - 1 - len(domain)), domain)
    token = seal(KEYS, Purpose.UNSUBSCRIBE, Claims(address, "s" * 150, CLAIMS.decision))
    assert is_well_formed(token)
    assert len(token) < 700  # one header line of at most 998 octets has to hold it with its URL


def test_claims_that_are_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        seal(KEYS, Purpose.UNSUBSCRIBE, Claims(CLAIMS.address, "s" * 500, ""))


def test_claims_with_nul_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="NUL"):
        Claims(CLAIMS.address, "news\0letter", "")


@pytest.mark.parametrize("text", ["", "x", "new222", "new222" + "A" * 127, "NEW222" + "A" * 128, "new222" + "é" * 128])
def test_what_cannot_be_a_token_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


@given(st.text())
def test_no_text_makes_opening_fail_with_an_error(text: str) -> None:
    assert unseal(KEYS, Purpose.UNSUBSCRIBE, text) is None


def test_the_same_claims_make_the_same_token() -> None:
    assert seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS) == seal(KEYS, Purpose.UNSUBSCRIBE, CLAIMS)


def test_keys_of_the_wrong_size_id_or_without_a_current_one_are_refused() -> None:
    with pytest.raises(ValueError, match="octets"):
        TokenKeys({"aaaaaa": b"short"}, "aaaaaa")
    with pytest.raises(ValueError, match="key id"):
        TokenKeys({"a/..": OLD}, "a/..")
    with pytest.raises(ValueError, match="no key"):
        TokenKeys({"aaaaaa": OLD}, "bbbbbb")


def test_keys_do_not_show_in_their_representation() -> None:
    assert repr(KEYS) == "<TokenKeys, current new222>"
