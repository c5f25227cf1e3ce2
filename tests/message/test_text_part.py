"""A footer in a text part: where it stands, in which encoding, and what is left alone with a reason."""

from __future__ import annotations

from base64 import b64decode

import pytest
from message.one_text import (
    ASCII,
    JAPANESE,
    LINK,
    OUTSIDE_JIS,
    body_of,
    disclosure,
    edited,
    head,
    plain,
    plan_of,
    read,
    rewritten,
    version,
)

from relay.message.edits import applied
from relay.message.footer import Disclosure
from relay.message.index import index
from relay.message.text_part import TextPlan, with_footer


def test_plain_text_gets_an_empty_line_and_the_footer_and_nothing_else() -> None:
    assert (
        body_of(edited(head("text/plain", "utf-8"), "th\u00e9\r\n".encode(), JAPANESE))
        == f"th\u00e9\r\n\r\n{plain(JAPANESE)}".encode()
    )


def test_text_without_a_last_line_end_is_finished_first() -> None:
    assert body_of(edited(head("text/plain", "us-ascii"), b"tea", ASCII)) == f"tea\r\n\r\n{plain(ASCII)}".encode()


def test_a_message_without_mime_fields_gets_them_only_when_needed() -> None:
    content = b"Subject: x\r\n\r\ntea\r\n"
    plan = plan_of(content)
    assert isinstance(plan, TextPlan)
    as_plain = applied(content, with_footer(index(content), plan, ASCII) or [])
    assert as_plain.startswith(b"Subject: x\r\n\r\ntea\r\n")
    mime = applied(content, with_footer(index(content), plan, JAPANESE) or [])
    assert mime.startswith(
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


def test_lines_too_long_in_a_part_that_some_programs_would_not_see_labelled_anew_stay() -> None:
    plan = plan_of(b"X-Odd : y\r\n\r\n" + b"tea " * 300 + b"\r\n")
    assert plan == "lines too long, and an encoding that not all programs would see"


def test_text_in_base64_keeps_the_line_ends_of_its_author() -> None:
    changed = edited(head("text/plain", "utf-8", "base64"), b"dGVhCnRlYQo=\r\n", ASCII)
    assert b64decode(body_of(changed)) == f"tea\ntea\n\n{ASCII.footer().plain}".encode()


def test_lines_too_long_for_the_wire_are_encoded_so_that_the_signature_holds() -> None:
    text = "th\u00e9 " * 400
    changed = edited(head("text/plain", "utf-8"), f"{text}\r\n".encode(), ASCII)
    assert max(map(len, (changed or b"").split(b"\r\n"))) <= 76
    assert read(changed).startswith(text)


def test_fields_about_the_old_body_go() -> None:
    changed = edited(
        head("text/plain", "utf-8") + "Content-MD5: x\r\nContent-Length: 5\r\nLines: 1\r\nX-Other: kept\r\n",
        b"tea\r\n",
        ASCII,
    )
    assert b"MD5" not in (changed or b"")
    assert b"X-Other: kept\r\n" in (changed or b"")
    assert b"Length" not in (changed or b"")


def test_flowed_text_that_ends_in_a_space_does_not_flow_into_the_footer() -> None:
    body = body_of(edited(head("text/plain", "utf-8", "8bit", "; format=flowed; delsp=yes"), b"tea \r\n", ASCII))
    assert body == f"tea \r\n\r\n{plain(ASCII)}".encode()


def test_flowed_text_is_stuffed_where_rfc_3676_wants_it() -> None:
    quoted = Disclosure((version("x", sender="> me"),), LINK)
    for flowed in ("", "; format=flowed"):
        body = body_of(edited(head("text/plain", "utf-8", "8bit", flowed), b"{{sender}}\r\n", quoted))
        assert body.startswith(b" > me\r\n")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (head("text/plain", "utf-8"), b"-----BEGIN PGP MESSAGE-----\r\n"),
        (head("text/plain", "utf-8"), b"a\0b\r\n"),
        (head("text/plain", "unheard-of"), b"x"),
        (head("text/plain", "utf-8", "x-uuencode"), b"x"),
        (head("text/plain", "utf-8", "base64"), b"x"),
        (head("text/html", "shift_jis"), b"<body>\x81</body>"),
        (head("text/html", "utf-8"), b"<body hidden>tea</body>"),
    ],
)
def test_what_cannot_be_edited_without_a_doubt_is_left_with_a_reason(fields: str, body: bytes) -> None:
    assert isinstance(plan_of(fields.encode() + b"\r\n" + body), str)


def test_seven_bit_text_becomes_what_is_shorter() -> None:
    few = edited(head("text/plain", "utf-8", "7bit"), b"tea\r\n" * 200, JAPANESE)
    many = edited(head("text/plain", "utf-8", "7bit"), b"tea\r\n", disclosure("\u8336" * 200))
    assert b"Content-Transfer-Encoding: quoted-printable" in (few or b"")
    assert b"Content-Transfer-Encoding: base64" in (many or b"")


def test_all_copies_of_a_message_come_from_one_plan() -> None:
    content = head("text/plain", "iso-2022-jp", "7bit").encode() + b"\r\n" + "\u8336\r\n".encode("iso2022_jp")
    plan = plan_of(content)
    assert isinstance(plan, TextPlan)
    for footer in (OUTSIDE_JIS, JAPANESE, ASCII, OUTSIDE_JIS):
        edits = with_footer(index(content), plan, footer)
        assert edits is not None
        assert applied(content, edits) == rewritten(content, footer)
