"""Once a day, each client's owner gets a mail about what was accepted from the client and did not go out. The mail is
queued, and its lines are told, in one step: a line is told once, whatever fails, and by one of several processes.

Lines of clients without an owner stay untold; `consent-relay log report` shows them. Never works while the clock is in
doubt, and never sends: the queue does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from relay.address import Address
from relay.log import get_logger
from relay.message.notice import Heading, notice
from relay.message.notice import text as text_entity
from relay.message.report import MOST_LISTED, Report, subject, text
from relay.queued import Origin, Step
from relay.store.connection import open_for_reading
from relay.store.port import AlreadyToldError, Store, StoreUnavailableError
from relay.store.reported import Untold, untold
from relay.workers.own_mail import OwnMail

#: Seconds between two looks whether it is time, at least and at most.
_LOOK_EVERY: Final = (60.0, 180.0)
#: So long after the hour: lines are dated a moment before they are committed, and none should come a day late for it.
_GRACE: Final = timedelta(minutes=5)
#: Lines that one mail tells; what is more, the next tells at once.
_MOST_TOLD: Final = 50_000
#: Mails to one owner in one look.
_MOST_MAILS: Final = 20
_WHO_WRITES: Final = "Mail relay reports"


@dataclass(frozen=True, slots=True)
class Reporter:
    """path: of the store. relay: its host name. owners: by the client's name. hour: of the day (UTC) from which reports
    go out. trouble: why the clock cannot be trusted, or "".
    """

    store: Store
    path: Path
    own_mail: OwnMail
    relay: str
    owners: Mapping[str, Address]
    hour: int
    clock: Callable[[], datetime]
    trouble: Callable[[], str]

    async def report_when_it_is_time(self) -> int:
        """How many mails were queued. Raises StoreUnavailableError."""
        now = self.clock()
        until = last_hour(now, self.hour)
        if self.trouble() or now < until + _GRACE:
            return 0
        return sum([await self._tell_or_not(client, owner, until) for client, owner in self.owners.items()])

    async def _tell_or_not(self, client: str, owner: Address, until: datetime) -> int:
        """Where one cannot be told, because of a line that nobody can read or a bug, the others are."""
        try:
            return await self._tell(client, owner, until)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - a store that somebody changed by hand may hold anything
            get_logger().error("report-failed", client=client, why=f"{type(error).__name__}: {error}")
            return 0

    async def _tell(self, client: str, owner: Address, until: datetime) -> int:
        for number in range(_MOST_MAILS):
            found = await asyncio.to_thread(self._untold, client, until)
            if found is None:
                return number
            try:
                await self._queue(client, owner, found, until)
            except AlreadyToldError:  # another process was faster, or somebody was erased meanwhile
                return number
        return _MOST_MAILS

    def _untold(self, client: str, until: datetime) -> Untold | None:
        with contextlib.closing(open_for_reading(self.path)) as connection:
            return untold(connection, client, until, _MOST_TOLD, MOST_LISTED)

    async def _queue(self, client: str, owner: Address, found: Untold, until: datetime) -> None:
        now = self.clock()
        identifier = self.own_mail.identifier(now)
        report = Report(client, self.relay, found.since, until, found.kinds, found.newest)
        heading = Heading(identifier, self.own_mail.mail_domain, owner, subject(report), now, name=_WHO_WRITES)
        content = notice(heading, text_entity(text(report)))
        decision, message = self.own_mail.mail(identifier, owner, content, Origin.REPORT, now, about=client)
        await self.store.commit(Step(decisions=(decision,), messages=(message,), told=found.numbers))
        get_logger().info("report-sent", message=identifier, id=decision.id, client=client, lines=len(found.numbers))


def last_hour(now: datetime, hour: int) -> datetime:
    """The latest time of day that is not in the future."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


async def keep_reporting(
    reporter: Reporter, random: Random, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Until it is cancelled."""
    while True:
        await sleep(random.uniform(*_LOOK_EVERY))
        try:
            await reporter.report_when_it_is_time()
        except StoreUnavailableError as error:  # the lines stay untold, and are told later
            get_logger().warning("report-failed", why=str(error))
        except Exception as error:  # noqa: BLE001 - a store that somebody changed by hand may hold anything
            get_logger().error("report-failed", why=f"{type(error).__name__}: {error}")
