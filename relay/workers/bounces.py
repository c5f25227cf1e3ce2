"""Senders are told of their mail that has failed.

One notification for all copies of a message that have failed; it is queued in the same step that ends them, so nobody is
told twice and nobody is forgotten. Where nobody may be told (the null sender, the relay's own mail, above a rate), the
owner of the client is; against NOTIFY (RFC 3461) nobody. Sends nothing itself: the queue does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from relay.log import get_logger
from relay.message.dsn import Action, Told
from relay.queued import Claimed, Copy, Fate, Message, Move, Origin, State, Step
from relay.store.port import Store, StoreUnavailableError
from relay.workers.notifications import Notifications, Subject, Wanted, wants, write_told
from relay.workers.settling import report_line

#: A message whose sender was begun to be told so often without an end is told of without its content, and then not at all.
_MOST_TELLINGS: Final = 3
#: Copies that are claimed at once.
_MOST: Final = 200
#: Seconds between two looks, and after the store was away or full.
_LOOK_EVERY: Final = 1.0
_AFTER_TROUBLE: Final = 10.0


class Bouncer:
    """clock: aware UTC now."""

    def __init__(self, *, store: Store, notifications: Notifications, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._notifications = notifications
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

    async def _tell(self, claimed: Claimed) -> int:
        message, copies = claimed.message, claimed.copies
        now = self._clock()
        wanting = [copy for copy in copies if wants(copy.recipient, Wanted.FAILURE)]
        why = _why_not(message, wanting)
        if not why and not self._notifications.may_tell(message.tx, Action.FAILED, now):
            why = "rate"
        if why:
            return await self._leave(message, copies, why, now)
        # What is in it may be what kills: the last try is without.
        content = b"" if message.tellings == _MOST_TELLINGS else await self._content(message)
        subject = Subject.of(message, content)
        told = [_told(copy) for copy in wanting]
        try:
            decision, mail = self._notifications.written(Action.FAILED, subject, told, now)
        except Exception:  # noqa: BLE001 - our own bug; the others who wait to be told must not wait for its repair
            get_logger().exception("internal-error", message=message.tx.id)
            return await self._leave(message, copies, "internal-error", now)
        moves = tuple(Move(copy.number, now) for copy in copies)
        await self._store.commit(Step(decisions=(decision,), messages=(mail,), moves=moves))
        silent = len(copies) - len(wanting)
        write_told("bounced", subject, wanting, id=decision.id, action=Action.FAILED, not_asked_for=silent)
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
        subject = Subject.of(message, b"")
        write_told("bounce-capped" if why == "rate" else "not-bounced", subject, copies, why=why)
        return len(copies)

    async def _content(self, message: Message) -> bytes:
        try:
            return await self._store.content(message.number)
        except KeyError:  # erased meanwhile; the step will change nothing then
            return b""


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


def _told(copy: Copy) -> Told:
    """A copy that has failed did so at the end of its last attempt."""
    at = copy.since if copy.attempts else None
    return Told(copy.recipient, copy.decision, copy.reason, copy.last, copy.next_hop, at)
