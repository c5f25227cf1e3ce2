"""The look at the last moment: who has said no since the facts were read gets nothing, however long their copy waited.

A withdrawal that was acknowledged, by any process, is seen by every attempt that starts afterwards. Facts are not read
again where nobody can have said no: the journal of withdrawals is as it was before they were read. Looks, and decides
nothing that is recorded: what to do with mail that must not go out, its caller knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.consent.facts import Facts
from relay.policy.decide import objection
from relay.policy.model import Stream
from relay.reply import Reply
from relay.store.port import Store, StoreUnavailableError

#: How long facts count as those of now while nobody says no: what else changes them has no such haste.
_FRESH: Final = timedelta(seconds=1)


class Sight:
    """What one process knows of the noes, taken right before facts are read."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._stamp = store.noes_stamp()
        self._at = clock()

    def is_fresh(self) -> bool:
        age = self._clock() - self._at
        return timedelta(0) <= age < _FRESH and self._store.noes_stamp() == self._stamp


class SecondLook:
    """Called right before a copy goes out, as often as it is tried. Raises nothing.

    stream: None where no policy claims the mail. objects: what speaks against a recipient with these facts in that stream.
    seen: of when the facts were read that its recipients passed with.
    outage: the reply when nothing can be known.
    """

    def __init__(
        self,
        *,
        store: Store,
        stream: Stream | None,
        seen: Sight,
        clock: Callable[[], datetime],
        outage: Callable[[StoreUnavailableError], Reply],
        objects: Callable[[Stream, Address, Facts, datetime], Reply | None] = objection,
    ) -> None:
        self._store = store
        self._stream = stream
        self._seen = seen
        self._clock = clock
        self._outage = outage
        self._objects = objects

    async def __call__(self, addresses: Sequence[Address]) -> Reply | None:
        if self._stream is None:
            return None
        try:
            if self._seen.is_fresh():
                return None
            seen = Sight(self._store, self._clock)
            facts = await self._store.facts(self._stream.brand, self._stream.id, addresses)
        except StoreUnavailableError as error:
            return self._outage(error)
        now = self._clock()
        objections = (self._objects(self._stream, address, facts[address], now) for address in addresses)
        found = next((one for one in objections if one is not None), None)
        if found is None:
            self._seen = seen
        elif len(addresses) > 1:  # the others are to have it: they are judged one by one
            return replace(found, code=451, enhanced="4.7.1")
        return found
