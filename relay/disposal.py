"""What happens to a message once it is known who may get it: copies are made, signed, and handed to the next hop.

Decides nothing about consent. Work that is the same for all recipients is done once a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from relay.address import Address
from relay.decision import Outcome, Result, refusal
from relay.envelope import Recipient, Transaction
from relay.log import get_logger
from relay.message.compose import Copy, Undisclosable
from relay.message.index import Index
from relay.outbound.attempt import Attempt, Mail, NextHops
from relay.policy.acceptance import Judged
from relay.policy.model import Stream
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.rewriting import DamagedCopyError, Plan, Reader, Rewriter

#: Why these recipients must not have their copy any more; None while nothing speaks against it. Raises nothing.
LastLook: TypeAlias = Callable[[Sequence[Address]], Awaitable[Reply | None]]

#: Octets from which a message is worked on in a thread, so that the loop is never blocked for long: the worst
#: HTML takes a second for each quarter of a million.
_LARGE: Final = 32 * 1024
#: Threads that work on large messages: each holds the process for the length of one step over all octets.
_LARGE_AT_ONCE: Final = 2
_OURS: Final = Reply(451, "4.3.0", f"{Reason.INTERNAL_ERROR}: the copy could not be made, try again")

#: Passes that rest on what the person said.
_OF_CONSENT: Final = frozenset({Reason.CONFIRMED, Reason.MIGRATION})
_T = TypeVar("_T")


class Forwarder:
    """clock: aware UTC now."""

    def __init__(self, *, next_hops: NextHops, rewriter: Rewriter, clock: Callable[[], datetime]) -> None:
        self._next_hops = next_hops
        self._rewriter = rewriter
        self._clock = clock
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def plan(
        self, tx: Transaction, stream: Stream | None, message: Index, recipients: Sequence[Recipient]
    ) -> Plan:
        only = recipients[0].address if len(recipients) == 1 else None
        return await self._off_loop_if_large(message.content, lambda: self._rewriter.plan(tx, stream, message, only))

    async def forward(self, plan: Plan, passing: Sequence[Judged], last_look: LastLook) -> list[Outcome]:
        """One copy for these recipients, whose decisions passed: for one alone where each has a copy of their own. One
        outcome for each, in their order. Never raises for what a next hop does.

        last_look: asked right before it goes out; why its recipients must not have it any more.
        """
        reader = None
        if plan.is_personal:
            (one,) = passing
            reader = Reader(one.recipient.address, one.facts, one.decision.id)
        copy = await self._made(plan, reader)
        if isinstance(copy, Reply):
            return [Outcome(one.decision.id, self._clock(), Result.WITHHELD, copy) for one in passing]
        recipients = tuple(one.recipient for one in passing)
        addresses = [one.address for one in recipients]
        mail = Mail(plan.tx.sender, plan.tx.parameters, recipients, copy.content, lambda: last_look(addresses))
        attempts = await self._next_hops.deliver(mail)
        now = self._clock()
        return [_outcome(one, attempt, now, copy.footer) for one, attempt in zip(passing, attempts, strict=True)]

    async def _made(self, plan: Plan, reader: Reader | None) -> Copy | Reply:
        """The copy, or why there is none: what cannot be made is asked for again, and somebody is told."""
        log = get_logger().bind(message=plan.tx.id, id=reader.decision if reader else None)
        try:
            copy = await self._off_loop_if_large(plan.message.content, lambda: self._rewriter.copy(plan, reader))
        except DamagedCopyError as error:
            log.critical("copy-damaged", why=str(error))
        except Exception:
            log.exception("internal-error")
        else:
            if not isinstance(copy, Undisclosable):
                return copy
            log.warning("undisclosable", why=copy.why)  # only this reader's footer: nobody could know before
            return refusal(Reason.DISCLOSURE_IMPOSSIBLE, Verdict.DEFER, "", "", after_data=True, detail=copy.why)
        return _OURS

    async def _off_loop_if_large(self, content: bytes, work: Callable[[], _T]) -> _T:
        if len(content) <= _LARGE:
            return work()
        async with self._large:
            return await asyncio.to_thread(work)


def _outcome(one: Judged, attempt: Attempt, now: datetime, footer: str) -> Outcome:
    decision = one.decision
    return Outcome(
        decision.id,
        now,
        attempt.result,
        attempt.reply,
        attempt.next_hop,
        attempt.seconds,
        # Law: only a stream's own message whose enforced verdict was `deliver` is a contact.
        contact=attempt.result is Result.DELIVERED and decision.enforced and decision.reason in _OF_CONSENT,
        address=one.recipient.address,
        stream=decision.stream,
        footer=footer,
        silent=attempt.silent,
    )
