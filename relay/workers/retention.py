"""Once a day, what may no longer be kept goes (`relay.store.retention`). Of several processes one does it: whoever sees
first that it is time. In a thread of its own, with a connection of its own; never while the clock is in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from relay.consent.pseudonyms import Pseudonyms
from relay.log import get_logger
from relay.policy.model import Policies
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.due import Periods
from relay.store.port import StoreUnavailableError
from relay.store.retention import Purged, purge
from relay.workers.turns import Turn

#: Seconds between two looks whether it is time, at least and at most.
_LOOK_EVERY: Final = (600.0, 1200.0)
#: The next day's purge comes up to an hour later.
_TURN: Final = Turn("next-purge", timedelta(days=1), spread=timedelta(hours=1))
#: Seconds that mail has to itself after each transaction.
_PAUSE: Final = 0.05
#: Lines of the ledger looked through for people in one day; the next day goes on there.
_LINES_A_DAY: Final = 500_000


@dataclass(frozen=True, slots=True)
class Keeper:
    """policies: those in force. decisions: how long these are kept. trouble: why the clock cannot be trusted, or ""."""

    store: Path
    journal: Path
    pseudonyms: Pseudonyms
    policies: Callable[[], Policies]
    decisions: timedelta
    clock: Callable[[], datetime]
    trouble: Callable[[], str]

    def purge_when_it_is_time(self, go_on: Callable[[], bool], spread: float) -> Purged | None:
        """What went, None when it is not time. spread: from 0 to 1, of the time by which the next one is put off.

        Raises StoreUnavailableError.
        """
        if self.trouble():
            return None
        now = self.clock()
        with errors_of_the_store(), contextlib.ExitStack() as stack:
            reading = stack.enter_context(contextlib.closing(open_for_reading(self.store)))
            if not _TURN.is_due(reading, now):
                return None
            committer = stack.enter_context(contextlib.closing(Committer(self.store, self.journal, self.pseudonyms)))
            (is_ours,) = committer.commit([Work(lambda connection: _TURN.take(connection, now, spread))])
            if is_ours is not True:
                return None
            periods = Periods(self.policies(), self.decisions, now)
            return purge(
                reading,
                committer,
                self.pseudonyms,
                periods,
                most_lines=_LINES_A_DAY,
                go_on=lambda: go_on() and not self.trouble(),
            )


async def keep_retention(
    keeper: Keeper, random: Random, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Until it is cancelled; the step that is under way is then finished."""
    ending = threading.Event()
    try:
        while True:
            await sleep(random.uniform(*_LOOK_EVERY))
            await _one_look(keeper, ending, random.random())
    finally:
        ending.set()


async def _one_look(keeper: Keeper, ending: threading.Event, spread: float) -> None:
    def go_on() -> bool:
        return not ending.wait(_PAUSE)

    try:
        purged = await asyncio.to_thread(keeper.purge_when_it_is_time, go_on, spread)
    except StoreUnavailableError as error:
        get_logger().warning("purge-failed", why=str(error))
    except Exception as error:  # noqa: BLE001 - a store that somebody changed by hand may hold anything; the next day comes
        get_logger().warning("purge-failed", why=f"{type(error).__name__}: {error}")
    else:
        if purged is not None:
            get_logger().info("purged", **asdict(purged))
