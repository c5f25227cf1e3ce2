from __future__ import annotations

import email
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address, address_from_text
from relay.message.notice import Automatic, Entity, Heading, notice, octets_of, one_line_of, several, text
from relay.message.transfer import Transfer

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HEADING = Heading(
    "01JV0000000000000000000000", "relay.brand.example", address_from_text("shop@brand.example"), "A report", NOW
)
FIELDS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]


def read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=policy.default)


def names(octets: bytes) -> list[str]:
    """Of the header fields, as a reader finds them who knows nothing but lines."""
    head = octets.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]


def test_an_own_mail_says_who_writes_to_whom_when_and_that_a_program_does() -> None:
    mail = notice(HEADING, text("Nothing happened.\n"))
    assert mail == (
        b"From: Mail Delivery System <mailer-daemon@relay.brand.example>\r\n"
        b"To: <shop@brand.example>\r\n"
        b"Subject: A report\r\n"
        b"Date: Mon, 04 May 2026 12:00:00 +0000\r\n"
        b"Message-ID: <01JV0000000000000000000000@relay.brand.example>\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"\r\n"
        b"Nothing happened.\r\n"
    )


def test_another_name_other_fields_and_an_answer() -> None:
    heading = replace(
        HEADING,
        name='Brand "Shop"',
        local="notices",
        automatic=Automatic.REPLIED,
        extra=(
            ("Reply-To", "<support@brand.example>"),
            ("List-Unsubscribe", "<https://example.org/" + "x" * 800 + ">"),
        ),
    )
    mail = read(notice(heading, text("Hello")))
    assert str(mail["From"]) == '"Brand \\"Shop\\"" <notices@relay.brand.example>'
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["Reply-To"] == "support@brand.example"
    assert mail["List-Unsubscribe"] == "<https://example.org/" + "x" * 800 + ">"


def test_words_outside_ascii_are_encoded_words_that_readers_put_together() -> None:
    words = "配信できませんでした: 春のお知らせ " * 6
    heading = replace(HEADING, subject=words, name="ブランド株式会社")
    octets = notice(heading, text("本文です。\n"))
    assert octets.isascii()
    mail = read(octets)
    assert mail["Subject"] == words.strip()
    assert mail["From"].addresses[0].display_name == "ブランド株式会社"
    assert mail.get_content() == "本文です。\r\n"
    assert all(len(line) <= 78 for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_a_recipient_outside_ascii_stands_as_it_is() -> None:
    octets = notice(replace(HEADING, to=Address("花子", "example.jp")), text("Hello"))
    assert "To: <花子@example.jp>".encode() in octets


@pytest.mark.parametrize("name", ["", "Bad Name", "Evil\r\nBcc", "X:", "日本"])
def test_an_extra_field_with_a_name_that_is_none_is_a_bug(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        notice(replace(HEADING, extra=((name, "x"),)), text("Hello"))


@pytest.mark.parametrize("value", ["", " ", "a\r\nBcc: x@example.org", "a\nb", "日本", "x" * 901, "\x00"])
def test_an_extra_field_with_a_value_that_cannot_stand_there_is_a_bug(value: str) -> None:
    with pytest.raises(ValueError, match="value of Reply-To"):
        notice(replace(HEADING, extra=(("Reply-To", value),)), text("Hello"))


def test_an_identifier_or_domain_with_anything_else_in_it_is_a_bug() -> None:
    for wrong in (replace(HEADING, identifier="a>\r\nBcc: x"), replace(HEADING, mail_domain="a b")):
        with pytest.raises(ValueError, match=r"identifier|domain"):
            notice(wrong, text("Hello"))


any_text = st.text(max_size=400) | st.text(st.sampled_from('\r\n\t :=?<>"\\aB\u2028\x85\x00=_'), max_size=400)


@given(subject=any_text, name=any_text, words=any_text)
def test_no_text_whatever_begins_a_field_or_ends_the_head(subject: str, name: str, words: str) -> None:
    octets = notice(replace(HEADING, subject=subject, name=name), text(words, language="ja"))
    assert names(octets)[: len(FIELDS)] == FIELDS
    assert set(names(octets)[len(FIELDS) :]) <= {"Content-Language", "Content-Transfer-Encoding"}
    assert octets.isascii()
    assert b"\0" not in octets
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    mail = read(octets)
    assert mail["From"].addresses[0].addr_spec == "mailer-daemon@relay.brand.example"
    assert len(mail["From"].addresses) == 1
    assert mail["To"].addresses[0].addr_spec == "shop@brand.example"


@given(words=st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")) | st.just("\n"), max_size=3000))
def test_a_text_comes_back_as_it_was(words: str) -> None:
    mail = read(notice(HEADING, text(words)))
    content = mail.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode(mail.get_content_charset("x")).replace("\r\n", "\n") == words.rstrip("\n") + "\n"


def test_a_text_that_a_mailbox_file_would_break_is_encoded() -> None:
    octets = notice(HEADING, text("Hello\nFrom here on it is somebody else's.\n"))
    assert b"\nFrom " not in octets
    assert "From here" in read(octets).get_content()


@given(parts=st.lists(st.binary(max_size=200) | st.just(b"--=_\r\n"), min_size=1, max_size=4))
def test_parts_come_back_whole_whatever_is_in_them(parts: list[bytes]) -> None:
    entities = [octets_of("application/octet-stream", one, transfer=Transfer.BASE64) for one in parts]
    mail = read(notice(HEADING, several("mixed", entities)))
    assert mail.get_content_type() == "multipart/mixed"
    assert [one.get_payload(decode=True) for one in mail.iter_parts()] == parts


def test_a_part_that_names_our_boundary_does_not_end_itself() -> None:
    first = several("mixed", [Entity(b"", b"x\r\n")])
    found = re.search(rb'boundary="([^"]+)"', first.fields)
    assert found is not None
    second = several("mixed", [Entity(b"", b"--" + found[1] + b"--\r\nstill here\r\n"), text("after")])
    mail = read(notice(HEADING, second))
    assert len(list(mail.iter_parts())) == 2


def test_octets_outside_ascii_are_encoded_unless_asked_for() -> None:
    assert octets_of("text/x-thing", "ü".encode()).octets.isascii()
    as_they_are = octets_of("message/global-headers", "ü".encode(), transfer=Transfer.EIGHT_BIT)
    assert b"Content-Transfer-Encoding: 8bit" in several("report", [as_they_are]).fields


def head_of(**fields: Any) -> list[bytes]:
    """Lines of the head."""
    return notice(replace(HEADING, **fields), text("Hello")).partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 297 + "..."),
        ("a\x00b\ud800c\u2028d\u2029e\u3000f\x85g", "a b c d e f g"),
        (" \r\n a  b\t", "a b"),
    ],
)
def test_a_text_becomes_one_line_of_bounded_length(words: str, line: str) -> None:
    assert one_line_of(words) == line


@pytest.mark.parametrize("words", ["=?utf-8?Q?evil?=", "a =?utf-8?Q?b?= c"])
def test_what_looks_like_an_encoded_word_reads_as_it_was_written(words: str) -> None:
    mail = read(notice(replace(HEADING, subject=words, name=words), text("Hello")))
    assert mail["Subject"] == words
    assert mail["From"].addresses[0].display_name == words


@pytest.mark.parametrize("name", ["a \\ b", 'a "b" c', "\\", "Brand, Sons; K.K."])
def test_a_name_with_marks_of_the_syntax_reads_as_it_was_written(name: str) -> None:
    assert read(notice(replace(HEADING, name=name), text("Hello")))["From"].addresses[0].display_name == name


def test_no_subject_is_an_empty_field() -> None:
    assert b"Subject:" in head_of(subject="")


def test_a_line_is_filled_as_far_as_it_may_be_and_broken_between_words() -> None:
    assert b"Subject: " + b"x" * 60 + b" 123456" in head_of(subject="x" * 60 + " 123456")
    assert b"Subject: " + b"x" * 60 in head_of(subject="x" * 60 + " 1234567")
    words = "spring is here " * 15
    folded = head_of(subject=words, name=words, extra=(("X-Words", words.strip()),))
    assert max(map(len, folded)) <= 76
    assert b"".join(folded).count(b" here") == 45


@given(st.text(st.sampled_from("aé春 "), max_size=200))
def test_no_line_of_the_head_is_longer_than_it_may_be_whatever_the_words(words: str) -> None:
    octets = notice(replace(HEADING, subject=words, name=words), text("Hello"))
    assert all(len(line) <= 78 for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    assert read(octets)["Subject"] == " ".join(words.split())


def test_an_extra_field_of_long_words_and_many_spaces_has_no_line_of_nothing() -> None:
    longest = "y" * 900
    lines = head_of(extra=(("X-Long", f"x {longest}"), ("X-Wide", "x" * 66 + " " * 30 + "y")))
    assert f" {longest}".encode() in lines
    assert all(line.strip() for line in lines)
    with pytest.raises(ValueError, match="word that no line can hold"):
        head_of(extra=(("X-Long", f"x {longest}y"),))


def test_the_fields_of_each_kind_of_part_are_those() -> None:
    assert text("Hello", "html", language="ja").fields == (
        b"Content-Type: text/html; charset=us-ascii\r\nContent-Language: ja\r\n"
    )
    assert octets_of("message/delivery-status", b"a\r\n").fields == b"Content-Type: message/delivery-status\r\n"
    assert octets_of("text/x", b"a\r\n", description="Words").fields == (
        b"Content-Type: text/x\r\nContent-Description: Words\r\n"
    )
    whole = re.fullmatch(
        rb'Content-Type: multipart/report; report-type=x;\r\n boundary="=_[0-9a-f]{40}"\r\n',
        several("report", [text("a")], "report-type=x").fields,
    )
    assert whole is not None
    assert re.match(rb'Content-Type: multipart/mixed;\r\n boundary="', several("mixed", [text("a")]).fields)


def test_line_ends_of_any_kind_become_line_ends_and_what_nobody_sees_is_marked() -> None:
    assert text("a\rb\nc\r\nd\r\n\r\n").body == b"a\r\nb\r\nc\r\nd\r\n"
    mail = read(notice(HEADING, text("a\x00b\x1bc\x7f\u2028\td")))
    assert mail.get_content() == "a\ufffdb\ufffdc\ufffd\ufffd\td\r\n"


@pytest.mark.parametrize("octets", [b"From me\r\n", b"a\rb", b"a\nb", b"a\0b", b"x" * 999, b"\xe9"])
def test_octets_that_a_server_on_the_way_would_change_are_encoded(octets: bytes) -> None:
    entity = octets_of("application/octet-stream", octets)
    assert b"Content-Transfer-Encoding: " in entity.fields
    assert octets not in entity.body
    assert email.message_from_bytes(entity.octets).get_payload(decode=True) == octets
