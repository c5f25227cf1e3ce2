"""The port of the store: what the relay asks of it while it runs. Implemented by `relay.store.sqlite`.

Only promises stand here. Every method may be cancelled at any moment without harm to other callers: what was handed
over is then either committed whole or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

from relay.address import Address
from relay.consent.events import Event
from relay.consent.facts import Facts
from relay.decision import Decision, Outcome
from relay.queued import Claimed, State, Step
from relay.reason import Reason

#: No words are told.
NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})


class StoreUnavailableError(Exception):
    """Nothing can be known or promised just now; the text is for the log. full: the disk has no room left. reason: what
    mail is told that waits for it.
    """

    reason: ClassVar[Reason] = Reason.STORE_UNAVAILABLE

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class StoreBrokenError(StoreUnavailableError):
    """The disk lied, or the file is damaged: nothing that this process writes can be trusted, it has to stop.

    After a failed fsync the next commit succeeds, although the data of the last one may be gone.
    """


class StoreBehindError(StoreUnavailableError):
    """The store lacks withdrawals that stand in its journal: it was restored from a backup, or is another one."""

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"the store lacks withdrawals that {journal} has (was it restored from a backup?); "
            "run: consent-relay db migrate --replay-withdrawals, or serve --replay-withdrawals"
        )


class UnreadableError(StoreUnavailableError):
    """A row that today's rules do not allow: edited by hand, or written by a version with other rules. Nobody knows what
    it said, so nothing is sent on it. what: "line 7 of the ledger". why: without personal data.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} cannot be read: {why}; run: consent-relay consent verify")
        self.why = why


class ClockWrongError(StoreUnavailableError):
    """Nobody knows what time it is, so nobody can be judged: what is fresh, and what came after what."""

    reason = Reason.CLOCK_WRONG


class QueueFullError(StoreUnavailableError):
    """What waits has reached a cap of [queue] or [hold]: nothing of the step was written. what: which, and how to raise it."""

    def __init__(self, what: str) -> None:
        super().__init__(what, full=True)
        self.what = what


class AlreadyToldError(Exception):
    """A report line among `told` was told by another mail, or is gone: nothing of the step was written."""


class People(Protocol):
    """What is known of people, and what they say: all that pages need."""

    async def facts(self, brand: str, stream: str, addresses: Sequence[Address]) -> dict[Address, Facts]:
        """What is known now, never from a cache: every address is in the result. Raises StoreUnavailableError."""

    async def append(self, events: Sequence[Event], texts: Mapping[str, str] = NO_TEXTS) -> tuple[int, ...]:
        """Add to the ledger and fold the facts in one transaction; the sequence number of each event. texts: words by
        their hash, of the wordings that the events name; each is kept once.

        An event whose id the ledger knows is not added again. What says no is also in withdrawals.journal, on disk,
        when this returns. Raises StoreUnavailableError.
        """


class Store(People, Protocol):
    async def record(self, decisions: Sequence[Decision]) -> None:
        """Return after the commit has reached the disk. Raises StoreUnavailableError."""

    def settle_later(self, outcomes: Sequence[Outcome]) -> None:
        """Write soon, without promise; an outcome that is a contact moves the watermark of its address and stream."""

    async def commit(self, step: Step) -> None:
        """All of it, on disk, when this returns. Raises StoreUnavailableError; QueueFullError when `messages` would pass
        a cap, AlreadyToldError when a line of `told` was told; nothing of the step is written then.

        A move of a copy whose lease is lost (replaced, erased, dropped by an operator) changes nothing; a step that has
        moves, none of which can be made, writes its decisions and outcomes only. So the same step may be committed again
        when nobody knows whether it was.
        """

    def commit_later(self, step: Step) -> None:
        """The same without promise: soon, and again while the store is away or full, as long as this process lives. For
        what became of an attempt, which has to be known before its copies are let go.
        """

    async def claim(
        self, now: datetime, most: int, *, only: Collection[str] | None = None, skip: Collection[str] = ()
    ) -> tuple[Claimed, ...]:
        """Lease up to `most` queued copies that are due, the oldest first, by message. only, skip: domains of recipients.

        A start of each message is counted and on disk before anybody reads its content. A message that was begun before
        and did not come to an end (its worker died) is claimed alone; one that was begun three times goes aside. Empty
        while nothing is due. Raises StoreUnavailableError.
        """

    async def claim_failed(self, now: datetime, most: int) -> tuple[Claimed, ...]:
        """Lease the failed copies of messages whose sender can be told: no copy waits for the next hop any more, or one
        is due. All that have failed of a message, whole messages up to `most` copies (one at least). A telling of each
        message is counted and on disk before anybody reads its content; one that was begun before and did not come to an
        end is claimed alone.
        """

    async def claim_expired(self, now: datetime, most: int) -> tuple[Claimed, ...]:
        """Lease up to `most` held copies that are to be given up."""

    async def give_back(self, copies: Collection[int]) -> None:
        """End the leases of these copies as if they had not been claimed; those of others are left alone."""

    async def content(self, message: int) -> bytes:
        """As it came from the client. Raises KeyError when it is gone."""

    async def next_due(self, now: datetime, state: State = State.QUEUED) -> bool:
        """Is there a copy in this state to claim? A cheap look, without a lock."""

    def noes_stamp(self) -> object:
        """Differs from an earlier one once any process has acknowledged a withdrawal or complaint since. Take it before
        the facts that it is to vouch for.

        It is what a look at withdrawals.journal tells (inode, size, time), because on every path a no stands there before
        anybody is told: pages, API and mail (`append`), a step, commands and imports mark their work as `says_no`, and a
        commit of such work writes the journal before it returns; an erasure and retention put another file in its place or
        add lines; a replay ends with a mark, and a journal that was lost is another file.
        """

    async def flush(self) -> None:
        """Return when all that was handed over before has been written or has failed."""

    async def close(self) -> None:
        """Flush, then let go of the files. Afterwards every method raises StoreUnavailableError."""
