from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.headers import applied, from_domain, header_values, list_fields, removed_fields
from relay.message.index import index


def test_values_are_unfolded_and_kept_in_order() -> None:
    values = header_values(index("X-A: one\r\n two\r\nx-a:three\r\nSubject: 茶\r\n\r\n".encode()))
    assert values == {"x-a": ["one two", "three"], "subject": ["茶"]}


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("a@Brand.Example", "brand.example"),
        ("Brand <news@news.brand.example>", "news.brand.example"),
        ('"a@evil.example" <b@brand.example>', "brand.example"),
        ("(a@evil.example (x)) b@brand.example", "brand.example"),
        ('"<a@evil.example>" b@brand.example', "brand.example"),
        ("a@brand.example, b@other.example", "brand.example"),
        ("group: a@brand.example;", "brand.example"),
        ("ブランド <a@日本.example>", "xn--wgv71a.example"),
        ("a@brand.example.", "brand.example"),
        ('"news desk"@brand.example', "brand.example"),
        ("< a@brand.example >", "brand.example"),
        ("nobody", ""),
        ("a" * 100_000, ""),
        ('"\\' * 50_000, ""),
        ("a@" + "b" * 100_000, ""),
        ("<>", ""),
        ("", ""),
        ("a@" + "(" * 9000, ""),
    ],
)
def test_the_domain_of_the_first_author_is_found(value: str, domain: str) -> None:
    assert from_domain(index(f"From: {value}\r\n\r\n".encode())) == domain


def test_without_from_there_is_no_domain() -> None:
    assert from_domain(index(b"To: a@b.example\r\n\r\n")) == ""


def test_what_recipients_must_not_see_is_removed_and_list_fields_only_on_demand() -> None:
    message = index(b"Bcc: a\r\nResent-BCC: b\r\nX-Consent-Stream: c\r\nList-ID: d\r\nList-Help: e\r\nTo: f\r\n\r\n")
    assert [one.name for one in removed_fields(message, lists=False)] == ["bcc", "resent-bcc", "x-consent-stream"]
    assert [one.name for one in removed_fields(message, lists=True)][3:] == ["list-id"]


def test_list_fields_stand_each_in_one_line() -> None:
    url = "https://mail.example/u/" + "x" * 800
    assert list_fields(url, "news.brand.example", one_click=True).decode() == (
        f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nList-Id: <news.brand.example>\r\n"
    )
    assert b"Post" not in list_fields("http://127.0.0.1:8025/u/x", "", one_click=False)


@pytest.mark.parametrize(
    "url",
    ["https://a/\r\nBcc: x", "https://a/ b", "https://a/>", "mailto:x@y", "https://é", "https://" + "x" * 999, ""],
)
def test_what_would_break_a_list_field_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        list_fields(url, "news.brand.example", one_click=True)


def test_one_click_needs_https_and_list_ids_are_dotted_names() -> None:
    with pytest.raises(ValueError, match="https"):
        list_fields("http://localhost.example/u", "", one_click=True)
    assert b"One-Click" in list_fields("http://127.0.0.1:8025/u/x", "", one_click=True)
    for bad in ("news", "a b.example", "x>." + "y", "a." + "b" * 300):
        with pytest.raises(ValueError, match="list id"):
            list_fields("https://a.example/u", bad, one_click=True)


def test_edits_apply_from_front_to_back() -> None:
    assert applied(b"0123456789", [(8, 9, b"X"), (0, 0, b"a"), (0, 0, b"b"), (2, 5, b"")]) == b"ab01567X9"


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    message = index(content)
    header_values(message)
    from_domain(message)
    assert applied(content, [(one.start, one.end, b"") for one in removed_fields(message, lists=True)]) is not None
