"""The copies of one message that this process has claimed, and every way in which one stops being its own.

Settled: what has become of it is on disk. Put back: we are in trouble, it waits a while. Given back: it was never begun.
Cut short: the time to finish is over. What is written down and what the log says of it always go together. Decides and
sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from relay.log import get_logger, write_decision, write_moves, write_outcome
from relay.queued import Claimed, Copy, Message, Move, State, Step
from relay.reason import Reason
from relay.store.port import Store, StoreUnavailableError
from relay.workers.receipts import Receipts
from relay.workers.settling import merged


class InHand:
    """content: of the message, once it was read. started: the decisions by which copies were handed to a next hop. refused:
    why a copy cannot carry the footer, of those that were made. Both by number.

    clock: aware UTC now. receipts: what senders asked to hear of it, None to tell nobody.
    """

    def __init__(
        self, claimed: Claimed, *, store: Store, clock: Callable[[], datetime], receipts: Receipts | None
    ) -> None:
        self.message: Message = claimed.message
        self.content = b""
        self.started: dict[int, str] = {}
        self.refused: dict[int, str] = {}
        self._left = {copy.number: copy for copy in claimed.copies}
        self._store = store
        self._clock = clock
        self._receipts = receipts

    @property
    def left(self) -> Mapping[int, Copy]:
        """Those that are ours still, by number."""
        return self._left

    async def settle(self, steps: Iterable[Step], *, at_once: bool = False) -> None:
        """Write what has become of copies; they are not ours any more then.

        at_once: raise where it cannot be written, because there is a decision that is to have an effect. Else it is
        written once the store is there again, and the copies stay leased until then.
        """
        step = merged(steps)
        if self._receipts is not None:
            step = self._receipts.told_in(self.message, self.content, self._left, step)
        moved = [move.copy for move in step.moves]
        try:
            await self._store.commit(step)
        except StoreUnavailableError as error:
            if at_once:
                raise
            get_logger().warning("settled-later", message=self.message.tx.id, copies=len(moved), why=str(error))
            self._store.commit_later(step)
        self._let_go(moved)
        for decision in step.decisions:
            write_decision(decision)
        for outcome in step.outcomes:
            write_outcome(outcome)
        write_moves(step, self.message.tx.id)

    def put_back(self, numbers: Iterable[int], reason: Reason, wait: timedelta) -> None:
        """To be looked at again after that time; those of them that are ours."""
        now = self._clock()
        moves = [Move(one, now, State.QUEUED, reason, now + wait) for one in numbers if one in self._left]
        self._commit_later(moves)
        self._let_go([move.copy for move in moves])

    async def give_back(self) -> None:
        """What was not begun, because the relay stops or the next hop is gone: as if it had not been claimed."""
        if self._left:
            await self._store.give_back(tuple(self._left))
            self._left.clear()

    def cut_short(self) -> None:
        """Nobody knows of what is in the next hop's hands: it is tried again (RFC 1047)."""
        now = self._clock()
        self._commit_later(
            [
                Move(
                    copy.number, now, State.QUEUED, Reason.OUTCOME_UNKNOWN, now, self.started[copy.number], counts=True
                )
                if copy.number in self.started
                else Move(copy.number, now, State.QUEUED, copy.reason, copy.due_at or now)
                for copy in self._left.values()
            ]
        )

    def forget(self) -> None:
        """Somebody has taken the message out of the store: there is nothing to write."""
        self._left.clear()

    def _commit_later(self, moves: Sequence[Move]) -> None:
        if moves:
            self._store.commit_later(Step(moves=tuple(moves)))

    def _let_go(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._left.pop(number, None)
