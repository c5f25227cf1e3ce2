"""What is written down before anybody is answered: decisions, and mail that is taken over (law 3).

The log tells only what is on disk. Decides nothing, and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relay.decision import Decision
from relay.log import get_logger, write_acceptance, write_decision
from relay.policy.acceptance import Accepted, Judged, Mail, turned_down
from relay.reply import Reply
from relay.store.port import QueueFullError, Store, StoreUnavailableError


class Records:
    """nudge: called when something was queued, so that it goes out at once."""

    def __init__(self, store: Store, nudge: Callable[[], None]) -> None:
        self._store = store
        self._nudge = nudge

    async def decided(self, decisions: Sequence[Decision]) -> None:
        """Raises StoreUnavailableError."""
        await self._store.record(decisions)
        for decision in decisions:
            write_decision(decision)

    async def taken_over(self, mail: Mail, judged: Sequence[Judged], accepted: Accepted) -> Reply:
        """The reply: that of `accepted`, or for now none of it where there is no room. Raises StoreUnavailableError."""
        try:
            await self._write(accepted)
        except QueueFullError as error:
            get_logger().error("queue-full", message=mail.tx.id, stream=judged[0].decision.stream, why=str(error))
            accepted = turned_down(judged, str(error))
            await self._write(accepted)
        return accepted.reply

    async def is_kept(self, mail: Mail, accepted: Accepted) -> bool:
        """Is the message here now? Else the next hop's own answer goes back, and the client keeps it."""
        try:
            await self._write(accepted)
        except StoreUnavailableError as error:
            get_logger().error("not-queued", message=mail.tx.id, why=str(error))
            return False
        return True

    async def _write(self, accepted: Accepted) -> None:
        if accepted.takes_over:
            await self._store.commit(accepted.step)
            self._nudge()
        else:
            await self._store.record(accepted.step.decisions)
        for decision in accepted.step.decisions:
            write_decision(decision)
        write_acceptance(accepted.step)
