"""The wide key: every spelling that reaches the same person meets, different mailboxes never do."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import address_wide
from relay.address import Address, AddressError, address_from_text
from relay.address_wide import FOLD_VERSION, domains_of, wide_key


def wide(text: str) -> str:
    return address_from_text(text, loose_domains=frozenset({"docomo.ne.jp"})).wide


@pytest.mark.parametrize(
    "spellings",
    [
        pytest.param(["user@example.com", "USER@example.com", "User@EXAMPLE.COM"], id="case on either side"),
        pytest.param(["user@example.com", '"user"@example.com', '"USER"@example.com'], id="quoted and unquoted"),
        pytest.param(["a..b@docomo.ne.jp", '"a..b"@docomo.ne.jp', '"A..B"@docomo.ne.jp'], id="phone addresses"),
        pytest.param(["user@example.com", "user@example.com."], id="trailing dot"),
        pytest.param(["user@bücher.example", "user@xn--bcher-kva.example", "user@BÜCHER.example"], id="U-label, A-label"),
        pytest.param(["a@例え.テスト", "a@例え。テスト", "a@例え．テスト", "a@例え｡テスト"], id="dots of East Asia"),  # noqa: RUF001
        pytest.param(["café@example.com", "cafe\u0301@example.com", "CAFÉ@example.com"], id="NFC and NFD"),
        pytest.param(["user@example.com", "ｕｓｅｒ@example.com", "ＵＳＥＲ@ｅｘａｍｐｌｅ.com"], id="full width"),  # noqa: RUF001
        pytest.param(["ガ@example.com", "ｶﾞ@example.com", "カ\u3099@example.com"], id="half-width katakana, NFKD"),
        pytest.param(["fi@example.com", "ﬁ@example.com"], id="compatibility forms"),
        pytest.param(
            ["user@example.com", "us\u200ber@example.com", "\ufeffuser@example.com", "u\u00adser@example.com",
             "us\u200d\u2060er@example.com", "user\ufe0f@example.com", "us\u3164er@example.com"], id="zero-width characters",
        ),
        pytest.param(["us\u00e9r@example.com", "use\u200b\u0301r@example.com"], id="an accent behind a zero-width space"),
        pytest.param(["user@example.com", "user+tag@example.com", "user+a+b@example.com", "USER+@example.com"], id="+tag"),
        pytest.param(["user@example.com", "user＋tag@example.com"], id="full-width +tag"),  # noqa: RUF001
        pytest.param(
            ["username@gmail.com", "user.name@gmail.com", "U.s.e.r.Name+x@googlemail.com", '"user..name"@gmail.com'],
            id="Gmail dots and googlemail.com",
        ),
        pytest.param(["user@fastmail.com", "shop@user.fastmail.com", "x+y@USER.fastmail.com"], id="subdomain addressing"),
        pytest.param(["user@icloud.com", "user@me.com", "user@mac.com"], id="one name at iCloud"),
        pytest.param(["user.name@proton.me", "username@protonmail.com", "user-name@pm.me"], id="one name at Proton"),
        pytest.param(["user.name@yandex.ru", "user-name@ya.ru", "user.name@yandex.com"], id="one name at Yandex"),
        pytest.param(["straße@example.com", "STRAẞE@example.com"], id="sharp s in both cases"),
        pytest.param(["οδος@example.com", "ΟΔΟΣ@example.com", "οδοσ@example.com"], id="final sigma"),
    ],
)  # fmt: skip
def test_spellings_that_reach_the_same_person_meet(spellings: list[str]) -> None:
    assert len({wide(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal@example.com", "p\u0430ypal@example.com"),
        ("user@example.com", "user@exаmple.com"),  # noqa: RUF001
        ("user@example.com", "users@example.com"),
        ("user@example.com", "user@example.org"),
        ("user@example.com", "user@mail.example.com"),
        ("username@example.com", "user.name@example.com"),
        ("user-name@example.com", "user@example.com"),
        ("+tag@example.com", "+other@example.com"),
        ("l@example.com", "I@example.com"),
        ("0@example.com", "O@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("cafe@example.com", "café@example.com"),
        ("ı@example.com", "i@example.com"),  # noqa: RUF001
        ("user@hotmail.com", "user@outlook.com"),
        ("a..b@docomo.ne.jp", "a.b@docomo.ne.jp"),
        ("user@x.fastmail.com", "user@y.fastmail.com"),
        ("user@fastmail.com.example.com", "user@fastmail.com"),
        ("user@gmail.com.example.com", "user@gmail.com"),
    ],
)
def test_different_mailboxes_never_meet(one: str, other: str) -> None:
    assert wide(one) != wide(other)


def test_a_local_part_of_nothing_but_ignored_characters_keeps_a_key_of_its_own() -> None:
    assert wide_key("\u200b", "example.com") not in ("@example.com", wide_key("a", "example.com"))
    assert wide_key("...", "gmail.com") == "...@gmail.com"
    assert wide_key("+", "example.com") == "+@example.com"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12))
def test_folding_twice_changes_nothing_and_case_never_matters(local: str) -> None:
    try:
        address = Address(local, "example.com")
    except AddressError:
        return
    key = address.wide
    folded = key.removesuffix("@example.com")
    assert wide_key(folded, "example.com") == key
    assert wide_key(local.lower(), "example.com") == wide_key(local.lower().lower(), "example.com")


@given(st.text("aAbB.+_-", min_size=1, max_size=10), st.sampled_from(["example.com", "gmail.com", "fastmail.com"]))
def test_the_key_of_an_ascii_address_does_not_depend_on_case(local: str, domain: str) -> None:
    assert wide_key(local.upper(), domain) == wide_key(local.lower(), domain)


@pytest.mark.parametrize(
    "spelling",
    [
        "Ann@example.com",
        "a.nn@gmail.com",
        "ann@googlemail.com",
        "x@ann.fastmail.com",
        "ann+x@fastmail.com",
        "a-n@ya.ru",
    ],
)
def test_the_domains_of_a_key_name_that_of_every_spelling(spelling: str) -> None:
    address = address_from_text(spelling)
    assert address.domain in domains_of(address.wide)


@given(st.sampled_from(["gmail.com", "googlemail.com", "a.fastmail.com", "fastmail.com", "me.com", "example.com"]))
def test_no_domain_of_a_spelling_is_missing(domain: str) -> None:
    assert domain in domains_of(wide_key("a", domain))


def test_who_changes_the_folding_counts_its_version_up() -> None:
    """Keys and tombstones stand in every store: another folding would not find them, and with them the noes of people.
    If this fails, add the new sum under a new FOLD_VERSION, and a migration that makes the keys of a store anew.
    """
    locals_ = [
        "User.Name+tag",
        "u-s_e.r",
        "ÀÉß\u1e9e\u017fς",
        "\uff55\uff53\uff45\uff52",
        "us\u200ber\ufe0f",
        "\u0130\u0131",
        "ﬁ\u0345",
        "+x",
        "a..b",
    ]
    domains = [
        "example.com",
        "gmail.com",
        "googlemail.com",
        "user.fastmail.com",
        "pm.me",
        "me.com",
        "narod.ru",
        "xn--p1ai",
    ]
    keys = [wide_key(local, domain) for local in locals_ for domain in domains]
    tables = (address_wide._SAME_MAILBOX, address_wide._IGNORED, dict.fromkeys(address_wide._SUBDOMAIN_ADDRESSING))
    every = [f"{one}={of}" for table in tables for one, of in sorted(table.items())]
    sums = {1: "041098df554d77fc"}
    assert sha256("\n".join([*keys, *every]).encode()).hexdigest()[:16] == sums[FOLD_VERSION]
