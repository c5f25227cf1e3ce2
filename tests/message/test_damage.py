"""What a bug in the rewriting would do to the parts of a copy is noticed before the copy leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rewritten import COMMERCIAL, COMMON, FACTS, LINK

from relay.message.compose import Copy, Personal, Prepared, Shown, copy_for, prepare
from relay.message.damage import damage
from relay.message.footer import Disclosure, Version
from relay.message.index import index
from relay.message.rules import Amp, Fallback, Rules
from relay.message.wording import WORDINGS

PERSONAL = Personal(LINK, one_click=True, disclosure=Disclosure((Version(FACTS["en"], WORDINGS["en"], "en"),), LINK))
LOST = "the parts of the copy are not those of the message"
TEXT = b"Subject: x\r\n\r\ntea\r\n"
ALTERNATIVES = (
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\ntea\r\n--b\r\nContent-Type: text/x-amp-html\r\n"
    b"\r\n<html amp4email></html>\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>tea</p>\r\n--b--\r\n"
)
ATTACHED = b"Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n"
MIXED = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n"
    b"--b--\r\n"
)
SIGNED = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
WRAP = replace(COMMERCIAL, fallback=Fallback.WRAP)


def made(content: bytes, rules: Rules = COMMERCIAL) -> tuple[Prepared, Copy]:
    prepared = prepare(index(content), COMMON, rules)
    copy = copy_for(prepared, PERSONAL)
    assert isinstance(copy, Copy)
    return prepared, copy


@pytest.mark.parametrize(
    ("content", "rules", "shown"),
    [
        (TEXT, COMMERCIAL, Shown.ADDED),
        (ALTERNATIVES, COMMERCIAL, Shown.ADDED),
        (ALTERNATIVES, replace(COMMERCIAL, amp=Amp.DROP), Shown.ADDED),
        (ATTACHED, COMMERCIAL, Shown.FIRST_PART),
        (MIXED, COMMERCIAL, Shown.FIRST_PART),
        (SIGNED, WRAP, Shown.WRAPPED),
    ],
)
def test_a_copy_is_whole_and_a_delimiter_that_a_bug_loses_is_missed(content: bytes, rules: Rules, shown: Shown) -> None:
    prepared, copy = made(content, rules)
    assert copy.shown is shown
    assert damage(prepared, copy) == ""
    for delimiter in (b"--b\r\n", b"--=_"):
        if delimiter in copy.content:
            assert damage(prepared, replace(copy, content=copy.content.replace(delimiter, b"==\r\n", 1))) == LOST


@pytest.mark.parametrize(
    ("content", "rules", "octets"),
    [(ATTACHED, COMMERCIAL, b"%PDF"), (MIXED, COMMERCIAL, b"%PDF"), (SIGNED, WRAP, b"x\r\n--b--")],
)
def test_what_was_not_to_be_touched_has_not_lost_an_octet(content: bytes, rules: Rules, octets: bytes) -> None:
    prepared, copy = made(content, rules)
    assert copy.content.count(octets) == 1
    assert damage(prepared, replace(copy, content=copy.content.replace(octets, octets[1:]))) == LOST


def test_the_last_part_is_missed_too() -> None:
    prepared, copy = made(MIXED)
    cut = copy.content.replace(b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n", b"")
    assert cut != copy.content
    assert damage(prepared, replace(copy, content=cut)) == LOST


def test_a_part_of_another_kind_is_another_part() -> None:
    prepared, copy = made(ALTERNATIVES)
    assert damage(prepared, replace(copy, content=copy.content.replace(b"text/html", b"text/htm"))) == LOST


def test_what_carries_no_footer_is_not_looked_at() -> None:
    prepared, copy = made(SIGNED, replace(COMMERCIAL, fallback=Fallback.HEADERS_ONLY))
    assert copy.shown is Shown.NONE
    assert damage(prepared, replace(copy, content=b"")) == ""
