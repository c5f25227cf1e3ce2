"""Delivery status notifications whose octets stand in `dsn/NAME.eml`: `WRITE_GOLDEN=1 pytest tests/message/test_dsn.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from relay.address import address_from_text
from relay.envelope import Recipient
from relay.message.dsn import Action, Report, Told, dsn
from relay.message.dsn_words import SUBJECTS, words
from relay.message.notice import Heading
from relay.reason import Reason
from relay.reply import Reply

NOW: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
ACCEPTED: Final = NOW - timedelta(days=5)
SENDER: Final = "bounces@news.brand.example"
ORIGINAL: Final = (
    b"From: News <news@news.brand.example>\r\nTo: hanako@example.org\r\nSubject: =?utf-8?B?5pil?=\r\n"
    b"Message-ID: <spring.1@news.brand.example>\r\nX-Mailer: Shop 4\r\n\r\nIt is spring.\r\n"
)


def told(address: str, reason: Reason, last: Reply | None = None, **more: str) -> Told:
    recipient = Recipient(address_from_text(address), orcpt=more.get("orcpt", ""))
    number = sum(address.encode()) % 100
    tried_at = None if last is None else NOW - timedelta(minutes=1)
    return Told(recipient, f"01JTCOPY{number:018}", reason, last, more.get("next_hop", ""), tried_at)


WITHDRAWN: Final = told("hanako@example.org", Reason.WITHDRAWN, orcpt="rfc822;hana+2Bko@example.org")
NO_SUCH_USER: Final = told(
    "taro@example.net", Reason.NEXT_HOP_REFUSED, Reply(550, "5.1.1", "no such user"), next_hop="mx.example.net:25"
)
EXPIRED: Final = told(
    "jiro@example.com",
    Reason.NEXT_HOP_DEFERRED,
    Reply(451, "4.4.7", "expired: not delivered within 5d: mailbox full"),
    next_hop="10.0.0.7:25",
)
UNANSWERED: Final = told("ann@example.org", Reason.HOLD_EXPIRED)
UTF_8: Final = told("花子@example.jp", Reason.NEXT_HOP_REFUSED, Reply(553, "5.1.3", "what is this"))

REPORT: Final = Report(
    action=Action.FAILED,
    told=(WITHDRAWN,),
    message="01JT0MESSAGE00000000000000",
    at=ACCEPTED,
    until=NOW,
    tried_for=timedelta(days=5),
    stream="newsletter",
    hostname="relay.brand.example",
)
DELAYED: Final = replace(
    REPORT,
    action=Action.DELAYED,
    at=NOW - timedelta(hours=4),
    until=NOW + timedelta(days=4, hours=20),
    told=(
        told(
            "jiro@example.com",
            Reason.NEXT_HOP_DEFERRED,
            Reply(452, "4.2.2", "mailbox full"),
            next_hop="mx.example.com:25",
        ),
    ),
)

CASES: Final = {
    "one-withdrawn": REPORT,
    "several-reasons": replace(REPORT, told=(WITHDRAWN, NO_SUCH_USER, EXPIRED, UNANSWERED), envid="QQ+2B314159"),
    "whole-message": replace(REPORT, told=(NO_SUCH_USER,), ret="FULL"),
    "utf-8-recipient": replace(REPORT, told=(UTF_8,), smtputf8=True),
    "delayed": DELAYED,
    "relayed": replace(
        REPORT,
        action=Action.RELAYED,
        told=(
            told(
                "ann@example.org", Reason.CONFIRMED, Reply(250, "2.0.0", "queued as 4711"), next_hop="mx.example.org:25"
            ),
        ),
    ),
}


def heading(report: Report, sender: str = SENDER) -> Heading:
    return Heading(
        "01JT0N0T1CE000000000000000", "relay.brand.example", address_from_text(sender), SUBJECTS[report.action], NOW
    )


def written(report: Report, sender: str = SENDER, original: bytes = ORIGINAL) -> bytes:
    return dsn(report, heading(report, sender), words(report), original)
