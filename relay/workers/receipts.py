"""What senders asked to hear of mail that has not failed: that it is late (NOTIFY=DELAY), and that it was passed on to where
nobody tells more (NOTIFY=SUCCESS).

Goes into the step that settles the copies, so that nobody is told twice. Nothing depends on it: where it may not be, or
cannot be written, mail goes on without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from relay.decision import Decision, Outcome
from relay.envelope import Recipient, Transaction
from relay.log import get_logger
from relay.message.dsn import Action, Told
from relay.queued import Copy, Message, NewMessage, Origin, State, Step
from relay.reason import Reason
from relay.workers.notifications import Notifications, Subject, Wanted, wants, write_told

#: Who asked for it is told once that mail is late, when it has waited so long.
WARN_AFTER: Final = timedelta(hours=4)


def is_late(copy: Copy, now: datetime) -> bool:
    """Is its sender to be told that it is late?"""
    return copy.warned_at is None and now - copy.since >= WARN_AFTER and wants(copy.recipient, Wanted.DELAY)


class Receipts:
    """expire: how long mail is tried."""

    def __init__(self, notifications: Notifications, expire: timedelta) -> None:
        self._notifications = notifications
        self._expire = expire

    def late(
        self, message: Message, copies: Sequence[Copy], content: bytes, now: datetime
    ) -> tuple[Decision, NewMessage] | None:
        """For the step that puts these copies off, of which `is_late` is true. None where nobody is to be told."""
        told = [Told(copy.recipient, copy.decision, copy.reason, copy.last, copy.next_hop, now) for copy in copies]
        until = min(copy.since for copy in copies) + self._expire
        return self._allowed(Action.DELAYED, Subject.of(message, content), told, now, until=until)

    def passed_on(self, subject: Subject, told: Sequence[Told], now: datetime) -> tuple[Decision, NewMessage] | None:
        """RFC 3461 section 5.2.2: for recipients with NOTIFY=SUCCESS, delivered to a next hop without DSN. None where
        nobody is to be told.
        """
        wanting = [one for one in told if wants(one.recipient, Wanted.SUCCESS)]
        return self._allowed(Action.RELAYED, subject, wanting, now)

    def at_once(
        self, tx: Transaction, stream: str, content: bytes, recipient: Recipient, outcome: Outcome
    ) -> Step | None:
        """The same for a message that never waited, as a step of its own."""
        told = _delivered(recipient, outcome)
        written = self.passed_on(Subject(tx, stream, tx.started, content), [told], outcome.at)
        return None if written is None else Step(decisions=written[:1], messages=written[1:])

    def told_in(self, message: Message, content: bytes, copies: Mapping[int, Copy], step: Step) -> Step:
        """The step that settles copies of a message, with what their sender is to hear of it at once. copies: by number, as
        they were before.

        A message that may have killed its workers is told of without its content: its own copies may be out already, and
        go out once more for each death here.
        """
        if message.starts > 1:
            content = b""
        late = _late_in(step, copies)
        written: list[tuple[Decision, NewMessage] | None] = []
        if late:
            now = max(move.at for move in step.moves)
            written.append(self.late(message, list(late.values()), content, now))
            step = replace(step, moves=tuple(replace(move, warned=move.copy in late) for move in step.moves))
        if passed := _passed_on_in(step, copies):
            now = max(one.at for one in step.outcomes)
            written.append(self.passed_on(Subject.of(message, content), passed, now))
        mails = [one for one in written if one is not None]
        return replace(
            step,
            decisions=(*step.decisions, *(decision for decision, _ in mails)),
            messages=(*step.messages, *(mail for _, mail in mails)),
        )

    def _allowed(
        self, action: Action, subject: Subject, told: Sequence[Told], now: datetime, *, until: datetime | None = None
    ) -> tuple[Decision, NewMessage] | None:
        if subject.tx.sender is None or subject.origin is not Origin.CLIENT or not told:
            return None
        if not self._notifications.may_tell(subject.tx, action, now):
            write_told("bounce-capped", subject, told, why="rate", action=action)
            return None
        try:
            decision, mail = self._notifications.written(action, subject, told, now, until=until)
        except Exception:  # noqa: BLE001 - our own bug; the mail that it is about must go on
            get_logger().exception("internal-error", message=subject.tx.id)
            return None
        write_told("bounced", subject, told, id=decision.id, action=action)
        return decision, mail


def _late_in(step: Step, copies: Mapping[int, Copy]) -> dict[int, Copy]:
    """The copies that the step puts off and whose sender is to be told so, as the step leaves them."""
    late = {}
    for move in step.moves:
        copy = copies.get(move.copy)
        if copy is None or move.state is not State.QUEUED or move.reason is None or not is_late(copy, move.at):
            continue
        last, next_hop = move.last or copy.last, move.next_hop or copy.next_hop
        late[move.copy] = replace(copy, reason=move.reason, last=last, next_hop=next_hop)
    return late


def _passed_on_in(step: Step, copies: Mapping[int, Copy]) -> list[Told]:
    of_decision = {move.decision: copies[move.copy] for move in step.moves if move.copy in copies}
    return [_delivered(of_decision[one.decision].recipient, one) for one in step.outcomes if one.silent]


def _delivered(recipient: Recipient, outcome: Outcome) -> Told:
    return Told(recipient, outcome.decision, Reason.CONFIRMED, outcome.reply, outcome.next_hop, outcome.at)
