"""What a List-Unsubscribe means to mail programs, and how ours are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.list_fields import (
    allows_one_click,
    list_id_field,
    mail_addresses,
    unsubscribe_fields,
    uris_of,
)


@pytest.mark.parametrize(
    ("value", "uris"),
    [
        (b" <https://a.example/u>\r\n", [b"https://a.example/u"]),
        (b" <mailto:stop@a.example?subject=x>, <https://a.example/u>", [b"mailto:stop@a.example?subject=x", b"https://a.example/u"]),
        (b"\r\n <https://a.example/u>,\r\n\t<mailto:b@a.example>\r\n", [b"https://a.example/u", b"mailto:b@a.example"]),
        (b" (one (or \\) two)) <https://a.example/(u)> (three)\r\n", [b"https://a.example/(u)"]),
        (b"<HTTP://a.example>,<ftp://a.example/stop>", [b"HTTP://a.example", b"ftp://a.example/stop"]),
    ],
)  # fmt: skip
def test_uris_are_read_as_rfc_2369_writes_them(value: bytes, uris: list[bytes]) -> None:
    assert uris_of(value) == tuple(uris)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" \r\n",
        b"https://a.example/u",
        b"<>",
        b"<https://a.example/u",
        b"<https://a.example/u>,",
        b"<https://a.example/u>,,<mailto:b@a.example>",
        b"<https://a.example/u> <mailto:b@a.example>",
        b"click <https://a.example/u>",
        b"<https://a.example/u> or write",
        b"<https://a.example/u\r\n /v>",
        b"<https://a.example/ u>",
        b"<https://a.example/u> (open",
        b"<https://a.example/u> )",
        b"<https://a.example/u> (\\",
        "<https://a.example/ü>".encode(),
        "<https://a.example/u> (weg für immer)".encode(),
        b"=?utf-8?q?<https://a.example/u>?=",
        b"<https://a.example/u> (=?utf-8?Q?=C3=BC?=)",
        b"<https://a.example/u\0>",
        b"<https://a.example/u> (\0)",
        b"<https://a.example/u>\n",
        b"<https://a.example/u>\r",
        b"<https://>",
        b"<https:/a.example>",
        b"<mailto:>",
        b"<mailto:nobody>",
        b"<tel:+123>",
        b"<" + b"https://a.example/" + b"u" * 1000 + b">",
        b" " * 980 + b"\r\n <https://a.example/u>" + b"," + b" " * 980,
    ],
)
def test_what_programs_may_read_in_two_ways_is_not_sound(value: bytes) -> None:
    assert uris_of(value) == ()


def test_a_field_counts_with_its_name_when_its_first_line_is_measured() -> None:
    url = b"https://a.example/".ljust(998 - len("List-Unsubscribe: <>"), b"u")
    assert uris_of(b" <" + url + b">\r\n") == (url,)
    assert uris_of(b" <" + url + b"u>\r\n") == ()


@pytest.mark.parametrize(
    "value", [b"(" * 200_000, b"<a>," * 50_000, b"=?" * 100_000, b"=?a?" * 50_000, b"()" * 100_000, b"(\\(" * 60_000]
)
def test_hostile_values_are_read_in_one_pass(value: bytes) -> None:
    assert uris_of(value) == ()
    folded = b"\r\n ".join([value[start : start + 900] for start in range(0, len(value), 900)])
    assert uris_of(folded) == ()


@given(
    st.lists(
        st.sampled_from(
            [
                b"<https://a.example>",
                b"<mailto:b@c>",
                b",",
                b" ",
                b"\r\n ",
                b"(x)",
                b"(",
                b")",
                b"\\",
                b"<",
                b">",
                b"\xff",
                b"\0",
                b"=?u?q?",
            ]
        )
    )
)
def test_sound_values_hold_nothing_but_uris_commas_and_comments(pieces: list[bytes]) -> None:
    value = b"".join(pieces)
    uris = uris_of(value)
    assert all(b"<" + uri + b">" in value for uri in uris)
    if uris and b"(" not in value:
        assert b"".join(value.split()) == b",".join([b"<" + uri + b">" for uri in uris])


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(value: bytes) -> None:
    uris_of(value)


def test_one_click_needs_exactly_one_https_uri_and_no_other_that_takes_a_post() -> None:
    https, http, mailto = b"HTTPS://a.example", b"http://a.example", b"mailto:b@a.example"
    assert allows_one_click([https])
    assert allows_one_click([mailto, https])
    assert not allows_one_click([mailto])
    assert not allows_one_click([https, https])
    assert not allows_one_click([https, http])
    assert not allows_one_click([])


def test_only_some_mail_addresses_stand_beside_our_link_each_once() -> None:
    many = [b"mailto:%d@a.example" % number for number in range(9)]
    assert mail_addresses([b"https://a.example", many[0], many[0], b"mailto:?to=x@y", *many]) == tuple(many[:3])
    assert mail_addresses([b"mailto:a@b.example?body=" + b"x" * 900]) == ()


def test_fields_stand_each_in_one_line() -> None:
    url = "https://mail.example/u/" + "x" * 800
    assert unsubscribe_fields(url, (), one_click=True).decode() == (
        f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
    assert b"Post" not in unsubscribe_fields("http://127.0.0.1:8025/u/x", (), one_click=False)
    assert list_id_field("news.brand.example") == b"List-Id: <news.brand.example>\r\n"


def test_addresses_follow_in_the_same_line_where_they_fit() -> None:
    field = unsubscribe_fields("https://a.example/u", (b"mailto:b@a.example", b"mailto:c@a.example"), one_click=False)
    assert field == b"List-Unsubscribe: <https://a.example/u>, <mailto:b@a.example>, <mailto:c@a.example>\r\n"


@given(st.integers(1, 900), st.lists(st.integers(1, 880), max_size=3))
def test_no_line_is_too_long_and_every_fold_follows_a_comma(ours: int, theirs: list[int]) -> None:
    url = "https://" + "u" * ours
    mailto = [b"mailto:a@" + b"b" * length for length in theirs]
    field = unsubscribe_fields(url, mailto, one_click=False)
    lines = field.removesuffix(b"\r\n").split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert all(line.endswith(b",") for line in lines[:-1])
    assert lines[0].startswith(b"List-Unsubscribe: <https://")
    assert uris_of(field.partition(b":")[2]) == (url.encode(), *mailto)
    whole = field.replace(b"\r\n ", b" ").removesuffix(b"\r\n")
    assert (len(lines) == 1) == (len(whole) <= 998)


def test_a_line_of_exactly_998_octets_is_not_folded_and_one_more_is() -> None:
    other = b"mailto:a@" + b"b" * 500
    for length, lines in ((998, 1), (999, 2)):
        ours = "https://" + "u" * (length - len("List-Unsubscribe: <https://>, <>") - len(other))
        field = unsubscribe_fields(ours, [other], one_click=False).removesuffix(b"\r\n")
        assert len(field.split(b"\r\n")) == lines
        assert len(field.replace(b"\r\n", b"")) == length
    ours = "https://" + "u" * (998 - len("List-Unsubscribe: <https://>, <>,") - len(other))
    first, second = unsubscribe_fields(ours, [other, other], one_click=False).splitlines()
    assert (len(first), second) == (998, b" <" + other + b">")


@pytest.mark.parametrize(
    "url",
    ["https://a/\r\nBcc: x", "https://a/ b", "https://a/>", "mailto:x@y", "https://é", "https://" + "x" * 999, ""],
)
def test_what_would_break_a_field_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        unsubscribe_fields(url, (), one_click=True)


def test_one_click_needs_https_or_this_machine() -> None:
    with pytest.raises(ValueError, match="https"):
        unsubscribe_fields("http://localhost.example/u", (), one_click=True)
    assert b"One-Click" in unsubscribe_fields("http://127.0.0.1:8025/u/x", (), one_click=True)


@pytest.mark.parametrize("bad", ["news", "a b.example", "x>.y", "a." + "b" * 300, "a.b\r\nBcc: x", "ä.example", ""])
def test_list_ids_are_dotted_names(bad: str) -> None:
    with pytest.raises(ValueError, match="list id"):
        list_id_field(bad)
