"""Asks people for a new yes: those whose mail is held for want of one, and those whose yes will soon end.

Of several processes one asks at a time. Everything that counts is looked at again inside the transaction that queues the
mail: what the person has said (law 1: nobody who has said no is ever asked), that nobody of the brand has asked them
lately, and that the wave has room. So a crash, or another process, asks nobody twice. Sends nothing itself: the mail goes
into the queue, and is looked at once more before each attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.consent.events import Event
from relay.consent.facts import Facts
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import Decision
from relay.log import get_logger
from relay.policy.asking import asks_at_all, earliest_question, may_be_asked
from relay.policy.evaluate import evaluate
from relay.policy.model import Policies, Stream
from relay.policy.waves import Wave, next_wave, room, stopped, why_stop
from relay.queued import NewMessage, Origin, Step
from relay.reason import Reason
from relay.store.asks import (
    Ask,
    EndingYeses,
    put_ask,
    put_wave,
    tally_of,
    unasked,
    was_asked,
    wave_of,
)
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.facts import read_facts
from relay.store.port import StoreUnavailableError
from relay.store.queue import Caps, Done, take_step
from relay.workers.asking_mail import AskingMail
from relay.workers.own_mail import OwnMail
from relay.workers.questions import Questions

#: Seconds between two looks, and after something went wrong.
_LOOK_EVERY: Final = 1.0
_AFTER_TROUBLE: Final = 30.0
#: Mails that ask, in one transaction: it must not keep others waiting.
_AT_ONCE: Final = 20
_PAGE: Final = 500
#: Seconds that mail has to itself after each transaction.
_BREATH: Final = 0.02
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
class _Prepared:
    """A mail that is written, and what it was written from."""

    stream: Stream
    address: Address
    facts: Facts
    reason: Reason
    decision: Decision
    message: NewMessage
    event: Event


@dataclass(slots=True)
class Asker:
    """clock: aware UTC. trouble: why the clock cannot be trusted, or "". write: the mail. own: how it comes into the queue."""

    store: Path
    journal: Path
    pseudonyms: Pseudonyms
    policies: Callable[[], Policies]
    rules: AskingSettings
    write: AskingMail
    own: OwnMail
    clock: Callable[[], datetime]
    trouble: Callable[[], str]
    places: dict[str, Place] = field(default_factory=dict)

    def ask_who_waits(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """One look at everybody; how many were asked. go_on: asked between transactions. Raises StoreUnavailableError."""
        if self.trouble():
            return 0
        with contextlib.ExitStack() as stack:
            if not stack.enter_context(_only_one(self.store)):
                return 0
            with errors_of_the_store():
                reading = stack.enter_context(contextlib.closing(open_for_reading(self.store)))
            opened: list[Committer] = []

            def committer() -> Committer:
                # Opened only when there is something to write.
                if not opened:
                    one = Committer(self.store, self.journal, self.pseudonyms)
                    opened.append(stack.enter_context(contextlib.closing(one)))
                return opened[0]

            with errors_of_the_store():
                return _Look(self, reading, committer, go_on).run()


class _Look:
    """One look, with its connections."""

    def __init__(
        self,
        asker: Asker,
        reading: sqlite3.Connection,
        committer: Callable[[], Committer],
        go_on: Callable[[], bool],
    ) -> None:
        self._asker = asker
        self._go_on = go_on
        self._rules = asker.rules
        self._reading = reading
        self._committer = committer
        self._now = asker.clock()
        self._questions = Questions(asker.own, asker.pseudonyms, self._now)
        self._streams: dict[str, list[Stream]] = {}
        for stream in asker.policies().streams:
            if asks_at_all(stream):
                self._streams.setdefault(stream.brand, []).append(stream)

    def run(self) -> int:
        self._questions.settle(self._reading, self._do, self._go_on)
        self._questions.forget(self._reading, self._do, self._rules.every)
        return sum(self._ask_brand(brand) for brand in sorted(self._streams))

    def _ask_brand(self, brand: str) -> int:
        asked = 0
        left = self._room(brand)
        people = self._people(brand)
        while left > 0 and (batch := list(islice(people, min(_AT_ONCE, left)))):
            asked += self._ask(brand, batch)
            if not self._go_on() or self._asker.trouble():
                break
            left = self._room(brand)
        return asked

    def _room(self, brand: str) -> int:
        """How many may be asked now; stops the brand, or begins its next wave, when it is time."""
        wave = wave_of(self._reading, brand, self._rules)
        if wave.stopped_at is not None:
            return 0
        tally = tally_of(self._reading, wave)
        why = why_stop(tally, self._rules)
        if why:
            self._change(wave, stopped(wave, why, self._now))
            get_logger().critical(
                "asking-stopped",
                brand=brand,
                wave=wave.number,
                why=why,
                todo=f"look at the list; then: consent-relay consent asking --resume {brand}",
            )
            return 0
        following = next_wave(wave, tally, self._rules, self._now)
        if following is not None:
            self._change(wave, following)
            self._asker.places.pop(brand, None)
            return following.size
        return room(wave, tally)

    def _change(self, before: Wave, after: Wave) -> None:
        def change(connection: sqlite3.Connection) -> None:
            if wave_of(connection, before.brand, self._rules) == before:  # nobody was faster
                put_wave(connection, after)

        self._do(change)

    def _people(self, brand: str) -> Iterator[tuple[Stream, Address]]:
        """Who may have to be asked: the oldest held mail first, then those whose yes will end."""
        place = self._asker.places.setdefault(brand, Place())
        if place.again_at is None or not self._now < place.again_at <= self._now + _LOOK_AGAIN:
            place.copy, place.again_at = 0, self._now + min(_LOOK_AGAIN, self._rules.pause)
        streams = {stream.id: stream for stream in self._streams[brand]}
        since = self._now - self._rules.every
        while page := unasked(self._reading, brand, place.copy, since, _PAGE):
            for number, address, identifier in page:
                place.copy = number
                if identifier in streams:
                    yield streams[identifier], address
        if place.yeses_at is not None and self._now < place.yeses_at <= self._now + self._rules.pause:
            return
        for stream in streams.values():
            yield from self._ending(stream)
        place.yeses_at = self._now + self._rules.pause

    def _ending(self, stream: Stream) -> Iterator[tuple[Stream, Address]]:
        said_until = earliest_question(stream, self._now)
        if said_until is None:
            return
        found = EndingYeses(stream.id, said_until, self._now - MAILED_WITHIN)
        after = ""
        while page := found.page(self._reading, after, _PAGE):
            yield from ((stream, address) for address in page)
            after = str(page[-1])

    def _ask(self, brand: str, people: Sequence[tuple[Stream, Address]]) -> int:
        prepared = [one for one in (self._prepared_or_not(*person) for person in people) if one is not None]
        if not prepared:
            return 0
        asked, number = self._do(partial(self._ask_all, brand, prepared))
        for one in asked:
            get_logger().info(
                "asked",
                message=one.message.tx.id,
                id=one.decision.id,
                brand=brand,
                stream=one.stream.id,
                recipient=str(one.address),
                reason=one.reason,
                wave=number,
            )
        return len(asked)

    def _prepared_or_not(self, stream: Stream, address: Address) -> _Prepared | None:
        """None, too, where the mail cannot be written: everybody else is asked all the same."""
        try:
            return self._prepared(stream, address)
        except sqlite3.Error:
            raise
        except Exception:  # noqa: BLE001 - a row that nobody can read, or our own bug with what it says
            get_logger().exception("internal-error", stream=stream.id, recipient=str(address))
            return None

    def _prepared(self, stream: Stream, address: Address) -> _Prepared | None:
        """The mail, written before the lock is taken; None for who is not to be asked."""
        if was_asked(self._reading, stream.brand, address.wide, self._now - self._rules.every):
            return None
        facts = self._facts(self._reading, stream, address)
        reasons = evaluate(stream, facts, address, self._now).reasons
        if not may_be_asked(stream, facts, reasons, self._now):
            return None
        own = self._asker.own
        identifier, decision_id = own.identifier(self._now), own.identifier(self._now)
        content = self._asker.write.write(
            stream, facts, reasons[0], address, self._now, identifier=identifier, decision_id=decision_id
        )
        decision, message = own.mail(
            identifier, address, content, Origin.ASK, self._now, about=stream.id, decision_id=decision_id
        )
        event = self._questions.line(stream.brand, stream.id, address, f"asked again: {reasons[0]}")
        return _Prepared(stream, address, facts, reasons[0], decision, message, event)

    def _ask_all(
        self, brand: str, prepared: Sequence[_Prepared], connection: sqlite3.Connection
    ) -> tuple[list[_Prepared], int]:
        """Those who were asked, and the wave. Inside the transaction, where nobody else writes."""
        wave = wave_of(connection, brand, self._rules)
        left = room(wave, tally_of(connection, wave))
        asked: list[_Prepared] = []
        for one in prepared:
            if len(asked) < left and self._ask_one(connection, wave, one):
                asked.append(one)
        if asked:
            put_wave(connection, wave)
        return asked, wave.number

    def _ask_one(self, connection: sqlite3.Connection, wave: Wave, one: _Prepared) -> bool:
        """False when something has come in between; then they are looked at again another time."""
        if was_asked(connection, wave.brand, one.address.wide, self._now - self._rules.every):
            return False
        if self._facts(connection, one.stream, one.address) != one.facts:
            return False
        step = Step(decisions=(one.decision,), messages=(one.message,), events=(one.event,))
        if not isinstance(take_step(connection, step, "", Caps(), self._asker.pseudonyms), Done):
            return False
        put_ask(
            connection,
            Ask(
                brand=wave.brand,
                stream=one.stream.id,
                address=one.address,
                message=one.message.tx.id,
                source=one.event.source,
                at=self._now,
                wave=wave.number,
                give_up_at=self._now + one.stream.hold.longest,
            ),
        )
        return True

    def _facts(self, connection: sqlite3.Connection, stream: Stream, address: Address) -> Facts:
        return read_facts(connection, self._asker.pseudonyms, stream.brand, stream.id, [address])[address]

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        (result,) = self._committer().commit([Work(work)])
        if isinstance(result, BaseException):
            raise result
        return result


async def keep_asking(asker: Asker, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Until it is cancelled; the transaction that is under way is then finished."""
    ending = threading.Event()
    wait = _LOOK_EVERY
    try:
        while True:
            await sleep(wait)
            wait = _AFTER_TROUBLE
            try:
                await asyncio.to_thread(asker.ask_who_waits, lambda: not ending.wait(_BREATH))
            except StoreUnavailableError as error:
                get_logger().warning("not-asked", why=str(error))
            except Exception:  # noqa: BLE001 - a row that somebody changed by hand may hold anything; mail goes on
                get_logger().exception("internal-error")
            else:
                wait = _LOOK_EVERY
    finally:
        ending.set()


@contextlib.contextmanager
def _only_one(store: Path) -> Iterator[bool]:
    """Are we the one process that asks now? Nobody waits for it."""
    file = os.open(f"{store}.asking", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)
