from __future__ import annotations

from dataclasses import replace
from datetime import date
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.compose import Common, Copy, Personal, Shown, Undisclosable, copy_for, prepare
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.index import Part, index, parts_of
from relay.message.rules import Amp, Fallback, Rules
from relay.message.wording import wording_for

COMMON = Common(b"Received: from a by b; now\r\n", b"Date: now\r\n", b"Message-ID: <new@b>\r\n")
FACTS = FooterFacts(
    "Brand", "Tokyo", "care@brand.example", "https://brand.example/p", "News", consented_on=date(2024, 5, 1)
)
LINK = "https://mail.example/u/token"


def told(language: str = "ja", facts: FooterFacts = FACTS) -> Disclosure:
    spoken, wording = wording_for(language, {})
    return Disclosure((Version(facts, wording, spoken),), LINK)


PERSONAL = Personal(LINK, one_click=True, disclosure=told())
COMMERCIAL = Rules(commercial=True, list_id="news.brand.example")
PASSING = Rules(commercial=False)
SIGNED = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s--\r\n"


def copy(content: bytes, rules: Rules = COMMERCIAL, personal: Personal | None = PERSONAL) -> bytes:
    result = copy_for(prepare(index(content), COMMON, rules), personal)
    assert isinstance(result, Copy), result
    return result.content


def test_received_stands_first_and_missing_fields_are_added() -> None:
    message = copy(b"From: a@b.example\r\n\r\nx\r\n", PASSING, None)
    assert message == COMMON.received + COMMON.message_id + COMMON.date + b"From: a@b.example\r\n\r\nx\r\n"


def test_a_transactional_message_is_otherwise_the_same() -> None:
    original = b"Date: then\r\nMessage-Id: <old@b>\r\nList-Unsubscribe: <mailto:x@y>\r\nContent-Type: text/html\r\n\r\n<body>\xff\r\n"
    assert copy(original, PASSING, None) == COMMON.received + original


def test_nobody_sees_blind_copies_or_control_fields() -> None:
    for rules in (PASSING, COMMERCIAL):
        message = copy(
            b"Bcc: a@b.example,\r\n c@d.example\r\nX-Consent-Stream: news\r\nTo: e@f.example\r\n\r\nx\r\n", rules
        )
        assert b"Bcc" not in message
        assert b"c@d.example" not in message
        assert b"X-Consent" not in message


def test_each_list_field_stands_exactly_once() -> None:
    original = b"List-Unsubscribe: <mailto:a@b>\r\nList-unsubscribe: <x>\r\nLIST-ID: <old>\r\nList-Unsubscribe-Post: no\r\n\r\nx\r\n"
    message = message_from_bytes(copy(original))
    assert message.get_all("List-Unsubscribe") == ["<https://mail.example/u/token>"]
    assert message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert message.get_all("List-Id") == ["<news.brand.example>"]


def test_without_one_click_no_field_claims_it() -> None:
    message = message_from_bytes(
        copy(
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nx\r\n",
            personal=replace(PERSONAL, one_click=False),
        )
    )
    assert "List-Unsubscribe-Post" not in message


def test_what_cannot_carry_the_footer_is_known_before_any_copy() -> None:
    prepared = prepare(index(SIGNED), COMMON, COMMERCIAL)
    assert prepared.undisclosable == Undisclosable("signed or encrypted (multipart/signed)")
    assert copy_for(prepared, PERSONAL) == prepared.undisclosable


def test_a_signature_over_the_absence_of_a_field_that_is_added_goes() -> None:
    rules = replace(COMMERCIAL, fallback=Fallback.HEADERS_ONLY)
    for name in ("message-id", "date"):
        holds = b"DKIM-Signature: h=from:subject; b=x\r\n"
        breaks = f"DKIM-Signature: h=from:{name}; b=x\r\n".encode()
        assert holds + SIGNED in copy(breaks + holds + SIGNED, rules)
        assert breaks not in copy(breaks + holds + SIGNED, rules)
        assert breaks in copy(breaks + f"{name}: y\r\n".encode() + SIGNED, rules)


def test_what_can_carry_the_footer_is_not_undisclosable() -> None:
    assert prepare(index(b"X: y\r\n\r\ntea\r\n"), COMMON, COMMERCIAL).undisclosable is None


def test_the_policy_may_wrap_it_or_send_it_with_the_fields_alone() -> None:
    wrapped = prepare(index(SIGNED), COMMON, replace(COMMERCIAL, fallback=Fallback.WRAP))
    assert wrapped.undisclosable is None
    assert wrapped.without_footer
    assert SIGNED.partition(b"\r\n\r\n")[2] in copy(SIGNED, replace(COMMERCIAL, fallback=Fallback.WRAP))
    bare = copy(SIGNED, replace(COMMERCIAL, fallback=Fallback.HEADERS_ONLY))
    assert bare.endswith(SIGNED)
    assert b"List-Unsubscribe: " in bare


def test_reports_and_endless_header_blocks_are_never_wrapped() -> None:
    rules = replace(COMMERCIAL, fallback=Fallback.WRAP)
    for content in (
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
        b"Subject: x\r\nno field\r\n",
    ):
        assert prepare(index(content), COMMON, rules).undisclosable


def test_only_one_alternative_that_cannot_be_edited_spares_the_other() -> None:
    content = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\ntea\r\n--b\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<frameset>\r\n--b--\r\n"
    )
    assert prepare(index(content), COMMON, COMMERCIAL).undisclosable == Undisclosable("HTML with a <frameset>")


def test_a_footer_never_looks_like_a_delimiter() -> None:
    boundary = "_" * 38  # with the two hyphens before it no line of ours, but the postal address below is one
    content = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n\r\ntea\r\n--{boundary}--\r\n".encode()
    facts = replace(FACTS, postal_address=f"--{boundary}", sender=f"--{boundary}")
    message = copy(content, personal=replace(PERSONAL, disclosure=told("en", facts)))
    assert len(parts_of(index(message)).children) == 1


@pytest.mark.parametrize("lines", [1, 1000])
def test_nor_does_a_line_of_a_text_that_is_encoded_anew(lines: int) -> None:
    head = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    for line, result in ((b"=2D-b\r\n", Undisclosable), (b"=2D-c\r\n", Copy)):
        content = head + b"caf=E9\r\n" * lines + line + b"tea\r\n" * lines + b"--b--\r\n"
        assert isinstance(copy_for(prepare(index(content), COMMON, COMMERCIAL), PERSONAL), result)


def test_a_footer_may_be_left_out() -> None:
    assert copy(b"X: y\r\n\r\nx\r\n", personal=replace(PERSONAL, disclosure=None)).endswith(b"X: y\r\n\r\nx\r\n")


ALTERNATIVES = (
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\ntea\r\n--b\r\nContent-Type: text/x-amp-html\r\n"
    b"\r\n<html amp4email></html>\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>tea</p>\r\n--b--\r\n"
)
ATTACHED = b"Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n"
MIXED = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n"
    b"--b--\r\n"
)


@pytest.mark.parametrize(
    ("content", "rules", "shown"),
    [
        (b"Subject: x\r\n\r\ntea\r\n", COMMERCIAL, Shown.ADDED),
        (ALTERNATIVES, COMMERCIAL, Shown.ADDED),
        (ALTERNATIVES, replace(COMMERCIAL, amp=Amp.DROP), Shown.ADDED),
        (ATTACHED, COMMERCIAL, Shown.FIRST_PART),
        (MIXED, COMMERCIAL, Shown.FIRST_PART),
        (SIGNED, replace(COMMERCIAL, fallback=Fallback.WRAP), Shown.WRAPPED),
    ],
)
def test_a_copy_says_how_it_tells_its_reader(content: bytes, rules: Rules, shown: Shown) -> None:
    made = copy_for(prepare(index(content), COMMON, rules), PERSONAL)
    assert isinstance(made, Copy)
    assert (made.shown, made.footer) == (shown, shown.value)


def test_where_no_footer_is_added_the_copy_says_why() -> None:
    made = copy_for(prepare(index(SIGNED), COMMON, replace(COMMERCIAL, fallback=Fallback.HEADERS_ONLY)), PERSONAL)
    assert isinstance(made, Copy)
    assert made.footer == "none: signed or encrypted (multipart/signed)"
    passed = copy_for(prepare(index(SIGNED), COMMON, PASSING), None)
    assert isinstance(passed, Copy)
    assert passed.footer == ""


def shape(part: Part) -> object:
    return (part.kind.kind, tuple(shape(child) for child in part.children))


_PIECES = [
    b"\r\n", b"--b", b"--c", b"--", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"\r\n--b\r\n", b"\r\n--b--\r\n",
    b"Content-Type: multipart/alternative; boundary=c\r\n\r\n", b"\r\n--c\r\n", b"\r\n--c--\r\n", b"Content-Type: text/html\r\n\r\n",
    b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: text/html; charset=shift_jis\r\n", b"text", b"=", b"dGVh", b"\x1b$B",
    b'$"', b"\xe3\x81\x82", b"</body>", b"<!--", b"-->", b" ", b"Bcc: x\r\n", b"From x\r\n", b"\r", b"\n", b"\0", b"<", b">",
]  # fmt: skip
_MESSAGE = st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(_PIECES), max_size=25).map(b"".join))


@given(_MESSAGE, st.sampled_from(list(Fallback)), st.sampled_from(["ja", "en"]))
def test_no_bytes_make_it_fail_and_the_structure_stays(content: bytes, fallback: Fallback, language: str) -> None:
    prepared = prepare(index(content), COMMON, replace(COMMERCIAL, fallback=fallback))
    result = copy_for(prepared, replace(PERSONAL, disclosure=told(language)))
    if isinstance(result, Undisclosable):
        assert fallback is not Fallback.HEADERS_ONLY
        assert result.why
        return
    if result.shown is Shown.WRAPPED:
        assert content[index(content).head.body :] in result.content
        return
    if prepared.plans:
        before, after = parts_of(index(content)), parts_of(index(result.content))
        assert shape(before) == shape(after)
    if prepared.plans or fallback is Fallback.HEADERS_ONLY:
        edited = [plan.part for plan in prepared.plans]
        for part in _leaves(parts_of(index(content))):
            if part not in edited:
                assert content[part.body : part.end] in result.content


@given(_MESSAGE)
def test_a_passing_message_keeps_every_octet_of_its_body(content: bytes) -> None:
    result = copy_for(prepare(index(content), COMMON, PASSING), None)
    assert isinstance(result, Copy)
    assert result.content.endswith(content[index(content).head.body :])


def _leaves(part: Part) -> list[Part]:
    return [leaf for child in part.children for leaf in _leaves(child)] or [part]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_same_message_gives_the_same_copy(language: str) -> None:
    content = b"Content-Type: text/plain; charset=utf-8\r\n\r\ntea\r\n"
    personal = replace(PERSONAL, disclosure=told(language))
    assert copy(content, personal=personal) == copy(content, personal=personal)


ENGLISH = replace(PERSONAL, disclosure=told("en"))


def mixed(*texts: str) -> bytes:
    parts = "".join(f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n" for text in texts)
    return f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n".encode()


def test_placeholders_in_a_text_above_the_last_are_filled_and_count_as_said() -> None:
    message = copy(mixed("Stop: {{unsubscribe_url}}\r\n", "tea\r\n"), personal=ENGLISH)
    above, last = message.split(b"--b\r\n")[1:]
    assert above.endswith(f"\r\n\r\nStop: {LINK}\r\n\r\n".encode())
    assert b"Sent by: Brand" in last
    assert LINK.encode() not in last


def test_a_text_above_that_has_the_whole_footer_leaves_none_to_the_last() -> None:
    message = copy(mixed("tea\r\n{{footer}}\r\n", "bye\r\n"), personal=ENGLISH)
    above, last = message.split(b"--b\r\n")[1:]
    assert above.count(LINK.encode()) == 1
    assert last == b"Content-Type: text/plain\r\n\r\nbye\r\n\r\n--b--\r\n"


def test_a_link_of_somebody_else_goes_from_a_text_above_the_last() -> None:
    theirs = f"https://mail.example/u/{'a' * 134}"
    spoken, wording = wording_for("en", {})
    footer = Disclosure((Version(FACTS, wording, spoken),), theirs).footer().plain.replace("\n", "\r\n")
    assert theirs in footer
    message = copy(mixed(f"tea\r\n\r\n{footer}", "bye\r\n"), personal=ENGLISH)
    assert theirs.encode() not in message
    assert message.count(LINK.encode()) == 2  # the field and the footer


def test_texts_above_that_cannot_be_edited_stay_and_hinder_nothing() -> None:
    content = mixed("tea\r\n", "bye\r\n").replace(
        b"text/plain\r\n\r\ntea", b"text/plain; charset=none\r\n\r\n{{why}} \xff"
    )
    message = copy(content, personal=ENGLISH)
    assert b"charset=none\r\n\r\n{{why}} \xff\r\n" in message
    assert message.count(LINK.encode()) == 2
