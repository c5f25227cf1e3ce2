"""Held copies that end: their time is over and nobody said yes, or their person has said no.

Whose time is over ends as a line of the daily report, and where the policy says so, their sender is told by a DSN as well.
After a no the copy is refused, as mail from the queue would be; a no that does not cover it leaves it held until its end.
Reads no message, asks nobody, and sends nothing: not even to who has said yes meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from relay.consent.facts import Facts
from relay.decision import new_id
from relay.envelope import Client
from relay.log import get_logger, write_decision, write_moves
from relay.policy.acceptance import TOLD_WITHIN, Judged
from relay.policy.decide import decide
from relay.policy.evaluate import NOES
from relay.policy.model import Expired, Policies, Stream
from relay.policy.notices import stream_of
from relay.queued import Claimed, Copy, Fate, Message, Move, Origin, State, Step
from relay.reason import MEANINGS, Reason, Verdict
from relay.reply import Reply
from relay.store.port import Store, StoreUnavailableError, UnreadableError
from relay.workers.settling import Settling, Terms, merged, report_line

#: Seconds between two looks. Whoever waited for weeks waits for some seconds more.
_LOOK_EVERY: Final = 5.0
#: Copies that end in one transaction.
_AT_ONCE: Final = 200
#: What is refused waits for nothing.
_NO_WAITS: Final = Terms((), timedelta(), timedelta())
_REFUSED: Final = frozenset({Verdict.REJECT, Verdict.DISCARD})


async def end_expired_holds(
    store: Store,
    policies: Callable[[], Policies],
    clock: Callable[[], datetime],
    clients: Sequence[Client] = (),
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Until it is cancelled. Never while the clock is wrong: the store hands out nothing then. clients: of relay.toml, for
    what they want to see instead of a refusal.
    """
    while True:
        await sleep(_LOOK_EVERY)
        try:
            while await end_some(store, policies(), clock(), clients):
                await sleep(0)
        except StoreUnavailableError as error:
            get_logger().warning("holds-not-ended", why=str(error))
        except Exception:  # noqa: BLE001 - the next look comes
            get_logger().exception("internal-error")


async def end_some(store: Store, policies: Policies, now: datetime, clients: Sequence[Client] = ()) -> int:
    """How many copies were looked at. Raises StoreUnavailableError; they are given back then."""
    claimed = await store.claim_expired(now, _AT_ONCE) if await store.next_due(now, State.HELD) else ()
    if not claimed:
        return 0
    copies = [copy.number for one in claimed for copy in one.copies]
    by_name = {client.name: client for client in clients}
    try:
        facts = await _facts(store, policies, claimed)
        steps = [
            (one.message, copy, _end(one.message, copy, policies, by_name, facts=facts.get(copy.number), now=now))
            for one in claimed
            for copy in one.copies
        ]
        await store.commit(merged(step for _, _, step in steps))
    except BaseException:
        await store.give_back(copies)
        raise
    for message, copy, step in steps:
        _write(message, copy, step)
    return len(copies)


async def _facts(store: Store, policies: Policies, claimed: Sequence[Claimed]) -> Mapping[int, Facts]:
    """Of the person of each copy, by its number; not where no policy claims it, nor where they cannot be read: nobody else
    waits for that.
    """

    async def of(stream: Stream, copy: Copy) -> tuple[int, Facts] | None:
        address = copy.recipient.address
        try:
            return copy.number, (await store.facts(stream.brand, stream.id, [address]))[address]
        except UnreadableError as error:
            get_logger().warning("holds-not-ended", id=copy.decision, why=str(error))
            return None

    wanted = [(stream_of(policies, one.message.stream), copy) for one in claimed for copy in one.copies]
    found = await asyncio.gather(*(of(stream, copy) for stream, copy in wanted if stream is not None))
    return dict(one for one in found if one is not None)


def _end(
    message: Message,
    copy: Copy,
    policies: Policies,
    clients: Mapping[str, Client],
    *,
    facts: Facts | None,
    now: datetime,
) -> Step:
    stream = stream_of(policies, message.stream)
    if stream is not None and facts is not None:
        tx = replace(message.tx, client=clients.get(message.tx.client.name, message.tx.client))
        identifier = new_id(now, os.urandom(10))
        decision = decide(tx, stream, copy.recipient.address, facts, now, decision_id=identifier, after_data=True)
        if decision.reason in NOES and decision.verdict in _REFUSED:
            return Settling(message, stream, _NO_WAITS, 0.0).kept_back(copy, Judged(copy.recipient, decision, facts))
    if copy.due_at is not None and copy.due_at > now:  # the no was another stream's, or has been taken back
        return Step(moves=(Move(copy.number, now, State.HELD, copy.reason, copy.due_at, asked_at=copy.asked_at),))
    return _expired(message, copy, now, tell_sender=_tells_sender(message, stream))


def _expired(message: Message, copy: Copy, now: datetime, *, tell_sender: bool) -> Step:
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


def _write(message: Message, copy: Copy, step: Step) -> None:
    if any(line.fate is Fate.EXPIRED for line in step.reports):
        get_logger().info(
            "hold-expired", message=message.tx.id, id=copy.decision, stream=copy.stream, reason=copy.reason
        )
        return
    for decision in step.decisions:
        write_decision(decision)
    if step.decisions:
        write_moves(step, message.tx.id)
