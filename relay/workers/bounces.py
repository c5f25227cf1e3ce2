"""Senders are told what became of their mail: what failed, what is late, what was passed on to where nobody tells more.

One notification for all copies of a message that have failed; it is queued in the same step that ends them, so nobody is
told twice and nobody is forgotten. Never one to the null sender, about the relay's own mail, or against NOTIFY (RFC
3461); above a rate, a sender is told no more, and the owner of the client is. Sends nothing itself: the queue does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from relay.address import Address
from relay.decision import Decision, Outcome
from relay.envelope import Recipient, Transaction
from relay.log import get_logger
from relay.message.dsn import Action, Report, Told, dsn
from relay.message.dsn_words import SUBJECTS, words
from relay.message.notice import Heading
from relay.queued import Claimed, Copy, Fate, Message, Move, NewMessage, Origin, State, Step
from relay.reason import Reason
from relay.store.port import Store, StoreUnavailableError
from relay.workers.own_mail import OwnMail
from relay.workers.rate import Rate
from relay.workers.settling import report_line

#: A sender who asked for it (NOTIFY=DELAY) is told once that mail is late, when it has waited so long.
WARN_AFTER: Final = timedelta(hours=4)
#: All senders of one client together get so many times what one may: an address of its own for each mail (VERP) is usual
#: with mailers, and a client that was broken into may write a stranger's address into each.
SENDERS: Final = 10
#: A message whose sender was begun to be told so often without an end is told of without its content, and then not at all.
_MOST_TELLINGS: Final = 3
#: Copies that are claimed at once.
_MOST: Final = 200
#: Ids of decisions that one line of the log names; each of them has a line of its own that says what became of it.
_MOST_IDS: Final = 20
#: Seconds between two looks, and after the store was away or full.
_LOOK_EVERY: Final = 1.0
_AFTER_TROUBLE: Final = 10.0


class Wanted(StrEnum):
    """RFC 3461 section 4.1: what NOTIFY asks for; without it, a failure."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


def wants(recipient: Recipient, what: Wanted) -> bool:
    return what in recipient.notify if recipient.notify else what is Wanted.FAILURE


def is_late(copy: Copy, now: datetime) -> bool:
    """Is its sender to be told that it is late?"""
    return copy.warned_at is None and now - copy.since >= WARN_AFTER and wants(copy.recipient, Wanted.DELAY)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notification is about. at: when it was accepted."""

    tx: Transaction
    stream: str
    at: datetime
    content: bytes
    origin: Origin = Origin.CLIENT


class Bouncer:
    """hostname: of the relay. expire: how long mail is tried. most_an_hour: notifications of a kind to one sender."""

    def __init__(
        self,
        *,
        store: Store,
        own_mail: OwnMail,
        hostname: str,
        expire: timedelta,
        most_an_hour: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._own = own_mail
        self._hostname = hostname
        self._expire = expire
        self._of_sender: Rate[tuple[Action, Address]] = Rate(most_an_hour)
        self._of_client: Rate[tuple[Action, str]] = Rate(most_an_hour * SENDERS)
        self._clock = clock

    async def tell(self) -> int:
        """Those senders who can be told now; how many copies are over by it. Raises StoreUnavailableError."""
        if not await self._store.next_due(self._clock(), State.FAILED):
            return 0
        claimed = list(await self._store.claim_failed(self._clock(), _MOST))
        over = 0
        try:
            while claimed:
                over += await self._tell(claimed[0])
                claimed.pop(0)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - its lease stays, so that it keeps nobody else waiting; the next start tries again
            get_logger().exception("internal-error", message=claimed.pop(0).message.tx.id)
        finally:
            if claimed:
                left = [copy.number for one in claimed for copy in one.copies]
                with contextlib.suppress(StoreUnavailableError):
                    await self._store.give_back(left)
        return over

    def late(
        self, message: Message, copies: Sequence[Copy], content: bytes, now: datetime
    ) -> tuple[Decision, NewMessage] | None:
        """For the step that puts these copies off, of which `is_late` is true. None where nobody is to be told."""
        subject = Subject(message.tx, message.stream, message.at, content, message.origin)
        until = min(copy.since for copy in copies) + self._expire
        return self._allowed(Action.DELAYED, subject, [_told(copy, now) for copy in copies], until, now)

    def passed_on(self, subject: Subject, told: Sequence[Told], now: datetime) -> tuple[Decision, NewMessage] | None:
        """RFC 3461 section 5.2.2: for recipients with NOTIFY=SUCCESS, delivered to a next hop without DSN. None where
        nobody is to be told.
        """
        wanting = [one for one in told if wants(one.recipient, Wanted.SUCCESS)]
        return self._allowed(Action.RELAYED, subject, wanting, now, now)

    def receipt(
        self, tx: Transaction, stream: str, content: bytes, recipient: Recipient, outcome: Outcome
    ) -> Step | None:
        """The same for a message that never waited, as a step of its own."""
        told = _delivered(recipient, outcome)
        written = self.passed_on(Subject(tx, stream, tx.started, content), [told], outcome.at)
        return None if written is None else Step(decisions=written[:1], messages=written[1:])

    def told_in(self, message: Message, content: bytes, copies: Mapping[int, Copy], step: Step) -> Step:
        """The step that settles copies of a message, with what their sender is to hear of it at once: that some are late,
        that others were passed on to where nobody tells more. copies: by number, as they were before.

        A message that may have killed its workers is told of without its content: its own copies may be out already, and
        go out once more for each death here.
        """
        if message.starts > 1:
            content = b""
        of_decision = {move.decision: copies[move.copy] for move in step.moves if move.copy in copies}
        passed = [_delivered(of_decision[one.decision].recipient, one) for one in step.outcomes if one.silent]
        late = {
            move.copy: replace(
                copy, reason=move.reason, last=move.last or copy.last, next_hop=move.next_hop or copy.next_hop
            )
            for move in step.moves
            if move.state is State.QUEUED and move.reason is not None
            for copy in [copies.get(move.copy)]
            if copy is not None and is_late(copy, move.at)
        }
        written: list[tuple[Decision, NewMessage]] = []
        if late:
            now = max(move.at for move in step.moves)
            written += _some(self.late(message, list(late.values()), content, now))
            moves = tuple(replace(move, warned=move.copy in late) for move in step.moves)
            step = replace(step, moves=moves)
        if passed:
            subject = Subject(message.tx, message.stream, message.at, content, message.origin)
            written += _some(self.passed_on(subject, passed, max(one.at for one in step.outcomes)))
        return replace(
            step,
            decisions=(*step.decisions, *(decision for decision, _ in written)),
            messages=(*step.messages, *(mail for _, mail in written)),
        )

    async def _tell(self, claimed: Claimed) -> int:
        message, copies = claimed.message, claimed.copies
        now = self._clock()
        wanting = [copy for copy in copies if wants(copy.recipient, Wanted.FAILURE)]
        why = _why_not(message, wanting)
        if not why and not self._may_tell(message.tx, Action.FAILED, now):
            why = "rate"
        if why:
            return await self._leave(message, copies, why, now)
        # What is in it may be what kills: the last try is without.
        content = b"" if message.tellings == _MOST_TELLINGS else await self._content(message)
        subject = Subject(message.tx, message.stream, message.at, content, message.origin)
        told = [_told(copy) for copy in wanting]
        try:
            decision, mail = self._written(Action.FAILED, subject, told, now, now)
        except Exception:  # noqa: BLE001 - our own bug; the others who wait to be told must not wait for its repair
            get_logger().exception("internal-error", message=message.tx.id)
            return await self._leave(message, copies, "internal-error", now)
        moves = tuple(Move(copy.number, now) for copy in copies)
        await self._store.commit(Step(decisions=(decision,), messages=(mail,), moves=moves))
        silent = len(copies) - len(wanting)
        _tell_log("bounced", subject, wanting, id=decision.id, action=Action.FAILED, not_asked_for=silent)
        return len(copies)

    async def _leave(self, message: Message, copies: Sequence[Copy], why: str, now: datetime) -> int:
        """End them without a word to the sender; the owner of the client reads of them, unless the sender wanted it so."""
        lines = (
            ()
            if why == "notify"
            else tuple(
                report_line(message, copy, Fate.UNREPORTED, now, reason=copy.reason, reply=copy.last) for copy in copies
            )
        )
        moves = tuple(Move(copy.number, now) for copy in copies)
        await self._store.commit(Step(moves=moves, reports=lines))
        subject = Subject(message.tx, message.stream, message.at, b"", message.origin)
        _tell_log("bounce-capped" if why == "rate" else "not-bounced", subject, copies, why=why)
        return len(copies)

    async def _content(self, message: Message) -> bytes:
        try:
            return await self._store.content(message.number)
        except KeyError:  # erased meanwhile; the step will change nothing then
            return b""

    def _may_tell(self, tx: Transaction, action: Action, now: datetime) -> bool:
        """Receipts, which a client asks for, use up nothing of what failures need."""
        return (
            tx.sender is not None
            and self._of_client.allows((action, tx.client.name), now)
            and self._of_sender.allows((action, tx.sender), now)
        )

    def _allowed(
        self, action: Action, subject: Subject, told: Sequence[Told], until: datetime, now: datetime
    ) -> tuple[Decision, NewMessage] | None:
        """A notification that nothing depends on: it is left out where it may not be, or cannot be written."""
        sender = subject.tx.sender
        if sender is None or subject.origin is not Origin.CLIENT or not told:
            return None
        if not self._may_tell(subject.tx, action, now):
            _tell_log("bounce-capped", subject, told, why="rate", action=action)
            return None
        try:
            decision, mail = self._written(action, subject, told, until, now)
        except Exception:  # noqa: BLE001 - our own bug; the mail that it is about must go on
            get_logger().exception("internal-error", message=subject.tx.id)
            return None
        _tell_log("bounced", subject, told, id=decision.id, action=action)
        return decision, mail

    def _written(
        self, action: Action, subject: Subject, told: Sequence[Told], until: datetime, now: datetime
    ) -> tuple[Decision, NewMessage]:
        tx = subject.tx
        if tx.sender is None:
            raise ValueError("nobody is told of mail without a sender")
        report = Report(
            action=action,
            told=tuple(told),
            message=tx.id,
            at=subject.at,
            until=until,
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


async def keep_bouncing(bouncer: Bouncer, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Until it is cancelled."""
    while True:
        wait = _LOOK_EVERY
        try:
            if await bouncer.tell():
                wait = 0.0
        except StoreUnavailableError as error:  # the copies stay failed, and are told of later
            get_logger().warning("bounces-wait", why=str(error))
            wait = _AFTER_TROUBLE
        except Exception:  # noqa: BLE001 - a store that somebody changed by hand may hold anything
            get_logger().exception("internal-error")
            wait = _AFTER_TROUBLE
        await sleep(wait)


def _why_not(message: Message, wanting: Sequence[Copy]) -> str:
    """Why nobody is told; "" when the sender is."""
    if message.origin is not Origin.CLIENT:
        return "own-mail"
    if message.tx.sender is None:
        return "null-sender"
    if not wanting:
        return "notify"
    if message.tellings > _MOST_TELLINGS:
        deadly = "every process that wrote its notification ended; the report to the client's owner tells of it"
        get_logger().error("internal-error", message=message.tx.id, why=deadly)
        return "internal-error"
    return ""


def _some(written: tuple[Decision, NewMessage] | None) -> list[tuple[Decision, NewMessage]]:
    return [] if written is None else [written]


def _delivered(recipient: Recipient, outcome: Outcome) -> Told:
    return Told(recipient, outcome.decision, Reason.CONFIRMED, outcome.reply, outcome.next_hop, outcome.at)


def _told(copy: Copy, tried_at: datetime | None = None) -> Told:
    """tried_at: of the last attempt; a copy that has failed did so at its end."""
    at = tried_at or (copy.since if copy.attempts else None)
    return Told(copy.recipient, copy.decision, copy.reason, copy.last, copy.next_hop, at)


def _tell_log(verb: str, subject: Subject, copies: Sequence[Copy | Told], **more: object) -> None:
    get_logger().info(
        verb,
        message=subject.tx.id,
        client=subject.tx.client.name,
        sender=subject.tx.sender_text,
        copies=len(copies),
        ids=[copy.decision for copy in copies[:_MOST_IDS]],
        **more,
    )
