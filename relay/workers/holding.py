"""Held copies whose time is over: nobody said yes. They end as a line of the daily report, and where the policy says so,
their sender is told by a DSN as well. Reads no message, and asks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from relay.log import get_logger
from relay.policy.acceptance import TOLD_WITHIN
from relay.policy.model import Expired, Policies, Stream
from relay.policy.notices import stream_of
from relay.queued import Claimed, Copy, Fate, Message, Move, Origin, State, Step
from relay.reason import MEANINGS, Reason
from relay.reply import Reply
from relay.store.port import Store, StoreUnavailableError
from relay.workers.settling import merged, report_line

#: Seconds between two looks. Whoever waited for weeks waits for some seconds more.
_LOOK_EVERY: Final = 5.0
#: Copies that end in one transaction.
_AT_ONCE: Final = 200


async def end_expired_holds(
    store: Store,
    policies: Callable[[], Policies],
    clock: Callable[[], datetime],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Until it is cancelled. Never while the clock is wrong: the store hands out nothing then."""
    while True:
        await sleep(_LOOK_EVERY)
        try:
            while await end_some(store, policies(), clock()):
                await sleep(0)
        except StoreUnavailableError as error:
            get_logger().warning("holds-not-ended", why=str(error))
        except Exception:  # noqa: BLE001 - the next look comes
            get_logger().exception("internal-error")


async def end_some(store: Store, policies: Policies, now: datetime) -> int:
    """How many copies ended. Raises StoreUnavailableError; they are given back then."""
    claimed = await store.claim_expired(now, _AT_ONCE) if await store.next_due(now, State.HELD) else ()
    if not claimed:
        return 0
    copies = [copy.number for one in claimed for copy in one.copies]
    try:
        await store.commit(merged(step for one in claimed for step in ended(one, policies, now)))
    except BaseException:
        await store.give_back(copies)
        raise
    for one in claimed:
        for copy in one.copies:
            get_logger().info(
                "hold-expired", message=one.message.tx.id, id=copy.decision, stream=copy.stream, reason=copy.reason
            )
    return len(copies)


def ended(claimed: Claimed, policies: Policies, now: datetime) -> Sequence[Step]:
    """The end of each copy."""
    message = claimed.message
    stream = stream_of(policies, message.stream)
    return [_ended(message, copy, now, tell_sender=_tells_sender(message, stream)) for copy in claimed.copies]


def _ended(message: Message, copy: Copy, now: datetime, *, tell_sender: bool) -> Step:
    words = f"{Reason.HOLD_EXPIRED}: {MEANINGS[Reason.HOLD_EXPIRED].reply} (id {copy.decision})"
    reply = Reply(451, "4.7.1", words)  # as the DSN says it: of class 5 is only what waiting does not change
    line = report_line(message, copy, Fate.EXPIRED, now, reason=copy.reason, reply=reply)
    move = (
        Move(copy.number, now, State.FAILED, Reason.HOLD_EXPIRED, now + TOLD_WITHIN, last=reply)
        if tell_sender
        else Move(copy.number, now)
    )
    return Step(moves=(move,), reports=(line,))


def _tells_sender(message: Message, stream: Stream | None) -> bool:
    if message.origin is not Origin.CLIENT or message.tx.sender is None or stream is None:
        return False
    return stream.hold.expired is Expired.DSN
