from __future__ import annotations

import email
import os
import re
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from flufl.bounce import all_failures
from golden.notifications import (
    CASES,
    DELAYED,
    EXPIRED,
    NO_SUCH_USER,
    NOW,
    ORIGINAL,
    REPORT,
    SENDER,
    UNANSWERED,
    WITHDRAWN,
    written,
)
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address, AddressError, address_from_text
from relay.envelope import Recipient
from relay.message.dsn import (
    MOST_RETURNED,
    Action,
    Report,
    Told,
    delivery_status,
    diagnostic_of,
    from_xtext,
    header_of,
    original_recipient,
    returned,
    status_of,
)
from relay.reason import MEANINGS, Group, Reason
from relay.reply import Reply, one_line

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "dsn"


def read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=policy.default)


def groups(status: str) -> list[dict[str, str]]:
    """The fields as RFC 3464 writes them, read without any library: name and value on one line."""
    found = []
    for group in status.removesuffix("\r\n").split("\r\n\r\n"):
        lines = group.split("\r\n")
        assert all(re.fullmatch(r"[A-Z][A-Za-z-]*: [^\r\n]+", line) for line in lines), lines
        found.append(dict(line.split(": ", 1) for line in lines))
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_notification_is_octet_by_octet_as_it_was_approved(name: str) -> None:
    octets = written(CASES[name])
    file = GOLDEN / f"{name}.eml"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_bytes(octets)
    assert octets == file.read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_a_notification_is_a_report_of_three_parts_and_a_programs_answer(name: str) -> None:
    mail = read(written(CASES[name]))
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["To"] == SENDER
    assert mail["In-Reply-To"] == mail["References"] == "<spring.1@news.brand.example>"
    people, programs, original = mail.iter_parts()
    assert people.get_content_type() == "text/plain"
    assert programs.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
    assert original.get_content_type() in ("text/rfc822-headers", "message/rfc822", "message/global-headers")


def test_another_program_that_reads_bounces_finds_who_failed_for_good_and_who_only_for_now() -> None:
    failed = email.message_from_bytes(written(CASES["several-reasons"]))
    temporary, permanent = all_failures(failed)
    assert permanent == {b"hana+ko@example.org", b"taro@example.net", b"jiro@example.com", b"ann@example.org"}
    temporary, permanent = all_failures(email.message_from_bytes(written(DELAYED)))
    assert temporary == {b"jiro@example.com"}
    assert not permanent
    relayed = email.message_from_bytes(written(CASES["relayed"]))
    assert not any(all_failures(relayed))


@pytest.mark.parametrize(
    ("told", "status", "diagnostic"),
    [
        (WITHDRAWN, "5.7.1", '550 5.7.1 withdrawn: this person has stopped "newsletter" (id '),
        (NO_SUCH_USER, "5.1.1", "550 5.1.1 no such user"),
        (EXPIRED, "4.4.7", "451 4.4.7 expired: not delivered within 5d: mailbox full"),
        (UNANSWERED, "4.7.1", "451 4.7.1 hold-expired: held until the policy's limit without a yes (id "),
        # a refusal that ended in time, not by a no: nobody is dropped for it
        (replace(WITHDRAWN, reason=Reason.STREAM_PAUSED, last=Reply(451, "4.4.7", "expired")), "4.4.7", "451 4.4.7 e"),
        # what was said then, with what it was about this message
        (
            replace(WITHDRAWN, reason=Reason.DISCLOSURE_IMPOSSIBLE, last=Reply(550, "5.7.1", "it is signed")),
            "5.7.1",
            "550 5.7.1 it is signed",
        ),
        # an operator took it out of a hold: nobody is dropped for a yes that can be renewed
        (replace(WITHDRAWN, reason=Reason.STALE), "4.7.1", "451 4.7.1 stale: "),
        (replace(WITHDRAWN, reason=Reason.UNCONFIRMED), "4.7.1", "451 4.7.1 unconfirmed: "),
        (replace(WITHDRAWN, reason=Reason.NO_CONSENT), "5.7.1", "550 5.7.1 no-consent: "),
        (replace(NO_SUCH_USER, last=None), "5.0.0", ""),
        (replace(EXPIRED, last=None), "4.4.7", ""),
    ],
)
def test_the_status_is_permanent_only_for_what_will_not_change_by_waiting(
    told: Told, status: str, diagnostic: str
) -> None:
    assert status_of(told, Action.FAILED) == status
    found = diagnostic_of(told, "newsletter", Action.FAILED)
    assert found.startswith(diagnostic)
    assert bool(found) == bool(diagnostic)


def test_what_waits_or_was_passed_on_has_a_status_of_its_class() -> None:
    assert status_of(DELAYED.told[0], Action.DELAYED) == "4.2.2"
    assert status_of(replace(NO_SUCH_USER, last=None), Action.DELAYED) == "4.4.7"
    assert status_of(CASES["relayed"].told[0], Action.RELAYED) == "2.0.0"


def test_the_fields_for_programs() -> None:
    message, hanako, taro, jiro, _ = groups(delivery_status(CASES["several-reasons"]))
    assert message == {
        "Reporting-MTA": "dns; relay.brand.example",
        "Original-Envelope-Id": "QQ+314159",
        "Arrival-Date": "Wed, 29 Apr 2026 12:00:00 +0000",
        "X-Consent-Relay-Message": "01JT0MESSAGE00000000000000",
    }
    assert hanako["Original-Recipient"] == "rfc822; hana+ko@example.org"
    assert hanako["Final-Recipient"] == "rfc822; hanako@example.org"
    assert hanako["Final-Log-ID"] == WITHDRAWN.decision
    assert hanako["X-Consent-Relay-Reason"] == "withdrawn"
    assert "Last-Attempt-Date" not in hanako  # nobody tried
    assert taro["Remote-MTA"] == "dns; mx.example.net"
    assert taro["Last-Attempt-Date"] == "Mon, 04 May 2026 11:59:00 +0000"
    assert "Remote-MTA" not in jiro  # an address of ours means nothing outside
    assert "10.0.0.7" not in delivery_status(CASES["several-reasons"])
    assert groups(delivery_status(DELAYED))[1]["Will-Retry-Until"] == "Sat, 09 May 2026 08:00:00 +0000"


def test_an_address_outside_ascii_goes_as_utf_8_in_eight_bits_where_those_are_needed_anyway() -> None:
    report = CASES["utf-8-recipient"]
    encoded = written(report)
    assert encoded.isascii()  # the sender's mailbox may be anywhere
    assert b"Content-Type: message/global-delivery-status" in encoded
    plain = written(report, "送信@example.jp")
    assert "Final-Recipient: utf-8; 花子@example.jp".encode() in plain
    assert b"Content-Transfer-Encoding: 8bit" in plain


def test_a_report_tells_of_somebody() -> None:
    with pytest.raises(ValueError, match="somebody"):
        replace(REPORT, told=())


@pytest.mark.parametrize(
    ("xtext", "text"),
    [
        ("abc", "abc"),
        ("a+2Bb+3D", "a+b="),
        ("a+20b", "a b"),
        ("a+0D+0AAction: delivered", None),
        ("a+0A", None),
        ("+00", None),
        ("+7F", None),
        ("+E3+81+82", None),
        ("+20", None),
        ("", None),
    ],
)
def test_xtext_is_decoded_unless_it_would_begin_a_field(xtext: str, text: str | None) -> None:
    assert from_xtext(xtext) == text


@pytest.mark.parametrize(
    ("orcpt", "field"),
    [
        ("rfc822;ann@example.org", "rfc822; ann@example.org"),
        ("RFC822;a+2Bb@example.org", "rfc822; a+b@example.org"),
        ("utf-8;\\x{82B1}\\x{5B50}@example.jp", "utf-8; \\x{82B1}\\x{5B50}@example.jp"),
        ("rfc822;a@b+0D+0AAction:delivered", None),
        ("rfc822", None),
        ("rfc 822;x", None),
        ("", None),
    ],
)
def test_an_original_recipient_comes_back_unless_it_would_begin_a_field(orcpt: str, field: str | None) -> None:
    assert original_recipient(orcpt) == field


def test_the_header_comes_back_as_the_client_wrote_it_and_nothing_behind_it() -> None:
    assert header_of(ORIGINAL) == ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert b"It is spring" not in written(REPORT)
    assert b"It is spring" in written(CASES["whole-message"])


def test_a_long_header_is_cut_between_two_fields() -> None:
    head = b"".join(b"X-%05d: %s\r\n" % (number, b"x" * 80) for number in range(2000))
    found = header_of(head + b"\r\nbody")
    assert head.startswith(found)
    assert found.endswith(b"x\r\n")
    assert MOST_RETURNED - 100 < len(found) <= MOST_RETURNED


@pytest.mark.parametrize(
    "original",
    [
        ORIGINAL + b"x\r\n" * MOST_RETURNED,
        ORIGINAL + b"x" * 2000 + b"\r\n",
        ORIGINAL + b"bare\nline end\r\n",
        ORIGINAL + b"\0\r\n",
    ],
    ids=["too long", "long line", "bare LF", "NUL"],
)
def test_a_message_that_cannot_go_back_whole_goes_back_as_its_header(original: bytes) -> None:
    part = returned(original, full=True, smtputf8=False)
    assert b"text/rfc822-headers" in part.fields
    assert b"It is spring" not in part.body


def test_eight_bits_go_back_whole_and_encoded_of_a_type_that_allows_it() -> None:
    eight_bits = ORIGINAL + "春\r\n".encode()
    for part in (returned(eight_bits, full=True, smtputf8=smtputf8) for smtputf8 in (False, True)):
        assert b"message/rfc822\r\n" in part.fields
        assert b"8bit" not in part.fields
        assert part.octets.isascii()
    part = returned("Subject: 春\r\n".encode() + eight_bits, full=True, smtputf8=True)
    assert (
        b"message/global\r\nContent-Description: Undelivered message\r\nContent-Transfer-Encoding: base64\r\n"
        in part.fields
    )
    assert part.octets.isascii()


def test_raw_octets_in_a_header_go_back_encoded() -> None:
    odd = b"Subject: \xff\xfe\r\n\r\n"
    assert returned(odd, full=False, smtputf8=False).octets.isascii()
    assert b"text/rfc822-headers" in returned(odd, full=False, smtputf8=False).fields
    utf_8 = "Subject: 春\r\n\r\n".encode()
    assert b"message/global-headers" in returned(utf_8, full=False, smtputf8=True).fields


def test_a_message_id_that_is_none_is_not_answered() -> None:
    for wrong in (b"<a b>", b"x", b"<a>\r\n\t<b>", b"<" + b"x" * 300 + b">", b"<\xe3@x>", b""):
        original = b"Message-ID: " + wrong + b"\r\n\r\n"
        assert read(written(REPORT, original=original))["In-Reply-To"] is None


def addresses() -> st.SearchStrategy[Address]:
    def made(parts: tuple[str, str]) -> Address | None:
        try:
            return Address(*parts)
        except AddressError:
            return None

    locals_ = st.text(min_size=1, max_size=20) | st.from_regex(r"[A-Za-z0-9.+_=-]{1,20}", fullmatch=True)
    domains = st.sampled_from(["example.org", "xn--p8j9a0d.example", "a.b.c.example"])
    return st.tuples(locals_, domains).map(made).filter(lambda one: one is not None)  # type: ignore[return-value]


replies = st.builds(
    lambda code, text: Reply(code, f"{code // 100}.1.1", one_line(text) or "x"),
    st.sampled_from([250, 451, 550]),
    st.text(max_size=200),
)
xtexts = st.from_regex(r"([!-*,-<>-~]|\+[0-9A-F]{2}){1,60}", fullmatch=True)
tolds = st.builds(
    Told,
    st.builds(Recipient, addresses(), orcpt=st.just("") | xtexts.map("rfc822;".__add__)),
    st.just("01JTCOPY000000000000000001"),
    st.sampled_from([reason for reason in Reason if MEANINGS[reason].group is not Group.PASS]),
    st.none() | replies,
    st.sampled_from(["", "mx.example.net:25", "10.0.0.1:25", "[2001:db8::1]:25", "localhost:25", "evil\r\nX: y:25"]),
    st.none() | st.just(NOW),
)
header_lines = st.binary(max_size=60) | st.sampled_from(
    [b"From: a@b", b"Message-ID: <x@y>", b"\r\n\r\n", b"\r\n", b"--=_", b"\0", b"From x\r\n", "件名: 春".encode()]
)


@given(
    several=st.lists(tolds, min_size=1, max_size=4),
    action=st.sampled_from(Action),
    sender=addresses(),
    original=st.lists(header_lines, max_size=12).map(b"\r\n".join),
    envid=st.just("") | xtexts,
    ret=st.sampled_from(["", "FULL", "HDRS"]),
    smtputf8=st.booleans(),
)
def test_whatever_was_sent_to_whomever_a_notification_is_well_formed_and_tells_all(
    *, several: list[Told], action: Action, sender: Address, original: bytes, envid: str, ret: str, smtputf8: bool
) -> None:
    report = Report(
        action, tuple(several), "01JT0MESSAGE00000000000000", NOW, NOW, REPORT.tried_for, "newsletter",
        "relay.brand.example", envid, ret, smtputf8,
    )  # fmt: skip
    first, *rest = groups(delivery_status(report))
    assert set(first) <= {"Reporting-MTA", "Original-Envelope-Id", "Arrival-Date", "X-Consent-Relay-Message"}
    assert [one["Final-Recipient"].partition("; ")[2] for one in rest] == [
        str(one.recipient.address) for one in several
    ]
    assert {one["Action"] for one in rest} == {action.value}
    assert all(re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", one["Status"]) for one in rest)
    octets = written(report, str(sender), original)
    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\0" not in octets
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    head = octets.partition(b"\r\n\r\n")[0]
    assert head.isascii() == sender.is_ascii
    mail = read(octets)
    assert len(list(mail.iter_parts())) == (3 if original else 2)
    if sender.is_ascii:
        assert not [defect for part in mail.walk() for defect in part.defects if "Boundary" in type(defect).__name__]
    if all(one.recipient.address.is_ascii for one in several) and action is Action.FAILED:
        failures = all_failures(email.message_from_bytes(octets))
        plain = {str(one.recipient.address) for one in several if not one.recipient.orcpt}
        # It reads an address as a MIME parameter: what means something there, it takes apart.
        assert {one.encode() for one in plain if re.fullmatch(r"[A-Za-z0-9.+_@-]+", one)} <= failures[0] | failures[1]


def test_nobody_but_those_who_are_told_of_and_the_senders_own_header_is_named() -> None:
    octets = written(replace(REPORT, told=(NO_SUCH_USER,)), original=b"Subject: x\r\n\r\n")
    found = set(re.findall(rb"[\w.+-]+@[\w.-]+", octets))
    assert {one.decode() for one in found} == {
        "mailer-daemon@relay.brand.example",
        "01JT0N0T1CE000000000000000@relay.brand.example",
        SENDER,
        str(address_from_text("taro@example.net")),
    }
