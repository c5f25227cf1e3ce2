from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from relay.message.edits import applied
from relay.message.footer import Footer
from relay.message.index import index, parts_of
from relay.message.wrap import footer_part, wrapped

FOOTER = Footer("____\n\u8336\n", "")
SIGNED = (
    b"From: a@b.example\r\nContent-Type: multipart/signed; boundary=s;\r\n micalg=pgp-sha256\r\nSubject: x\r\n"
    b"Content-Language: en\r\n\r\n--s\r\n\r\ntext \r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n=\r\n--s--\r\n"
)


def test_the_original_stands_octet_by_octet_in_the_first_part() -> None:
    message = applied(SIGNED, wrapped(index(SIGNED), FOOTER))
    first, second = parts_of(index(message)).children
    fields = b"Content-Type: multipart/signed; boundary=s;\r\n micalg=pgp-sha256\r\nContent-Language: en\r\n"
    assert message[first.head.start : first.end] == fields + b"\r\n" + SIGNED.partition(b"\r\n\r\n")[2]
    assert second.kind.kind == "text/plain"


def test_the_other_fields_stay_outside_and_the_footer_is_shown_inline() -> None:
    message = message_from_bytes(applied(SIGNED, wrapped(index(SIGNED), FOOTER)), policy=policy.default)
    assert [name for name in message if name != "Content-Type"] == ["From", "Subject", "MIME-Version"]
    _, footer = message.iter_parts()
    assert footer.get_content() == "____\r\n\u8336\r\n"
    assert footer.get_content_disposition() == "inline"
    assert footer.get_filename() is None


def test_the_new_boundary_is_nowhere_in_the_message_and_the_same_every_time() -> None:
    once = applied(SIGNED, wrapped(index(SIGNED), FOOTER))
    assert once == applied(SIGNED, wrapped(index(SIGNED), FOOTER))
    boundary = parts_of(index(once)).boundary
    assert boundary not in SIGNED
    tricky = SIGNED + boundary
    assert boundary not in parts_of(index(applied(tricky, wrapped(index(tricky), FOOTER)))).boundary


def test_a_text_without_fields_gets_one_that_says_nothing_of_it() -> None:
    """Email::MIME would take its first lines for fields."""
    content = b"Subject: x\r\n\r\ntea\r\n\r\nmore tea\r\n"
    message = applied(content, wrapped(index(content), FOOTER))
    first, _ = parts_of(index(message)).children
    assert message[first.head.start : first.end] == b"MIME-Version: 1.0\r\n\r\ntea\r\n\r\nmore tea\r\n"


def test_the_footer_may_stand_first() -> None:
    message = applied(SIGNED, wrapped(index(SIGNED), FOOTER, footer_first=True))
    first, second = parts_of(index(message)).children
    assert (first.kind.kind, second.kind.kind) == ("text/plain", "multipart/signed")
    assert message[second.body : second.end] == SIGNED.partition(b"\r\n\r\n")[2]
    assert parts_of(index(message)).closed


@pytest.mark.parametrize(("label", "outside"), [(b"8BIT", "8bit"), (b"binary", "binary")])
def test_what_is_put_around_8_bit_octets_says_so(label: bytes, outside: str) -> None:
    content = b"Content-Transfer-Encoding: " + label + b"\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n\xff\r\n"
    root = parts_of(index(applied(content, wrapped(index(content), FOOTER))))
    assert root.transfer == outside
    assert parts_of(index(applied(SIGNED, wrapped(index(SIGNED), FOOTER)))).transfer == "7bit"


def test_a_footer_part_is_as_small_as_seven_bits_allow() -> None:
    assert b"Content-Transfer-Encoding: 7bit\r\n\r\ntea\r\n" in footer_part(Footer("tea\n", ""))
    assert b"Content-Transfer-Encoding: quoted-printable" in footer_part(Footer("caf\xe9 and tea\n", ""))
    assert b"Content-Transfer-Encoding: base64" in footer_part(Footer("\u8336" * 30, ""))
    assert b"Content-Transfer-Encoding: quoted-printable" in footer_part(Footer("a" * 999 + "\n", ""))


def test_no_line_of_a_footer_part_is_taken_for_a_delimiter() -> None:
    assert b"\n--b" not in footer_part(Footer("tea\n--b--\n", ""), b"b")
    assert b"\n--c" in footer_part(Footer("tea\n--c--\n", ""), b"b")
