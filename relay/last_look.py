"""The last look before a copy goes out: a copy may have waited long for its turn, and whoever has withdrawn meanwhile must
not get it. One place for mail that is passed on at once and for mail from the queue.

Looks, and decides nothing that is recorded: what to do with mail that must not go out, its caller knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.disposal import LastLook
from relay.policy.decide import objection
from relay.policy.model import Stream
from relay.reply import Reply
from relay.store.port import Store, StoreUnavailableError

#: Facts read so shortly before are not read again, unless somebody has said no since. What else may change within it
#: (a mailbox learned to be gone, a deadline) does not matter to the second.
_FRESH: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known when facts were read. stamp: of the noes before, so that one that came in between shows."""

    stamp: object
    at: datetime


class LastLooks:
    """clock: aware UTC now."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def seen(self) -> Seen:
        """To be called before facts are read. Raises StoreUnavailableError."""
        return Seen(self._store.noes_stamp(), self._clock())

    def for_mail(self, stream: Stream | None, seen: Seen, outage: Callable[[StoreUnavailableError], Reply]) -> LastLook:
        """What to ask before each copy of a message goes out. stream: None where no policy claims it. seen: when its facts
        were read. outage: what stands for a store that cannot tell.
        """

        async def look(addresses: Sequence[Address]) -> Reply | None:
            if stream is None:
                return None
            try:
                if self._holds(seen):
                    return None
                facts = await self._store.facts(stream.brand, stream.id, addresses)
            except StoreUnavailableError as error:
                return outage(error)
            now = self._clock()
            objections = (objection(stream, address, facts[address], now) for address in addresses)
            found = next((one for one in objections if one is not None), None)
            if found is None or len(addresses) == 1:
                return found
            return replace(found, code=451, enhanced="4.7.1")  # the others are to have it: they are judged one by one

        return look

    def _holds(self, seen: Seen) -> bool:
        passed = self._clock() - seen.at
        return timedelta(0) <= passed < _FRESH and self._store.noes_stamp() == seen.stamp
