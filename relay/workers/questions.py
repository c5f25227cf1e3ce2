"""Questions put to people for a new yes, as the ledger has them, and what became of the mails that carried them.

That a mail has left is a line of the ledger: only such a question counts as one that was not answered. Asks nobody, and
decides nothing about who is asked.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from relay.address import Address
from relay.consent.events import RELAY, Event, EventKind
from relay.consent.pseudonyms import Pseudonyms
from relay.store.appending import append_events
from relay.store.asks import Became, EndedAsk, any_old_ask, ended_asks, forget_old_asks, settle_ask
from relay.workers.own_mail import OwnMail

#: Runs its work in a transaction of its own, and gives back what that gave.
Write: TypeAlias = Callable[[Callable[[sqlite3.Connection], Any]], Any]

#: Ends of mails that ask, in one transaction: it must not keep others waiting.
_AT_ONCE: Final = 20
_FORGOTTEN_AT_ONCE: Final = 500
#: How long it is remembered who was asked in which wave, at least.
_KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Questions:
    """Of one look at them. own: names the lines. now: of the look."""

    own: OwnMail
    pseudonyms: Pseudonyms
    now: datetime

    def line(self, brand: str, stream: str, address: Address, source: str) -> Event:
        """Of a question that is put now; its mail has not left."""
        return Event(
            id=self.own.identifier(self.now),
            kind=EventKind.REQUEST,
            address=address,
            brand=brand,
            stream=stream,
            at=self.now,
            recorded_at=self.now,
            source=source,
            recorder=RELAY,
            live=True,
        )

    def settle(self, reading: sqlite3.Connection, write: Write, go_on: Callable[[], bool]) -> None:
        """Write down what became of the mails that wait no more. go_on: asked between transactions."""
        while ended := ended_asks(reading, _AT_ONCE):
            write(partial(self._settle_all, ended))
            if not go_on():
                return

    def forget(self, reading: sqlite3.Connection, write: Write, every: timedelta) -> None:
        """Who was asked too long ago to matter. every: time that has to lie between two questions."""
        before = self.now - max(every, _KEPT)
        if any_old_ask(reading, before):
            write(lambda connection: forget_old_asks(connection, before, _FORGOTTEN_AT_ONCE))

    def _settle_all(self, ended: Sequence[EndedAsk], connection: sqlite3.Connection) -> None:
        mine = [one for one in ended if settle_ask(connection, one, self.now)]
        # The question as it was recorded, and the moment from which it could be answered.
        left = [
            replace(
                self.line(one.brand, one.stream, one.address, one.source),
                at=one.at,
                mail_sent_at=min(max(one.at, one.ended_at), self.now),
                recorded_at=max(one.at, self.now),
            )
            for one in mine
            if one.became is Became.DELIVERED and one.ended_at is not None
        ]
        append_events(connection, left, self.pseudonyms, os.urandom)
