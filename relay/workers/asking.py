"""Asks people for a new yes: those whose mail is held for want of one, and those whose yes will soon end.

Of several processes one asks at a time, brand by brand, as many as the wave has room for. Sends nothing itself: the mail
goes into the queue, and is looked at once more before each attempt. A crash, or another process, asks nobody twice
(`relay.workers.putting`).
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
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.consent.pseudonyms import Pseudonyms
from relay.log import get_logger
from relay.policy.asking import asks_at_all
from relay.policy.model import Policies, Stream
from relay.policy.waves import Wave, next_wave, room, stopped, why_stop
from relay.store.asks import put_wave, tally_of, wave_of
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.port import StoreUnavailableError
from relay.workers.asking_mail import AskingMail
from relay.workers.candidates import Candidates, Place
from relay.workers.own_mail import OwnMail
from relay.workers.putting import Putting, Question
from relay.workers.questions import Questions

#: Seconds between two looks, and after something went wrong.
_LOOK_EVERY: Final = 1.0
_AFTER_TROUBLE: Final = 30.0
#: Mails that ask, in one transaction: it must not keep others waiting.
_AT_ONCE: Final = 20
#: Seconds that mail has to itself after each transaction.
_BREATH: Final = 0.02


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
        self._putting = Putting(asker.write, asker.own, asker.pseudonyms, asker.rules, self._questions, self._now)
        self._streams: dict[str, dict[str, Stream]] = {}
        for stream in asker.policies().streams:
            if asks_at_all(stream):
                self._streams.setdefault(stream.brand, {})[stream.id] = stream

    def run(self) -> int:
        self._questions.settle(self._reading, self._do, self._go_on)
        self._questions.forget(self._reading, self._do, self._rules.every)
        return sum(self._ask_brand(brand) for brand in sorted(self._streams))

    def _ask_brand(self, brand: str) -> int:
        asked = 0
        left = self._room(brand)
        candidates = Candidates(self._reading, brand, self._streams[brand], self._rules, self._now)
        people = candidates.beyond(self._asker.places.setdefault(brand, Place()))
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

    def _ask(self, brand: str, people: Sequence[tuple[Stream, Address]]) -> int:
        questions = [one for one in (self._written(*person) for person in people) if one is not None]
        if not questions:
            return 0
        asked, number = self._do(partial(self._putting.put, brand, questions))
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

    def _written(self, stream: Stream, address: Address) -> Question | None:
        """None, too, where the mail cannot be written: everybody else is asked all the same."""
        try:
            return self._putting.written(self._reading, stream, address)
        except sqlite3.Error:
            raise
        except Exception:  # noqa: BLE001 - a row that nobody can read, or our own bug with what it says
            get_logger().exception("internal-error", stream=stream.id, recipient=str(address))
            return None

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
