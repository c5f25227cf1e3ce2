"""Feedback-ID, CFBL-*, Precedence, Auto-Submitted: ours where the mailer has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.extra_fields import adds_cfbl, extra_fields, feedback_token_field
from relay.message.rules import ExtraFields

ALL = ExtraFields(feedback_id="brandrelay", cfbl_address="fbl@brand.example", precedence="bulk", auto_submitted=True)


def test_nothing_is_added_that_was_not_asked_for() -> None:
    assert extra_fields(ExtraFields(), "newsletter", "brand", ()) == []


def test_each_stands_in_a_line_of_its_own() -> None:
    assert extra_fields(ALL, "newsletter", "brand", ()) == [
        ("feedback-id", b"Feedback-ID: newsletter:brand::brandrelay\r\n"),
        ("cfbl-address", b"CFBL-Address: fbl@brand.example; report=arf\r\n"),
        ("precedence", b"Precedence: bulk\r\n"),
        ("auto-submitted", b"Auto-Submitted: auto-generated\r\n"),
    ]


@pytest.mark.parametrize("name", ["feedback-id", "cfbl-address", "precedence", "auto-submitted"])
def test_the_mailers_own_is_left(name: str) -> None:
    assert name not in [found for found, _ in extra_fields(ALL, "newsletter", "brand", {name})]
    assert len(extra_fields(ALL, "newsletter", "brand", {name})) == 3


def test_address_and_id_of_a_report_are_both_ours_or_neither() -> None:
    assert adds_cfbl(ALL, ())
    assert not adds_cfbl(ALL, {"cfbl-feedback-id"})
    assert not adds_cfbl(ALL, {"cfbl-address"})
    assert not adds_cfbl(ExtraFields(), ())


@pytest.mark.parametrize(
    ("stream", "brand", "sender", "value"),
    [
        ("news: of\r\nBcc: x", "brand", "relay", "news-of-Bcc-x:brand::relay"),
        ("brand", "brand", "relay", "brand:::relay"),
        ("relay", "relay", "relay", ":::relay"),
        ("お知らせ", "brand", "a-very-long-sender-id", "-:brand::a-very-long-sen"),
        ("", "", "relay", ":::relay"),
        ("n" * 200, "brand", "relay", "n" * 64 + ":brand::relay"),
    ],
)
def test_the_feedback_id_has_four_parts_and_no_identifier_twice(
    stream: str, brand: str, sender: str, value: str
) -> None:
    assert extra_fields(ExtraFields(feedback_id=sender), stream, brand, ()) == [
        ("feedback-id", f"Feedback-ID: {value}\r\n".encode())
    ]


@given(st.text(max_size=80), st.text(max_size=80), st.text(min_size=1, max_size=80))
def test_no_identifier_breaks_the_field(stream: str, brand: str, sender: str) -> None:
    try:
        [(_, field)] = extra_fields(ExtraFields(feedback_id=sender), stream, brand, ())
    except ValueError:
        assert not sender.strip()
        return
    assert field.count(b":") == 4
    assert field.isascii()
    assert field.split() == [b"Feedback-ID:", field.split()[1]]
    assert field.endswith(b"\r\n")
    assert field.count(b"\n") == field.count(b"\r") == 1


@pytest.mark.parametrize(
    "extra",
    [
        ExtraFields(cfbl_address="fbl@brand.example; report=xarf"),
        ExtraFields(cfbl_address="fbl@brand.example\r\nBcc: x@y"),
        ExtraFields(cfbl_address="Brand <fbl@brand.example>"),
        ExtraFields(cfbl_address="brand.example"),
        ExtraFields(precedence="bulk\r\nBcc: x"),
        ExtraFields(precedence="junk"),
        ExtraFields(feedback_id=" "),
    ],
)
def test_a_setting_that_cannot_stand_there_is_refused(extra: ExtraFields) -> None:
    with pytest.raises(ValueError, match=r"CFBL|Precedence|SenderId"):
        extra_fields(extra, "newsletter", "brand", ())


def test_the_token_of_a_report_is_one_word() -> None:
    assert feedback_token_field("abc123-_X") == b"CFBL-Feedback-ID: abc123-_X\r\n"
    for bad in ("", "a b", "a\r\nBcc: x", "ü", "x" * 901):
        with pytest.raises(ValueError, match="token"):
            feedback_token_field(bad)
