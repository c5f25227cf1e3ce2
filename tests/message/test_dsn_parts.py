"""What comes back with a notification, and under which codes."""

from __future__ import annotations

import email
from dataclasses import replace
from email import policy

import pytest
from golden.notifications import (
    CASES,
    DELAYED,
    EXPIRED,
    NO_SUCH_USER,
    ORIGINAL,
    REPORT,
    UNANSWERED,
    WITHDRAWN,
    heading,
    told,
)

from relay.message.dsn import Action, Report, Told, diagnostic_of, dsn, header_of, returned, status_of, was_given_up
from relay.reason import Reason
from relay.reply import Reply


@pytest.mark.parametrize(
    ("report", "third"),
    [
        (replace(REPORT, ret="FULL"), "message/rfc822"),
        (replace(REPORT, ret="HDRS"), "text/rfc822-headers"),
        (REPORT, "text/rfc822-headers"),
        # RFC 3461 section 4.3: RET is about failures.
        (replace(DELAYED, ret="FULL"), "text/rfc822-headers"),
        (replace(CASES["relayed"], ret="FULL"), "text/rfc822-headers"),
    ],
)
def test_the_whole_message_comes_back_only_with_a_failure_whose_sender_asked_for_it(report: Report, third: str) -> None:
    mail = email.message_from_bytes(dsn(report, heading(report), "Words\n", ORIGINAL), policy=policy.default)
    assert [part.get_content_type() for part in mail.iter_parts()][2] == third


def test_a_notification_keeps_the_fields_it_was_to_have() -> None:
    wanted = replace(heading(REPORT), extra=(("X-About", "spring"),))
    mail = email.message_from_bytes(dsn(REPORT, wanted, "Words\n", ORIGINAL), policy=policy.default)
    assert mail["X-About"] == "spring"
    assert mail["In-Reply-To"] == "<spring.1@news.brand.example>"


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (None, "2.0.0"),
        (Reply(250, "2.1.5", "ok"), "2.1.5"),
        (Reply(451, "4.2.1", "later"), "2.0.0"),
        (Reply(550, "5.1.1", "nobody"), "2.0.0"),
    ],
)
def test_what_was_passed_on_has_a_code_of_success_whatever_was_said_before(last: Reply | None, status: str) -> None:
    assert status_of(replace(NO_SUCH_USER, last=last), Action.RELAYED) == status


@pytest.mark.parametrize(
    ("last", "status"),
    [(None, "4.4.7"), (Reply(452, "4.2.2", "full"), "4.2.2"), (Reply(250, "2.0.0", "ok"), "4.4.7")],
)
def test_what_is_still_tried_has_a_code_of_waiting(last: Reply | None, status: str) -> None:
    assert status_of(replace(told("h@example.org", Reason.NEXT_HOP_DEFERRED), last=last), Action.DELAYED) == status


@pytest.mark.parametrize(
    ("reason", "status"),
    [(Reason.WITHDRAWN, "5.7.1"), (Reason.STALE, "4.7.1"), (Reason.NEXT_HOP_DEFERRED, "4.4.7")],
)
def test_an_answer_of_success_is_no_code_of_a_failure(reason: Reason, status: str) -> None:
    for last in (Reply(250, "2.0.0", "ok"), None):
        one = replace(told("h@example.org", reason), last=last)
        assert status_of(one, Action.FAILED) == status
        assert "250" not in diagnostic_of(one, "newsletter", Action.FAILED)


def test_what_was_deferred_until_the_end_says_that_its_time_is_over() -> None:
    full = replace(told("h@example.org", Reason.NEXT_HOP_DEFERRED), last=Reply(452, "4.2.2", "full"))
    assert status_of(full, Action.FAILED) == "4.4.7"
    assert (was_given_up(full), was_given_up(EXPIRED)) == (True, False)


@pytest.mark.parametrize(
    ("next_hop", "remote"),
    [("mx.example.net:25", "mx.example.net"), ("10.0.0.7:25", None), ("[2001:db8::1]:25", None), ("", None)],
)
def test_the_next_hop_is_named_where_its_name_means_something_outside(next_hop: str, remote: str | None) -> None:
    report = replace(REPORT, told=(replace(NO_SUCH_USER, next_hop=next_hop),))
    content = dsn(report, heading(report), "Words\n", ORIGINAL)
    assert (b"Remote-MTA: dns; " in content) == (remote is not None)
    assert remote is None or f"Remote-MTA: dns; {remote}\r\n".encode() in content


@pytest.mark.parametrize("one", [WITHDRAWN, UNANSWERED])
def test_no_server_is_named_for_what_was_decided_here(one: Told) -> None:
    report = replace(REPORT, told=(replace(one, next_hop="mx.example.net:25"),))
    assert b"Remote-MTA" not in dsn(report, heading(report), "Words\n", ORIGINAL)


@pytest.mark.parametrize(
    ("original", "head"),
    [
        (b"A: b\n c\r e\r\nC: d\r\n\r\nbody", b"A: b\r\n c\r\n e\r\nC: d\r\n"),
        (b"A: b\r\nC: d", b"A: b\r\nC: d\r\n"),
        (b"", b""),
        (b"From x Mon May  4 12:00:00 2026\r\nA: b\r\n\r\nbody", b"A: b\r\n"),
    ],
)
def test_the_header_comes_back_in_whole_lines(original: bytes, head: bytes) -> None:
    assert header_of(original) == head


@pytest.mark.parametrize(("smtputf8", "kind"), [(True, b"message/global-headers"), (False, b"text/rfc822-headers")])
def test_a_header_outside_ascii_goes_back_as_what_it_is(smtputf8: bool, kind: bytes) -> None:
    part = returned("Subject: 春\r\n\r\nbody\r\n".encode(), full=False, smtputf8=smtputf8)
    assert part.fields.startswith(b"Content-Type: " + kind + b"\r\n")
