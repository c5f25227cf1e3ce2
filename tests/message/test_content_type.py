from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.content_type import Parameterised, read_content_type, read_disposition, read_transfer


def read(value: bytes) -> Parameterised:
    return read_content_type(value, 0, len(value))


def test_type_and_parameters_are_read_whatever_their_case_and_folding() -> None:
    found = read(b' Text/PLAIN;\r\n\tCharset="UTF-8" ; FORMAT=flowed\r\n')
    assert (found.kind, found["charset"], found["format"], found.sound) == ("text/plain", "UTF-8", "flowed", True)


def test_a_parameter_says_where_its_value_stands_quotes_included() -> None:
    raw = b' text/plain; charset="us-ascii"; format=flowed\r\n'
    charset = read(raw).parameters["charset"]
    assert raw[charset.start : charset.end] == b'"us-ascii"'


def test_quoted_values_are_unescaped_and_may_hold_what_looks_like_parameters() -> None:
    found = read(b' multipart/mixed; boundary="a;b=\\"c\\""; charset=x')
    assert found["boundary"] == 'a;b="c"'


@pytest.mark.parametrize("value", [b" text", b" Text\r\n", b" text ; charset=utf-8"])
def test_a_text_without_a_subtype_is_plain(value: bytes) -> None:
    found = read(value)
    assert (found.kind, found.sound) == ("text/plain", True)
    assert value[: found.kind_end].strip().lower() == b"text"


def test_a_parameter_that_is_none_changes_nothing() -> None:
    assert read(b" text/plain;\r\n Content-Transfer-Encoding: 8bit; charset=utf-8\r\n").sound


def test_words_left_over_after_a_name_change_nothing_that_matters() -> None:
    found = read(b" text/plain; name=This is a test.txt; charset=utf-8; format=flowed delsp=yes\r\n")
    assert (found["charset"], found["name"], found["format"], found.sound) == ("utf-8", "This", "flowed", True)
    assert read(b" text/plain; x-charset=a b; charset=utf-8").sound


@pytest.mark.parametrize(
    "value",
    [
        b" text/plain;",
        b" text/plain ; ",
        b" text/plain (words); charset=utf-8 (more)",
        b" text/plain (words); (more) charset=utf-8",
    ],
)
def test_stray_semicolons_and_comments_do_no_harm(value: bytes) -> None:
    assert read(value).sound


@pytest.mark.parametrize(
    "value",
    [
        b" words",
        b"",
        b' text/plain; charset="utf-8',
        b" text/plain; charset=utf-8; charset=us-ascii",
        b" text/plain; charset*0=utf; charset*1=-8",
        b" multipart/mixed; boundary*=us-ascii''x",
        b" text/plain; charset=utf-8 format=flowed",
        b" text/plain; format=flowed charset=utf-8",
        b" text/plain; name=x (charset=y; charset=z",
        b" text charset=utf-8",
        b" texts",
        b" text/plain; charset=",
        b" text/plain charset=utf-8",
        b" text/plain; charset",
        b" text/plain; the charset is utf-8",
    ],
)
def test_what_two_parsers_may_read_differently_is_unsound(value: bytes) -> None:
    assert not read(value).sound


def test_a_file_name_in_any_spelling_is_seen() -> None:
    assert read(b" text/plain; name*=utf-8''x.txt").has("name")
    assert read(b" text/plain; name*0=x; name*1=.txt").has("name")
    assert not read(b" text/plain; surname=x").has("name")


def test_dispositions_are_read_alike() -> None:
    value = b" ATTACHMENT; filename=x.pdf\r\n"
    found = read_disposition(value, 0, len(value))
    assert (found.kind, found["filename"]) == ("attachment", "x.pdf")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b" BASE64\r\n", "base64"),
        (b" quoted-printable;\r\n", "quoted-printable"),
        (b' "8bit"', "8bit"),
        (b" 7-bit", "7bit"),
        (b"\r\n\t(as is) 7bit (really)\r\n", "7bit"),
        (b" x-uuencode", "x-uuencode"),
        (b" 8bit+", "8bit+"),
        (b"\r\n", ""),
        (b" (7bit", ""),
    ],
)
def test_a_transfer_encoding_is_named_by_one_word(value: bytes, name: str) -> None:
    assert read_transfer(value, 0, len(value)) == name


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(value: bytes) -> None:
    read(value)
    read_disposition(value, 0, len(value))
    read_transfer(value, 0, len(value))
