"""Mail of eight bits that goes back to its sender in seven, and reaches them through a next hop that takes no more."""

from __future__ import annotations

import asyncio
import email
from dataclasses import replace
from email import policy
from email.message import EmailMessage, Message

import pytest
from faulty_hop import FaultyHop
from golden.notifications import CASES, DELAYED, ORIGINAL, REPORT, SENDER, written
from hypothesis import given
from hypothesis import strategies as st
from mailing import deliver, hop_at, mail_to, told

from relay.message.dsn import MOST_RETURNED, returned
from relay.message.index import Part, index, parts_of
from relay.message.seven_bit import in_seven_bits

HEAD = b"MIME-Version: 1.0\r\nFrom: a@brand.example\r\n"
WORDS = "お知らせ、一つ。 It is spring.\r\n=3D .\r\n".encode()
FULL = replace(REPORT, ret="FULL")


def text_part(body: bytes = WORDS, more: bytes = b"") -> bytes:
    fields = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n" + more
    return fields + b"\r\n" + body


def mixed(*parts: bytes, kind: bytes = b"mixed", more: bytes = b"") -> bytes:
    inside = b"".join(b"--cut\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/" + kind + b'; boundary="cut"\r\n' + more + b"\r\n" + inside + b"--cut--\r\n"


def read(octets: bytes) -> Message:
    return email.message_from_bytes(octets, policy=policy.compat32)


def leaves(octets: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded body of all that is no container, as another program reads them."""
    return [
        (part.get_content_type(), part.get_payload(decode=True).rstrip(b"\r\n"))  # type: ignore[union-attr]
        for part in read(octets).walk()
        if not part.is_multipart()
    ]


def types(octets: bytes) -> list[str]:
    def of(part: Part) -> list[str]:
        return [part.kind.kind, *(kind for child in part.children for kind in of(child))]

    return of(parts_of(index(octets)))


ASCII_LABELLED = text_part(b"all ASCII\r\n")
PICTURE = b"Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\x89PNG\xff\xfe 1\r\n"
INSIDE = b"Content-Type: message/rfc822\r\n\r\n" + HEAD + text_part()


@pytest.mark.parametrize(
    "original",
    [
        HEAD + text_part(),
        HEAD + mixed(text_part(), ASCII_LABELLED, PICTURE),
        HEAD + mixed(text_part(), more=b"Content-Transfer-Encoding: 8bit\r\n"),
        HEAD + mixed(b"Content-Type: text/plain\r\n\r\nfirst\r\n", INSIDE),
        HEAD + mixed(mixed(text_part(), kind=b"alternative").replace(b"cut", b"inner"), text_part()),
        HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + WORDS,
        HEAD + b"Content-Type: text/plain; charset=shift_jis\r\n\r\n" + "春です。\r\n".encode("shift_jis"),
        HEAD + mixed(text_part(more=b"Content-MD5: xyz\r\n")),
    ],
    ids=["text", "several", "labelled above", "message", "nested", "no label", "shift_jis", "with a sum"],
)
def test_another_program_reads_the_same_parts_in_the_message_of_seven_bits(original: bytes) -> None:
    converted = in_seven_bits(original)
    assert converted is not None
    assert converted.isascii()
    assert leaves(converted) == leaves(original)
    labels = {str(part["Content-Transfer-Encoding"] or "7bit") for part in read(converted).walk()}
    assert labels <= {"7bit", "quoted-printable", "base64"}
    assert b"Content-MD5" not in converted
    assert all(len(line) <= 998 for line in converted.split(b"\r\n"))


def test_text_stays_readable_where_most_of_it_is_ascii() -> None:
    converted = in_seven_bits(HEAD + text_part(b"It is spring in the whole country: caf\xc3\xa9\r\n"))
    assert converted == HEAD + text_part(b"It is spring in the whole country: caf=C3=A9\r\n").replace(
        b"8bit", b"quoted-printable"
    )


def test_what_is_ascii_is_not_touched() -> None:
    for original in (ORIGINAL, HEAD + ASCII_LABELLED, HEAD + mixed(ASCII_LABELLED, kind=b"signed"), b"", b"\r\n"):
        assert in_seven_bits(original) == original


def test_a_message_without_mime_gets_the_fields_that_say_how_to_read_it() -> None:
    converted = in_seven_bits(b"Subject: x\r\n\r\n" + WORDS)
    assert converted is not None
    assert read(converted)["MIME-Version"] == "1.0"
    assert leaves(converted) == [("text/plain", WORDS.rstrip(b"\r\n"))]


@pytest.mark.parametrize(
    "original",
    [
        "Subject: 春\r\n\r\nx\r\n".encode(),
        HEAD + mixed(text_part(), kind=b"signed"),
        HEAD + mixed(text_part()).replace(b"--cut\r\n", "春\r\n--cut\r\n".encode(), 1),
        HEAD + mixed(text_part()) + "春\r\n".encode(),
        HEAD + text_part().replace(b": 8bit", b": quoted-printable"),
        HEAD + text_part().replace(b": 8bit", b": x-uuencode"),
        HEAD + mixed(text_part("ファイル\r\n".encode(), b"Content-Description: \xe6\x98\xa5\r\n")),
        HEAD + text_part(more=b"Content-Type: text/html\r\n"),
        HEAD + text_part().replace(b"Encoding:", b"Encoding :"),
        HEAD + "words, no field: 春\r\n".encode() + text_part(),
        HEAD + mixed(b"Content-Type: message/partial; id=a; number=1\r\n\r\n" + WORDS),
        HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 12 + WORDS,
    ],
    ids=[
        "header", "signed", "preamble", "epilogue", "wrong label", "unknown label", "header of a part", "two types",
        "space before the colon", "no empty line",
        "partial", "too deep",
    ],
)  # fmt: skip
def test_what_cannot_be_converted_without_a_guess_goes_back_as_its_header(original: bytes) -> None:
    assert in_seven_bits(original) is None
    part = returned(original, full=True, smtputf8=False)
    assert b"text/rfc822-headers" in part.fields
    assert part.octets.isascii()


def test_a_message_inside_of_utf_8_headers_is_encoded_whole_as_its_type_allows() -> None:
    inner = "Subject: 春\r\n\r\nx\r\n".encode()
    converted = in_seven_bits(HEAD + mixed(b"Content-Type: message/global\r\n\r\n" + inner))
    assert converted is not None
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDog" in converted


def test_thousands_of_messages_inside_each_other_cost_no_more_than_the_few_that_are_opened() -> None:
    deep = b"Content-Type: message/rfc822\r\n\r\n" * (MOST_RETURNED // 34) + WORDS
    assert in_seven_bits(deep) is None


def test_eight_bits_come_back_whole_in_a_notification_that_asked_for_all_of_it() -> None:
    octets = written(FULL, original=HEAD + text_part())
    assert octets.isascii()
    (_, _, original) = email.message_from_bytes(octets, policy=policy.default).iter_parts()
    assert original.get_content_type() == "message/rfc822"
    assert original["Content-Transfer-Encoding"] is None
    inside = original.get_content()
    assert isinstance(inside, EmailMessage)
    assert inside["From"] == "a@brand.example"
    assert inside.get_content().splitlines() == WORDS.decode().splitlines()


def test_only_a_failure_brings_the_whole_message_back() -> None:
    for report in (DELAYED, CASES["relayed"]):
        octets = written(replace(report, ret="FULL"))
        assert b"Content-Type: text/rfc822-headers" in octets
        assert b"It is spring." not in octets
    assert b"It is spring." in written(FULL)


@pytest.mark.parametrize(
    ("original", "smtputf8"),
    [
        (HEAD + text_part(), False),
        (HEAD + mixed(text_part(), kind=b"signed"), False),
        ("題: 春\r\n\r\n春".encode(), True),
    ],
)
def test_a_plain_rfc_5321_hop_takes_the_notification_of_whatever_was_sent(original: bytes, *, smtputf8: bool) -> None:
    async def story() -> None:
        async with FaultyHop(extensions=()) as hop:
            octets = written(replace(FULL, smtputf8=smtputf8), original=original)
            attempts = await deliver(hop_at(hop), mail=mail_to(SENDER, sender=None, content=octets))
            assert told(attempts) == [("delivered", "250 2.0.0")]
            assert [one.content for one in hop.messages] == [octets]

    asyncio.run(story())


pieces = st.sampled_from(
    [
        b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=cut", b"Content-Type: text/plain; charset=utf-8",
        b"Content-Type: message/rfc822", b"Content-Type: multipart/alternative; boundary=b", b"Subject: x", b"", b"",
        b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: base64", b"--cut", b"--cut--", b"--b", b"--b--",
        b"Content-Transfer-Encoding: binary", b"From x", b"=", b"plain words", "春".encode(), b"\xff\xfe", b". dot",
    ]
)  # fmt: skip


@given(st.lists(pieces | st.binary(max_size=20), max_size=25).map(b"\r\n".join))
def test_whatever_comes_out_is_ascii_with_the_same_parts_and_reads_the_same_the_second_time(original: bytes) -> None:
    converted = in_seven_bits(original)
    if converted is None:
        assert not original.isascii()
        return
    assert converted.isascii()
    assert in_seven_bits(converted) == converted
    assert types(converted) == types(original)


@given(original=st.lists(pieces, max_size=25).map(b"\r\n".join), smtputf8=st.booleans())
def test_no_notification_to_an_address_in_ascii_needs_more_than_seven_bits(original: bytes, *, smtputf8: bool) -> None:
    assert written(replace(FULL, smtputf8=smtputf8), original=original).isascii()
