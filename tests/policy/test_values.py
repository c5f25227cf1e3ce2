from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy.problems import accepts
from pydantic import TypeAdapter

from relay.consent.events import Basis
from relay.policy import values
from relay.reason import MEANINGS, Reason


@pytest.mark.parametrize("text", ["a", "newsletter", "news-2", "2", "a" * 63])
def test_ids_are_small_letters_digits_and_hyphens(text: str) -> None:
    assert accepts(values.Identifier, text)


@pytest.mark.parametrize("text", ["", "A", "-a", "a-", "a b", "a_b", "新", "a" * 64, "a\n", 5, None])
def test_nothing_else_is_an_id(text: object) -> None:
    assert not accepts(values.Identifier, text)


@pytest.mark.parametrize("text", ["*", "<>", "a@brand.example", "*@brand.example", "*@*.brand.example", "n*@例え.jp"])
def test_sender_patterns(text: str) -> None:
    assert accepts(values.SenderPatterns, [text])


@pytest.mark.parametrize("text", ["", "@", "a@", "@b.example", "*@*", "a@b@c.example", "a@b..example", "<a@b.example>"])
def test_what_can_never_fit_an_address_is_no_pattern(text: str) -> None:
    assert not accepts(values.SenderPatterns, [text])
    assert not accepts(values.AddressPatterns, [text])


@pytest.mark.parametrize("text", ["*", "<>"])
def test_internal_addresses_are_never_everybody(text: str) -> None:
    assert not accepts(values.AddressPatterns, [text])


@pytest.mark.parametrize(
    "text", ["https://a.example/x", "a@brand.example", "mailto:a@brand.example", "+81 3-1234-5678", "tel:+81312345678"]
)
def test_a_contact_is_a_web_address_a_mail_address_or_a_telephone_number(text: str) -> None:
    assert accepts(values.Contact, text)


@pytest.mark.parametrize(
    "text", ["http:", "https://", "https://a b", "ftp://a.example", "https://a.example/<x>", "//a"]
)
def test_a_web_address_is_whole(text: str) -> None:
    assert not accepts(values.WebAddress, text)


@given(st.text(max_size=30))
def test_texts_never_carry_what_breaks_a_line(text: str) -> None:
    if accepts(values.Text, text):
        assert len(text.splitlines()) == 1
        assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in text)


def test_a_period_may_be_never_a_length_may_not() -> None:
    assert values.read_period("never") is values.NEVER
    assert values.read_period("7d") == timedelta(days=7)
    assert accepts(values.Length, "7d")
    assert not accepts(values.Length, "never")
    assert not accepts(values.Period, "0d")


@pytest.mark.parametrize(("text", "age"), [("now", timedelta()), ("3h ago", timedelta(hours=3))])
def test_ages_lie_in_the_past(text: str, age: timedelta) -> None:
    assert TypeAdapter(values.Age).validate_python(text) == age


def test_one_item_may_stand_for_a_list() -> None:
    assert TypeAdapter(values.Names).validate_python("local") == ("local",)


def test_header_fields_are_known_in_small_letters() -> None:
    read = TypeAdapter(values.HeaderPatterns).validate_python({"X-Campaign": "a*", "List-Id": ["b", "c"]})

    assert read == {"x-campaign": ("a*",), "list-id": ("b", "c")}


def test_bases_are_named_once() -> None:
    assert values.read_bases(["written", "customer"]) == (Basis.WRITTEN, Basis.CUSTOMER)
    assert not accepts(values.Bases, ["written", "written"])


@pytest.mark.parametrize("reason", list(Reason))
def test_a_policy_chooses_only_verdicts_that_the_reason_allows(reason: Reason) -> None:
    for verdict in ("deliver", "hold", "reject", "defer", "discard"):
        assert accepts(values.Verdicts, {reason.value: verdict}) == (verdict in MEANINGS[reason].allowed)
