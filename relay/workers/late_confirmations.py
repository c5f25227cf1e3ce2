"""Once an hour, an alarm for whoever asked for mail and was not sent the mail that asks for the click in time.

That mail is the sender's promise (`consent.confirmation_sent_within`): whoever does not get it cannot say yes, and forgets
that they wanted to. Counts by stream; no address is told. Of several processes one looks. Changes nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from relay.config.durations import write_duration
from relay.consent.ledger import microseconds, moment_of
from relay.consent.pseudonyms import Pseudonyms
from relay.log import get_logger
from relay.policy.evaluate import is_internal
from relay.policy.model import Policies, Stream
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.port import StoreUnavailableError, UnreadableError
from relay.store.queries import query
from relay.store.rows import address_of
from relay.workers.turns import Turn

#: Seconds between two looks whether it is time, at least and at most.
_LOOK_EVERY: Final = (60.0, 180.0)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_TURN: Final = Turn("next-look-for-late-confirmations", timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Late:
    """Of one stream. people: who wait. oldest: when the first of them asked. within: what was promised."""

    stream: str
    people: int
    oldest: datetime
    within: timedelta


@dataclass(frozen=True, slots=True)
class Watch:
    """policies: those in force. trouble: why the clock cannot be trusted, or ""."""

    store: Path
    journal: Path
    pseudonyms: Pseudonyms
    policies: Callable[[], Policies]
    clock: Callable[[], datetime]
    trouble: Callable[[], str]

    def look_when_it_is_time(self) -> tuple[Late, ...]:
        """What is late; () also when it is not time. Raises StoreUnavailableError."""
        if self.trouble():
            return ()
        now = self.clock()
        with errors_of_the_store(), contextlib.ExitStack() as stack:
            reading = stack.enter_context(contextlib.closing(open_for_reading(self.store)))
            if not _TURN.is_due(reading, now):
                return ()
            committer = stack.enter_context(contextlib.closing(Committer(self.store, self.journal, self.pseudonyms)))
            (is_ours,) = committer.commit([Work(lambda connection: _TURN.take(connection, now))])
            if is_ours is not True:
                return ()
            found = (late_in(reading, stream, now) for stream in self.policies().streams if stream.is_commercial)
            return tuple(one for one in found if one is not None)


def late_in(connection: sqlite3.Connection, stream: Stream, now: datetime) -> Late | None:
    """None when nobody waits. Whose time to click is over waits no longer: the promise was broken, and told before."""
    within, click = stream.consent.freshness.confirmation_sent_within, stream.consent.freshness.confirm_within
    if within is None or within > now - _EPOCH:
        return None
    since = 0 if click is None or click > now - _EPOCH else microseconds(now - click)
    until = microseconds(now - within) - 1  # at the very moment it is not late yet
    rows = connection.execute(query("unsent_confirmations"), (stream.id, since, until))
    asked_at = [at for address, at in rows if not _needs_no_consent(stream, address)]
    return Late(stream.id, len(asked_at), moment_of(min(asked_at)), within) if asked_at else None


def _needs_no_consent(stream: Stream, address: str) -> bool:
    try:
        return bool(stream.internal) and is_internal(stream, address_of(address))
    except UnreadableError:  # a row that somebody edited hides nobody
        return False


async def watch_confirmations(
    watch: Watch, random: Random, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Until it is cancelled."""
    while True:
        await sleep(random.uniform(*_LOOK_EVERY))
        try:
            late = await asyncio.to_thread(watch.look_when_it_is_time)
        except StoreUnavailableError as error:
            get_logger().warning("confirmations-not-looked-at", why=str(error))
            continue
        for one in late:
            get_logger().warning(
                "confirmation-late",
                stream=one.stream,
                people=one.people,
                oldest=one.oldest.isoformat(timespec="seconds"),
                within=write_duration(one.within),
            )
