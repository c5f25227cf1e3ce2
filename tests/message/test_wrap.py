from __future__ import annotations

from email import message_from_bytes, policy

from relay.message.footer import Footer
from relay.message.headers import applied
from relay.message.index import index, parts_of
from relay.message.wrap import wrapped

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
