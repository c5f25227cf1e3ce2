"""Notifications to senders about their mail (RFC 3461, RFC 3464): who wants to hear what, how often they may, and the mail
itself. Queues nothing, and remembers nothing but how often whom.

Never one to the null sender, whose mail is a notification itself; above a rate, a sender is told no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from relay.address import Address
from relay.decision import Decision
from relay.envelope import Recipient, Transaction
from relay.log import get_logger
from relay.message.dsn import Action, Report, Told, dsn
from relay.message.dsn_words import SUBJECTS, words
from relay.message.notice import Heading
from relay.queued import Copy, Message, NewMessage, Origin
from relay.workers.own_mail import OwnMail
from relay.workers.rate import Rate

#: All senders of one client together get so many times what one may: an address of its own for each mail (VERP) is usual
#: with mailers, and a client that was broken into may write a stranger's address into each.
SENDERS: Final = 10
#: Ids of decisions that one line of the log names; each of them has a line of its own that says what became of it.
_MOST_IDS: Final = 20


class Wanted(StrEnum):
    """RFC 3461 section 4.1: what NOTIFY asks for; without it, a failure."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


def wants(recipient: Recipient, what: Wanted) -> bool:
    return what in recipient.notify if recipient.notify else what is Wanted.FAILURE


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notification is about. at: when it was accepted."""

    tx: Transaction
    stream: str
    at: datetime
    content: bytes
    origin: Origin = Origin.CLIENT

    @classmethod
    def of(cls, message: Message, content: bytes) -> Subject:
        return cls(message.tx, message.stream, message.at, content, message.origin)


class Notifications:
    """hostname: of the relay. expire: how long mail is tried. most_an_hour: of a kind, to one sender."""

    def __init__(self, *, own_mail: OwnMail, hostname: str, expire: timedelta, most_an_hour: int) -> None:
        self._own = own_mail
        self._hostname = hostname
        self._expire = expire
        self._of_sender: Rate[tuple[Action, Address]] = Rate(most_an_hour)
        self._of_client: Rate[tuple[Action, str]] = Rate(most_an_hour * SENDERS)

    def may_tell(self, tx: Transaction, action: Action, now: datetime) -> bool:
        """Counts. Receipts, which a client asks for, use up nothing of what failures need."""
        return (
            tx.sender is not None
            and self._of_client.allows((action, tx.client.name), now)
            and self._of_sender.allows((action, tx.sender), now)
        )

    def written(
        self, action: Action, subject: Subject, told: Sequence[Told], now: datetime, *, until: datetime | None = None
    ) -> tuple[Decision, NewMessage]:
        """Both for the same step. until: when mail that is late is given up. Raises ValueError for the null sender."""
        tx = subject.tx
        if tx.sender is None:
            raise ValueError("nobody is told of mail without a sender")
        report = Report(
            action=action,
            told=tuple(told),
            message=tx.id,
            at=subject.at,
            until=until or now,
            tried_for=self._expire,
            stream=subject.stream,
            hostname=self._hostname,
            envid=tx.parameters.envid,
            ret=tx.parameters.ret.upper(),
            smtputf8=tx.parameters.smtputf8,
        )
        identifier = self._own.identifier(now)
        heading = Heading(identifier, self._own.mail_domain, tx.sender, SUBJECTS[action], now)
        content = dsn(report, heading, words(report), subject.content)
        return self._own.mail(identifier, tx.sender, content, Origin.BOUNCE, now, about=tx.id, client=tx.client)


def write_told(verb: str, subject: Subject, copies: Sequence[Copy | Told], **more: object) -> None:
    """The log's line of what a sender was told of these copies, or was not."""
    get_logger().info(
        verb,
        message=subject.tx.id,
        client=subject.tx.client.name,
        sender=subject.tx.sender_text,
        copies=len(copies),
        ids=[copy.decision for copy in copies[:_MOST_IDS]],
        **more,
    )
