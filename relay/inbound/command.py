"""Command lines: bytes in, values or a refusing reply out. Pure; addresses are parsed by `relay.address` alone.

Arguments are taken as they were sent: stripping or upper-casing them first would check another address than the one
that was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from relay.address import Address, AddressError, parse_path, parse_reverse_path
from relay.envelope import Body, MailParameters, Recipient
from relay.inbound import replies
from relay.reply import Reply, one_line

#: RFC 5321 section 4.5.3.1.4 asks for 512 octets, RFC 3461 section 5 for 500 more in RCPT, SMTPUTF8 for long paths.
MAX_LINE: Final = 4096
#: RFC 4954 section 4: base64 of the longest credentials.
MAX_AUTH_LINE: Final = 12_288

_VERB: Final = re.compile(rb"[A-Za-z]{1,12}")
_NOISE: Final = re.compile(rb"[\r\n\0]")
# A > within a quoted local part does not end the path.
_PATH: Final = re.compile(rb'<(?:[^>"]++|"[^"\\]*+(?:\\.[^"\\]*+)*")*>')
_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_VALUE: Final = re.compile(r"[!-<>-~]+")
# What a client calls itself stands in our Received field: nothing that means something there.
_HOST: Final = re.compile(rb"[A-Za-z0-9_.-]{1,255}|\[(?:IPv6:)?[0-9A-Fa-f:.]{2,60}\]", re.IGNORECASE)
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_ORCPT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*;(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_NOTIFICATIONS: Final = frozenset({"SUCCESS", "FAILURE", "DELAY"})

_NO_PARAMETERS: Final = MailParameters()

_Checks: TypeAlias = Mapping[str, tuple[Callable[[str], object], Reply]]


def _is_notify(value: str) -> bool:
    named = value.upper().split(",")
    return named == ["NEVER"] or (_NOTIFICATIONS.issuperset(named) and len(set(named)) == len(named))


#: What may stand after the path: whether a value is one, and the reply when not.
_MAIL_PARAMETERS: Final[_Checks] = {
    "SIZE": (re.compile(r"[0-9]{1,20}").fullmatch, replies.BAD_SIZE),
    "BODY": (re.compile(r"7BIT|8BITMIME", re.IGNORECASE).fullmatch, replies.BAD_BODY),
    "SMTPUTF8": (re.compile("").fullmatch, replies.BAD_SMTPUTF8),
    "RET": (re.compile(r"FULL|HDRS", re.IGNORECASE).fullmatch, replies.BAD_RET),
    "ENVID": (lambda value: len(value) <= 100 and _XTEXT.fullmatch(value), replies.BAD_ENVID),
    # RFC 4954 section 5: taken where AUTH is offered; whom it names is not trusted and not passed on.
    "AUTH": (_XTEXT.fullmatch, replies.BAD_AUTH_PARAMETER),
}
_RCPT_PARAMETERS: Final[_Checks] = {
    "NOTIFY": (_is_notify, replies.BAD_NOTIFY),
    "ORCPT": (lambda value: len(value) <= 500 and _ORCPT.fullmatch(value), replies.BAD_ORCPT),
}


@dataclass(frozen=True, slots=True)
class Command:
    """verb: upper case. argument: without the white space before and after it."""

    verb: str
    argument: bytes


@dataclass(frozen=True, slots=True)
class Dialect:
    """What decides how an argument reads. extended: EHLO was said. smtputf8: MAIL had it (for RCPT)."""

    extended: bool
    size_limit: int
    loose_domains: frozenset[str]
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """sender: None for the null reverse-path."""

    sender: Address | None
    parameters: MailParameters


def parse_command(line: bytes) -> Command | Reply:
    """A line with its end. Only CR LF ends one; what ends with LF alone may be half of a smuggled message."""
    text = line[:-2]
    if line[-2:] != b"\r\n" or _NOISE.search(text):
        return replies.NOT_CRLF
    verb, _, argument = text.partition(b" ")
    if not _VERB.fullmatch(verb):
        return replies.UNKNOWN_COMMAND
    if len(line) > (MAX_AUTH_LINE if verb.upper() == b"AUTH" else MAX_LINE):
        return replies.LINE_TOO_LONG
    # RFC 5321 section 4.1.1: white space before the line's end is tolerated.
    return Command(verb.decode("ascii").upper(), argument.lstrip(b" ").rstrip(b" \t"))


def parse_host(argument: bytes) -> str | Reply:
    """What HELO or EHLO names: a host name or an address literal."""
    return argument.decode("ascii") if _HOST.fullmatch(argument) else replies.HELLO_NEEDED


def parse_mail(argument: bytes, dialect: Dialect) -> Mail | Reply:
    split = _split(b"FROM:", argument, dialect, _MAIL_PARAMETERS, replies.MAIL_SYNTAX)
    if isinstance(split, Reply):
        return split
    path, values = split
    parameters = _mail_parameters(values) if values else _NO_PARAMETERS
    if parameters.size is not None and parameters.size > dialect.size_limit:
        return replies.DECLARED_TOO_LARGE
    if not path.isascii() and not parameters.smtputf8:
        return replies.NEEDS_SMTPUTF8
    try:
        sender = parse_reverse_path(path, smtputf8=parameters.smtputf8, loose_domains=dialect.loose_domains)
    except AddressError as error:
        return Reply(501, "5.1.7", one_line(f"the sender's address: {error}"))
    return Mail(sender, parameters)


def parse_rcpt(argument: bytes, dialect: Dialect) -> Recipient | Reply:
    split = _split(b"TO:", argument, dialect, _RCPT_PARAMETERS, replies.RCPT_SYNTAX)
    if isinstance(split, Reply):
        return split
    path, values = split
    if not path.isascii() and not dialect.smtputf8:
        return replies.NEEDS_SMTPUTF8
    try:
        address = parse_path(path, smtputf8=dialect.smtputf8, loose_domains=dialect.loose_domains)
    except AddressError as error:
        return Reply(501, "5.1.3", one_line(f"the recipient's address: {error}"))
    notify = tuple(values["NOTIFY"].upper().split(",")) if "NOTIFY" in values else ()
    return Recipient(address, notify, values.get("ORCPT", ""))


def _mail_parameters(values: Mapping[str, str]) -> MailParameters:
    return MailParameters(
        size=int(values["SIZE"]) if "SIZE" in values else None,
        body=Body(values.get("BODY", "7BIT").upper()),
        smtputf8="SMTPUTF8" in values,
        ret=values.get("RET", "").upper(),
        envid=values.get("ENVID", ""),
    )


def _split(
    keyword: bytes, argument: bytes, dialect: Dialect, checks: _Checks, syntax: Reply
) -> tuple[bytes, Mapping[str, str]] | Reply:
    """The path with its angle brackets, and the parameters by keyword in upper case."""
    if argument[: len(keyword)].upper() != keyword:
        return syntax
    # Many mailers write a space before the <, which RFC 5321 does not allow and nobody misreads.
    text = argument[len(keyword) :].lstrip(b" ")
    path = _PATH.match(text)
    if path is None:
        return replies.UNCLOSED_PATH if text.startswith(b"<") else syntax
    rest = text[path.end() :]
    if not rest:
        return path[0], {}
    if not rest.startswith(b" "):
        return syntax
    if not dialect.extended:
        return replies.PARAMETERS_NEED_EHLO
    values = _parameters(rest, checks)
    return values if isinstance(values, Reply) else (path[0], values)


def _parameters(text: bytes, checks: _Checks) -> dict[str, str] | Reply:
    values: dict[str, str] = {}
    for parameter in text.decode("ascii", "replace").split(" "):
        keyword, equals, value = parameter.partition("=")
        keyword = keyword.upper()
        if not parameter:
            continue
        if not _KEYWORD.fullmatch(keyword) or keyword in values or (equals and not _VALUE.fullmatch(value)):
            return replies.PARAMETER_SYNTAX
        if keyword not in checks:
            return replies.UNKNOWN_PARAMETER
        is_one, fault = checks[keyword]
        if not is_one(value):
            return fault
        values[keyword] = value
    return values
