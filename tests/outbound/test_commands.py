"""The exact bytes that go out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address, AddressError, parse_path
from relay.envelope import Body, MailParameters, Recipient
from relay.outbound.commands import dotted, is_transparent, mail_command, rcpt_command

ALL = {"SIZE": "", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}
SENDER = Address("news", "brand.example")


def test_parameters_go_out_only_where_they_are_offered() -> None:
    parameters = MailParameters(size=1, body=Body.EIGHT_BIT, smtputf8=True, ret="HDRS", envid="QQ314159")
    assert mail_command(SENDER, parameters, 900, ALL, smtputf8=True) == (
        b"MAIL FROM:<news@brand.example> SIZE=900 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159\r\n"
    )
    assert mail_command(SENDER, parameters, 900, {}, smtputf8=False) == b"MAIL FROM:<news@brand.example>\r\n"


def test_the_null_sender_is_an_empty_path() -> None:
    assert mail_command(None, MailParameters(), 1, {}, smtputf8=False) == b"MAIL FROM:<>\r\n"


def test_dsn_parameters_of_a_recipient_go_out_only_where_dsn_is_offered() -> None:
    recipient = Recipient(Address("a..b", "docomo.ne.jp"), ("SUCCESS", "FAILURE"), "rfc822;user+40example.com")
    assert rcpt_command(recipient, ALL) == (
        b'RCPT TO:<"a..b"@docomo.ne.jp> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;user+40example.com\r\n'
    )
    assert rcpt_command(recipient, {}) == b'RCPT TO:<"a..b"@docomo.ne.jp>\r\n'


@pytest.mark.parametrize("value", ["a b", "a\r\nRCPT TO:<x@y.test>", "é", "\0"])
def test_a_parameter_cannot_bring_in_another_command(value: str) -> None:
    with pytest.raises(ValueError, match="parameter"):
        mail_command(SENDER, MailParameters(envid=value), 1, ALL, smtputf8=False)
    with pytest.raises(ValueError, match="parameter"):
        rcpt_command(Recipient(SENDER, orcpt=value), ALL)


@given(st.binary(max_size=40) | st.text('ab.@"\\% \r\n\0é', max_size=20).map(str.encode))
def test_whatever_a_client_writes_into_rcpt_one_command_with_the_checked_address_goes_out(argument: bytes) -> None:
    try:
        address = parse_path(b"<" + argument + b">", smtputf8=True)
    except AddressError:
        return
    command = rcpt_command(Recipient(address), ALL)
    assert command.count(b"\n") == command.count(b"\r") == 1
    assert command.startswith(b"RCPT TO:<")
    assert command.endswith(b">\r\n")
    assert parse_path(command.removeprefix(b"RCPT TO:").removesuffix(b"\r\n"), smtputf8=True) == address


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b".a\r\n..b\r\nc.\r\n", b"..a\r\n...b\r\nc.\r\n.\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        (b"a\r\n.", b"a\r\n..\r\n.\r\n"),
    ],
)
def test_dots_at_the_start_of_lines_are_doubled(content: bytes, sent: bytes) -> None:
    assert dotted(content) == sent


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".a", b"a.", b" ."]), max_size=12))
def test_the_content_ends_at_its_end_and_nowhere_before(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    sent = dotted(content)
    received = []
    for number, line in enumerate(sent.split(b"\r\n")):
        if line == b".":
            assert number == sent.count(b"\r\n") - 1
            break
        received.append(line[1:] if line.startswith(b".") else line)
    assert b"".join(line + b"\r\n" for line in received) == content


@pytest.mark.parametrize(
    "content", [b"a\rb\r\n", b"a\nb\r\n", b"a\n\rb", b"\r", b"\n", b"a\r\r\n", b"a\r\n\n.\r\n", b"a\0b\r\n"]
)
def test_bare_line_ends_and_nul_are_seen(content: bytes) -> None:
    assert not is_transparent(content)


@pytest.mark.parametrize("content", [b"", b"a", b"a\r\n", b"\r\n\r\n", b"a\r\nb"])
def test_crlf_lines_are_transparent(content: bytes) -> None:
    assert is_transparent(content)
