"""Delivery status notifications (RFC 3464, in a multipart/report of RFC 6522): what the sender of a message is told.

Three parts: words for people, in English and Japanese (`dsn_words`); fields for programs; the header of the message as
the client handed it in, or all of it. To an address in ASCII every octet is ASCII, so that any next hop takes it. What
the client said in ENVID and ORCPT is given back to it, decoded, and only where that is one line of text. Nothing of the
relay's inside and nobody who is not told of stands in it. Pure; who is told, and whether, is for others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Final

from relay.decision import refusal
from relay.envelope import Recipient
from relay.message.index import index
from relay.message.notice import Automatic, Entity, Heading, notice, octets_of, several, text
from relay.message.seven_bit import in_seven_bits
from relay.message.transfer import Transfer, has_long_line
from relay.reason import MEANINGS, Group, Reason, Verdict
from relay.reply import Reply

#: Octets of the message that come back, header or whole; a longer one comes back as its header alone (RFC 3461 section
#: 6.2 d allows it), a longer header is cut between two fields.
MOST_RETURNED: Final = 64 * 1024
_XTEXT_HEX: Final = re.compile(r"\+([0-9A-F]{2})")
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
_MESSAGE_ID: Final = re.compile(rb"<[!-;=?-~]{1,240}>")
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]*")

#: RFC 3463: X.4.7 delivery time expired. Of class 4 also when given up (RFC 3464 section 2.3.4): the address may be good,
#: and a mailer drops people for good on class 5.
_EXPIRED: Final = "4.4.7"
#: Nor is somebody who did not answer refused for good.
_NEVER_ANSWERED: Final = "4.7.1"
#: What was never said to anybody, because an operator took the copy out of a hold, is permanent only where it is the person's
#: own state: on class 5 a mailer drops them for good, and a yes that grew old can be renewed (law 1).
_FOR_GOOD: Final = frozenset(
    {Reason.WITHDRAWN, Reason.COMPLAINED, Reason.UNDELIVERABLE, Reason.NO_CONSENT, Reason.BASIS_NOT_ACCEPTED}
)
_WITHOUT_ANSWER: Final = {Reason.NEXT_HOP_REFUSED: "5.0.0", Reason.INTERNAL_ERROR: "5.3.0"}


class Action(StrEnum):
    """RFC 3464 section 2.3.3. RELAYED: the next hop has it, and will not say what becomes of it."""

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one recipient. decision: id of the newest on it. reason: why it failed or waits. last: the next
    hop's own last answer, None when it gave none. next_hop: "host:port". tried_at: the last attempt, None without one.
    """

    recipient: Recipient
    decision: str
    reason: Reason
    last: Reply | None = None
    next_hop: str = ""
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a notification tells. message: id of the transaction that it is about. envid, ret: of its MAIL, as received.
    smtputf8: did it come as such? at: when it was accepted. until: when it is given up. tried_for: how long mail is tried. stream: "" for none.
    """

    action: Action
    told: tuple[Told, ...]
    message: str
    at: datetime
    until: datetime
    tried_for: timedelta
    stream: str
    hostname: str
    envid: str = ""
    ret: str = ""
    smtputf8: bool = False

    def __post_init__(self) -> None:
        if not self.told:
            raise ValueError("a notification tells of somebody")


def dsn(report: Report, heading: Heading, words: str, original: bytes) -> bytes:
    """The whole mail. heading: to whom, its subject is ours. words: for people. original: the message as it came,
    b"" where nothing of it is to come back.
    """
    status = delivery_status(report)
    if status.isascii():
        fields = octets_of("message/delivery-status", status.encode("ascii"), description="Delivery report")
    else:  # RFC 6533 section 6: whoever can be reached only with SMTPUTF8 takes eight bits
        transfer = Transfer.QUOTED_PRINTABLE if heading.to.is_ascii else Transfer.EIGHT_BIT
        octets = status.encode("utf-8")
        fields = octets_of("message/global-delivery-status", octets, transfer=transfer, description="Delivery report")
    # RFC 3461 section 4.3: RET is about failures, anything else tells of the header alone.
    full = report.ret == "FULL" and report.action is Action.FAILED
    parts = [text(words), fields]
    if original:  # RFC 6522 section 3: the third part may be missing
        parts.append(returned(original, full=full, smtputf8=report.smtputf8))
    threading = _message_id(original)
    extra = (("In-Reply-To", threading), ("References", threading)) if threading else ()
    whole = Heading(
        heading.identifier,
        heading.mail_domain,
        heading.to,
        heading.subject,
        heading.at,
        Automatic.REPLIED,
        heading.name,
        heading.local,
        (*heading.extra, *extra),
    )
    return notice(whole, several("report", parts, "report-type=delivery-status"))


def delivery_status(report: Report) -> str:
    """The fields of the second part, a group for the message and one for each recipient; CRLF line ends."""
    groups = [_about_message(report), *(_about(one, report) for one in report.told)]
    return "\r\n".join("".join(f"{name}: {value}\r\n" for name, value in group) for group in groups)


def status_of(told: Told, action: Action) -> str:
    """The enhanced code (RFC 3463). Of class 5 only for what will not change by waiting."""
    last = told.last
    if action is Action.RELAYED:
        return last.enhanced if last is not None and last.is_success else "2.0.0"
    if told.reason is Reason.HOLD_EXPIRED:
        return _NEVER_ANSWERED
    if action is Action.DELAYED:
        return last.enhanced if last is not None and last.is_temporary else "4.4.7"
    if last is not None and last.is_temporary:
        return _EXPIRED
    if MEANINGS[told.reason].group is Group.REFUSAL:
        return _unsaid(told, "").enhanced if last is None or last.is_success else last.enhanced
    return _WITHOUT_ANSWER.get(told.reason, _EXPIRED) if last is None or last.is_success else last.enhanced


def diagnostic_of(told: Told, stream: str, action: Action) -> str:
    """The SMTP reply behind it (RFC 3464 section 2.3.6): of the next hop, or ours, as RCPT would have got it."""
    if told.reason is Reason.HOLD_EXPIRED:
        return str(Reply(451, _NEVER_ANSWERED, f"{told.reason}: {MEANINGS[told.reason].reply} (id {told.decision})"))
    if told.last is not None and (action is Action.RELAYED or not told.last.is_success):
        return str(told.last)
    if MEANINGS[told.reason].group is Group.REFUSAL and action is Action.FAILED:
        return str(_unsaid(told, stream))
    return ""


def is_expired(told: Told) -> bool:
    """Was it given up because it took too long?"""
    return told.last is not None and told.last.enhanced == _EXPIRED


def was_given_up(told: Told) -> bool:
    """Was it an operator who ended it, while it might still have gone out?"""
    if MEANINGS[told.reason].group is Group.REFUSAL or told.reason is Reason.HOLD_EXPIRED:
        return False
    return told.last is None or (told.last.is_temporary and not is_expired(told))


def _unsaid(told: Told, stream: str) -> Reply:
    """The refusal that nobody has got yet."""
    verdict = Verdict.REJECT if told.reason in _FOR_GOOD else Verdict.DEFER
    return refusal(told.reason, verdict, stream, told.decision, after_data=False)


def returned(original: bytes, *, full: bool, smtputf8: bool) -> Entity:
    """The third part, in ASCII: the message where that was asked for and it fits, else its header.

    A message of eight bits goes back in seven, encoded anew: a next hop need not take more (RFC 6152), and a notification
    that is refused reaches nobody.
    """
    if full and len(original) <= MOST_RETURNED and not has_long_line(original) and _has_clean_lines(original):
        converted = in_seven_bits(original)
        if converted is not None:
            what = "Undelivered message"
            return octets_of("message/rfc822", converted, transfer=Transfer.SEVEN_BIT, description=what)
        if smtputf8:  # RFC 6532 section 3.7: unlike message/rfc822 it may be encoded, and then goes everywhere
            return octets_of("message/global", original, transfer=Transfer.BASE64, description="Undelivered message")
    head = header_of(original)
    kind = "text/rfc822-headers"
    if smtputf8 and not head.isascii():
        kind = "message/global-headers"
    return octets_of(kind, head, description="Header of the undelivered message")


def header_of(original: bytes) -> bytes:
    """The header block without the empty line behind it, whole fields, bounded."""
    message = index(original)
    end = message.top
    for field in message.head.fields:
        if field.end > message.top + MOST_RETURNED:
            break
        end = field.end
    head = original[message.top : end]
    head = re.sub(rb"\r\n|\r|\n", b"\r\n", head)
    return head if head.endswith(b"\r\n") or not head else head + b"\r\n"


def from_xtext(value: str) -> str | None:
    """What xtext (RFC 3461 section 4) stands for; None where that is no single line of ASCII: it would begin a field."""
    decoded = _XTEXT_HEX.sub(lambda found: chr(int(found[1], 16)), value)
    return decoded if decoded.isascii() and decoded.isprintable() and decoded.strip() else None


def original_recipient(orcpt: str) -> str | None:
    r"""ORCPT as the field Original-Recipient has it; None without one, or where it cannot be given back.

    Of type utf-8 (RFC 6533 section 3) characters are written \x{...}; it stays so, in ASCII.
    """
    kind, semicolon, value = orcpt.partition(";")
    decoded = from_xtext(value)
    if not semicolon or not _ADDRESS_TYPE.fullmatch(kind) or decoded is None:
        return None
    return f"{kind.lower()}; {decoded}"


def final_recipient(recipient: Recipient) -> str:
    address = recipient.address
    return f"{'rfc822' if address.is_ascii else 'utf-8'}; {address}"


def _about_message(report: Report) -> Iterator[tuple[str, str]]:
    yield "Reporting-MTA", f"dns; {report.hostname}"
    envid = from_xtext(report.envid) if report.envid else None
    if envid:
        yield "Original-Envelope-Id", envid
    yield "Arrival-Date", format_datetime(report.at)
    yield "X-Consent-Relay-Message", report.message


def _about(told: Told, report: Report) -> Iterator[tuple[str, str]]:
    original = original_recipient(told.recipient.orcpt)
    if original:
        yield "Original-Recipient", original
    yield "Final-Recipient", final_recipient(told.recipient)
    yield "Action", report.action
    yield "Status", status_of(told, report.action)
    refused_here = MEANINGS[told.reason].group is Group.REFUSAL or told.reason is Reason.HOLD_EXPIRED
    remote = "" if refused_here else _remote(told.next_hop)
    if remote:
        yield "Remote-MTA", f"dns; {remote}"
    diagnostic = diagnostic_of(told, report.stream, report.action)
    if diagnostic:
        yield "Diagnostic-Code", f"smtp; {diagnostic}"
    if told.tried_at is not None:
        yield "Last-Attempt-Date", format_datetime(told.tried_at)
    yield "Final-Log-ID", told.decision
    if report.action is Action.DELAYED:
        yield "Will-Retry-Until", format_datetime(report.until)
    if report.action is not Action.RELAYED:
        yield "X-Consent-Relay-Reason", told.reason


def _remote(next_hop: str) -> str:
    """The next hop's name where it is one that means something outside; never an address or a port of ours."""
    host = next_hop.rpartition(":")[0]
    return host if _HOST.fullmatch(host) else ""


def _message_id(original: bytes) -> str:
    """The Message-ID of the message, "" where it has none that can stand in a header of ours."""
    message = index(original)
    for field in message.head.named("message-id"):
        found = _MESSAGE_ID.fullmatch(original[field.value : field.end].strip())
        if found:
            return found[0].decode("ascii")
    return ""


def _has_clean_lines(original: bytes) -> bool:
    rest = original.replace(b"\r\n", b"")
    return not any(one in rest for one in (b"\r", b"\n", b"\0"))
