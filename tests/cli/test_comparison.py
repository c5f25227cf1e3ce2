from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.comparison import HeaderField, compared

HEAD = b"From: a@b.example\r\nSubject: x\r\n"


def message(*parts: bytes, kind: str = "mixed", boundary: str = "b") -> bytes:
    """Each part with its own header fields, after a blank line its body."""
    line = f"--{boundary}".encode()
    body = b"".join([line + b"\r\n" + part + b"\r\n" for part in parts]) + line + b"--\r\n"
    return HEAD + f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n".encode() + body


PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello"
IMAGE = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"


def test_header_fields_are_told_apart_octet_by_octet_and_keep_their_order() -> None:
    before = b"A: 1\r\nB: 2\r\nA: 1\r\nC:  x\r\n\ty\r\n\r\n"
    after = b"D: new\r\nA: 1\r\nc: x\r\n y\r\nB: 2\r\n\r\n"
    found = compared(before, after)
    assert found.removed == (HeaderField("A", "1"), HeaderField("C", "x y"))
    assert found.added == (HeaderField("D", "new"), HeaderField("c", "x y"))


def test_equal_messages_have_no_difference() -> None:
    found = compared(message(PLAIN, IMAGE), message(PLAIN, IMAGE))
    assert (found.removed, found.added) == ((), ())
    assert [pair.changed for pair in found.parts] == [False, False]


@pytest.mark.parametrize(
    ("charset", "transfer", "text"),
    [
        ("iso-2022-jp", "7bit", "今日は"),
        ("shift_jis", "base64", "今日は"),
        ("iso-8859-1", "quoted-printable", "für \u0080".replace("\u0080", "€")),
        ("utf-16", "base64", "für"),
        ("utf-8", "8bit", "für"),
        ("us-ascii", "8bit", "für"),
        ("klingon", "8bit", "für"),
        ("base64", "8bit", "für"),
        ("koi8-r", "x-unknown", "да"),
    ],
)
def test_texts_are_shown_decoded(charset: str, transfer: str, text: str) -> None:
    codec = {"iso-8859-1": "cp1252", "us-ascii": "utf-8", "klingon": "utf-8", "base64": "utf-8"}.get(charset, charset)
    octets = text.encode(codec)
    body = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(transfer, bytes)(octets)
    head = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n".encode()
    [pair] = compared(HEAD + head + body, HEAD + head + body).parts
    assert pair.before is not None
    assert (pair.before.charset, pair.before.transfer) == (charset, transfer)
    assert pair.before.text == text


def test_letters_that_html_writes_as_numbers_are_shown_as_letters_and_markup_is_not() -> None:
    body = b"<p>&#26085;&#26412; &#60;b&#62; &#233; &#55296; &#9999999; &amp;"
    [pair] = compared(b"", HEAD + b"Content-Type: text/html\r\n\r\n" + body).parts[1:]
    assert pair.after is not None
    assert pair.after.text == "<p>日本 &#60;b&#62; é &#55296; &#9999999; &amp;"
    [plain] = compared(b"", HEAD + b"\r\n&#26085;").parts
    assert plain.after is not None
    assert plain.after.text == "&#26085;"


def test_broken_encodings_are_shown_as_far_as_they_go() -> None:
    for transfer, body, text in (
        ("base64", b"aGVsbG8=!", "hello"),
        ("quoted-printable", b"a=b c=20=ZZ", "a=b c =ZZ"),
        ("base64", b"a", "a"),
    ):
        head = f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n".encode()
        [pair] = compared(HEAD + head + body, b"").parts[:1]
        assert pair.before is not None
        assert pair.before.text == text


def test_parts_have_paths_that_count_from_one() -> None:
    inner = message(PLAIN, PLAIN, kind="alternative", boundary="c").partition(b"Subject: x\r\n")[2]
    paths = [pair.after.path for pair in compared(message(inner, IMAGE), message(inner, IMAGE)).parts if pair.after]
    assert paths == ["1.1", "1.2", "2"]
    [only] = compared(HEAD + PLAIN, HEAD + PLAIN).parts
    assert only.after is not None
    assert only.after.path == "1"


def test_a_changed_part_is_beside_what_it_was_and_the_others_are_untouched() -> None:
    html = b"Content-Type: text/html\r\n\r\n<p>hello"
    found = compared(message(PLAIN, html, IMAGE), message(PLAIN + b" you", html + b" you", IMAGE))
    assert [pair.changed for pair in found.parts] == [True, True, False]
    assert [(pair.before and pair.before.text, pair.after and pair.after.text) for pair in found.parts] == [
        ("hello", "hello you"), ("<p>hello", "<p>hello you"), (None, None),
    ]  # fmt: skip


def test_a_part_that_was_wrapped_is_untouched_in_another_place_and_its_companion_is_new() -> None:
    original = HEAD + IMAGE
    found = compared(original, message(IMAGE, PLAIN))
    assert [pair.changed for pair in found.parts] == [False, True]
    assert [(pair.before and pair.before.path, pair.after and pair.after.path) for pair in found.parts] == [
        ("1", "1"),
        (None, "2"),
    ]
    taken_out = compared(message(PLAIN, IMAGE), message(PLAIN))
    assert [(pair.changed, pair.after is None) for pair in taken_out.parts] == [(False, False), (True, True)]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_octets_make_it_fail(before: bytes, after: bytes) -> None:
    compared(before, after)
    compared(HEAD + b"Content-Type: text/html; charset=" + before, message(after, before))
