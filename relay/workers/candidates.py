"""Who may have to be asked for a new yes: those whose mail is held for want of one, then those whose yes will soon end.

Found page by page; a look goes on where the last one ended. Finds and nothing more: whether somebody is asked follows
from what they have said, which is looked at elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.policy.asking import earliest_question
from relay.policy.model import Stream
from relay.store.asks import EndingYeses, unasked

_PAGE: Final = 500
#: Until everybody who was passed over is looked at again: time or the policy may have changed what they may be asked.
_LOOK_AGAIN: Final = timedelta(minutes=10)
#: Whom a yes that ends is asked about: mail of the stream has reached them in this time. Others are asked once mail for
#: them is held; a stream that sends nothing more asks nobody.
MAILED_WITHIN: Final = timedelta(days=90)


@dataclass(slots=True)
class Place:
    """How far one brand's people were looked through. copy: number of the last held copy. again_at: when the look begins
    anew; yeses_at: when those whose yes ends are looked for.
    """

    copy: int = 0
    again_at: datetime | None = None
    yeses_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Of one brand. streams: of that brand, those that ask at all, by id. now: of the look."""

    connection: sqlite3.Connection
    brand: str
    streams: Mapping[str, Stream]
    rules: AskingSettings
    now: datetime

    def beyond(self, place: Place) -> Iterator[tuple[Stream, Address]]:
        """Moves the place along. Who waits for somebody's yes comes first, whose mail is oldest before the others."""
        yield from self._waiting(place)
        if not self._is_ahead(place.yeses_at, self.rules.pause):
            for stream in self.streams.values():
                yield from self._ending(stream)
            place.yeses_at = self.now + self.rules.pause

    def _waiting(self, place: Place) -> Iterator[tuple[Stream, Address]]:
        if not self._is_ahead(place.again_at, _LOOK_AGAIN):
            place.copy, place.again_at = 0, self.now + min(_LOOK_AGAIN, self.rules.pause)
        since = self.now - self.rules.every
        while page := unasked(self.connection, self.brand, place.copy, since, _PAGE):
            for number, address, identifier in page:
                place.copy = number
                if identifier in self.streams:
                    yield self.streams[identifier], address

    def _ending(self, stream: Stream) -> Iterator[tuple[Stream, Address]]:
        said_until = earliest_question(stream, self.now)
        if said_until is None:
            return
        found = EndingYeses(stream.id, said_until, self.now - MAILED_WITHIN)
        after = ""
        while page := found.page(self.connection, after, _PAGE):
            yield from ((stream, address) for address in page)
            after = str(page[-1])

    def _is_ahead(self, moment: datetime | None, most: timedelta) -> bool:
        """Further ahead than it is ever set, it was set by a clock that was wrong."""
        return moment is not None and self.now < moment <= self.now + most
