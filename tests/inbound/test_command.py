"""Command lines: what is taken, what is refused, and that nothing is ever echoed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.address import Address, parse_path
from relay.envelope import Body, MailParameters, Recipient
from relay.inbound import replies
from relay.inbound.command import Command, Dialect, Mail, parse_command, parse_host, parse_mail, parse_rcpt
from relay.reply import Reply

ALICE = Address("alice", "example.com")


def dialect(**more: Any) -> Dialect:
    return Dialect(**{"extended": True, "size_limit": 1000, "loose_domains": frozenset({"docomo.ne.jp"}), **more})


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"NOOP\r\n", Command("NOOP", b"")),
        (b"noop  \t \r\n", Command("NOOP", b"")),
        (b"Mail FROM:<a@b.example>\r\n", Command("MAIL", b"FROM:<a@b.example>")),
        (b"MAIL  FROM:<>\r\n", Command("MAIL", b"FROM:<>")),
        # Only what RFC 5321 calls white space is taken off the end.
        (b"RCPT TO:<a@b.example>\x0b\r\n", Command("RCPT", b"TO:<a@b.example>\x0b")),
    ],
)
def test_a_line_is_a_verb_and_an_argument(line: bytes, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize("line", [b"NOOP\n", b"NOOP\r\r\n", b"NO\rOP\r\n", b"NOOP \0\r\n", b"\n", b"NOOP\n\r\n"])
def test_a_line_that_does_not_end_in_cr_lf_alone_is_refused(line: bytes) -> None:
    assert parse_command(line) == replies.NOT_CRLF


@pytest.mark.parametrize("line", [b"\r\n", b" NOOP\r\n", b"\xff\xfe\r\n", b"NO-OP\r\n", b"X" * 30 + b"\r\n"])
def test_what_is_no_verb_is_not_recognized(line: bytes) -> None:
    assert parse_command(line) == replies.UNKNOWN_COMMAND


def test_only_auth_may_have_a_very_long_line() -> None:
    assert parse_command(b"MAIL " + b"x" * 5000 + b"\r\n") == replies.LINE_TOO_LONG
    assert isinstance(parse_command(b"AUTH PLAIN " + b"x" * 5000 + b"\r\n"), Command)
    assert parse_command(b"AUTH PLAIN " + b"x" * 13_000 + b"\r\n") == replies.LINE_TOO_LONG


@pytest.mark.parametrize(
    "name", [b"client.example", b"under_score", b"[127.0.0.1]", b"[IPv6:::1]", b"LOCALHOST", b"a-"]
)
def test_names_that_clients_give_themselves(name: bytes) -> None:
    assert parse_host(name) == name.decode()


@pytest.mark.parametrize("name", [b"", b"a b", b"a(b)", b"a\x0bb", "ü.example".encode(), b"<a>", b"a;b", b"x" * 256])
def test_names_that_could_mean_something_in_a_received_field_are_refused(name: bytes) -> None:
    assert parse_host(name) == replies.HELLO_NEEDED


def test_mail_with_all_its_parameters() -> None:
    argument = b"FROM:<alice@EXAMPLE.com> SIZE=1000 body=8bitmime SMTPUTF8 RET=hdrs ENVID=a+2Bb"
    parameters = MailParameters(1000, Body.EIGHT_BIT, smtputf8=True, ret="HDRS", envid="a+2Bb")
    assert parse_mail(argument, dialect()) == Mail(ALICE, parameters)


@pytest.mark.parametrize("argument", [b"FROM:<>", b"from:<>", b"FROM: <>", b"FROM:<> BODY=7BIT AUTH=<>"])
def test_the_null_sender_is_none(argument: bytes) -> None:
    assert parse_mail(argument, dialect()) == Mail(None, MailParameters())


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (b"", "501 5.5.4"),
        (b"<a@b.example>", "501 5.5.4"),
        (b"FROM:a@b.example", "501 5.5.4"),
        (b"FROM:\t<a@b.example>", "501 5.5.4"),
        (b"FROM:<a@b.example>SIZE=1", "501 5.5.4"),
        (b"FROM:<a@b.example", "501 5.1.3"),
        (b'FROM:<"a>@b.example', "501 5.1.3"),
        (b"FROM:< a@b.example>", "501 5.1.7"),
        (b"FROM:<@r.example:a@b.example>", "501 5.1.7"),
        (b"FROM:<a\\b@b.example>", "501 5.1.7"),
        (b"FROM:<=?utf-8?q?a?=@b.example>", "501 5.1.7"),
        (b"FROM:<a>", "501 5.1.7"),
        (b"FROM:<\xff@b.example>", "553 5.6.7"),
        (b"FROM:<\xff@b.example> SMTPUTF8", "501 5.1.7"),
        (b"FROM:<a@b.example> SIZE=1001", "552 5.3.4"),
        (b"FROM:<a@b.example> SIZE=" + b"9" * 21, "501 5.5.4"),
        (b"FROM:<a@b.example> SIZE", "501 5.5.4"),
        (b"FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
        (b"FROM:<a@b.example> SIZE=", "501 5.5.4"),
        (b"FROM:<a@b.example> SIZE=1 size=1", "501 5.5.4"),
        (b"FROM:<a@b.example> BODY=BINARYMIME", "501 5.5.4"),
        (b"FROM:<a@b.example> SMTPUTF8=yes", "501 5.5.4"),
        (b"FROM:<a@b.example> RET=SOME", "501 5.5.4"),
        (b"FROM:<a@b.example> ENVID=" + b"x" * 101, "501 5.5.4"),
        (b"FROM:<a@b.example> ENVID=a+2bb", "501 5.5.4"),
        (b"FROM:<a@b.example> AUTH=a=b", "501 5.5.4"),
        (b"FROM:<a@b.example> MT-PRIORITY=3", "555 5.5.4"),
        (b"FROM:<a@b.example> NOTIFY=NEVER", "555 5.5.4"),
        (b"FROM:<a@b.example> -X", "501 5.5.4"),
        (b"FROM:<a@b.example> X=\xff", "501 5.5.4"),
    ],
)
def test_mail_that_is_refused(argument: bytes, reply: str) -> None:
    answer = parse_mail(argument, dialect())
    assert isinstance(answer, Reply)
    assert str(answer).startswith(reply), answer


def test_parameters_need_ehlo() -> None:
    assert parse_mail(b"FROM:<> SIZE=1", dialect(extended=False)) == replies.PARAMETERS_NEED_EHLO
    assert parse_mail(b"FROM:<>", dialect(extended=False)) == Mail(None, MailParameters())


def test_rcpt_with_its_parameters() -> None:
    argument = b"TO:<alice@example.com> NOTIFY=success,Delay ORCPT=rfc822;Alice+2Bx@example.com"
    recipient = Recipient(ALICE, ("SUCCESS", "DELAY"), "rfc822;Alice+2Bx@example.com")
    assert parse_rcpt(argument, dialect()) == recipient


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (b"TO:<>", "501 5.1.3"),
        (b"TO:<postmaster>", "501 5.1.3"),
        (b"TO:<alice@example.com>, <bob@example.com>", "501 5.5.4"),
        (b"TO:<alice@example.com> <bob@example.com>", "501 5.5.4"),
        (b"TO:<alice%example.com@relay.example>", "501 5.1.3"),
        (b"TO:<alice@[127.0.0.1]>", "501 5.1.3"),
        (b"TO:<al\x01ice@example.com>", "501 5.1.3"),
        ("TO:<ältere@example.com>".encode(), "553 5.6.7"),
        (b"TO:<alice@example.com> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        (b"TO:<alice@example.com> NOTIFY=DELAY,DELAY", "501 5.5.4"),
        (b"TO:<alice@example.com> NOTIFY", "501 5.5.4"),
        (b"TO:<alice@example.com> ORCPT=alice@example.com", "501 5.5.4"),
        (b"TO:<alice@example.com> ORCPT=rfc822;" + b"x" * 500, "501 5.5.4"),
        (b"TO:<alice@example.com> SIZE=1", "555 5.5.4"),
    ],
)
def test_rcpt_that_is_refused(argument: bytes, reply: str) -> None:
    answer = parse_rcpt(argument, dialect())
    assert isinstance(answer, Reply)
    assert str(answer).startswith(reply), answer


def test_rcpt_beyond_ascii_needs_smtputf8_at_mail() -> None:
    assert parse_rcpt("TO:<ä@example.com>".encode(), dialect(smtputf8=True)) == Recipient(Address("ä", "example.com"))


def test_a_quoted_local_part_may_hold_what_ends_a_path() -> None:
    assert parse_rcpt(b'TO:<"a>b c"@example.com>', dialect()) == Recipient(Address("a>b c", "example.com"))


def test_loose_domains_reach_the_grammar() -> None:
    assert isinstance(parse_rcpt(b"TO:<a..b@docomo.ne.jp>", dialect()), Recipient)
    assert isinstance(parse_rcpt(b"TO:<a..b@example.com>", dialect()), Reply)


@given(st.binary(max_size=80), st.booleans())
@example(b"TO:<us\\\rer@example.com>", False)
@example(b'TO:<"a@b>"@example.com>', True)
@example(b"TO:<a@example.com> ORCPT=x;\xff", True)
def test_any_octets_are_refused_with_a_clean_line_or_give_an_address_that_parses_to_itself(
    tail: bytes, smtputf8: bool
) -> None:
    for argument in (tail, b"TO:<" + tail, b"TO:<" + tail + b"@example.com>"):
        answer = parse_rcpt(argument, dialect(smtputf8=smtputf8))
        if isinstance(answer, Reply):
            assert answer.is_permanent
        else:
            again = parse_path(
                b"<" + answer.address.wire + b">", smtputf8=smtputf8, loose_domains=frozenset({"docomo.ne.jp"})
            )
            assert again == answer.address


def test_a_long_hostile_path_takes_no_long_time() -> None:
    for argument in (b"TO:<" + b'"' * 4000, b'TO:<"' + b'\\"' * 2000, b"TO:<" + b'"a"' * 1300, b"TO:<" + b"<" * 4000):
        assert isinstance(parse_rcpt(argument, dialect()), Reply)
