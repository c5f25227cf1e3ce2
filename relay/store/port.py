"""The port of the store: what the relay asks of it while it runs. Implemented by `relay.store.sqlite`.

Only promises stand here. Every method may be cancelled at any moment without harm to other callers: what was handed
over is then either committed whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from relay.address import Address
from relay.consent.events import Event
from relay.consent.facts import Facts
from relay.decision import Decision, Outcome


class StoreUnavailableError(Exception):
    """Nothing can be known or promised just now; the text is for the log. full: the disk has no room left."""

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


class Store(Protocol):
    async def facts(self, brand: str, stream: str, addresses: Sequence[Address]) -> dict[Address, Facts]:
        """What is known now, never from a cache: every address is in the result. Raises StoreUnavailableError."""

    async def record(self, decisions: Sequence[Decision]) -> None:
        """Return after the commit has reached the disk. Raises StoreUnavailableError."""

    def settle_later(self, outcomes: Sequence[Outcome]) -> None:
        """Write soon, without promise; an outcome that is a contact moves the watermark of its address and stream."""

    async def append(self, events: Sequence[Event]) -> tuple[int, ...]:
        """Add to the ledger and fold the facts in one transaction; the sequence number of each event.

        An event whose id the ledger knows is not added again. What says no is also in withdrawals.journal, on disk,
        when this returns. Raises StoreUnavailableError.
        """

    async def flush(self) -> None:
        """Return when all that was handed over before has been written or has failed."""

    async def close(self) -> None:
        """Flush, then let go of the files. Afterwards every method raises StoreUnavailableError."""
