"""One question, from the look at what a person has said to the transaction that queues the mail.

The mail is written before the lock is taken. Everything that counts is looked at again under the lock: what the person
has said (law 1: nobody who has said no is ever asked), that nobody of the brand has asked them lately, and that the wave
has room. So nobody is asked twice, by whomever. Chooses nobody, and sends nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.consent.events import Event
from relay.consent.facts import Facts
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import Decision
from relay.policy.asking import may_be_asked
from relay.policy.evaluate import evaluate
from relay.policy.model import Stream
from relay.policy.waves import Wave, room
from relay.queued import NewMessage, Origin, Step
from relay.reason import Reason
from relay.store.asks import Ask, put_ask, put_wave, tally_of, was_asked, wave_of
from relay.store.facts import read_facts
from relay.store.queue import Caps, Done, take_step
from relay.workers.asking_mail import AskingMail
from relay.workers.own_mail import OwnMail
from relay.workers.questions import Questions


@dataclass(frozen=True, slots=True)
class Question:
    """A mail that is written, and what it was written from."""

    stream: Stream
    address: Address
    facts: Facts
    reason: Reason
    decision: Decision
    message: NewMessage
    event: Event


@dataclass(frozen=True, slots=True)
class Putting:
    """write: the mail. own: how it comes into the queue. questions: the ledger's line of it. now: of the look."""

    write: AskingMail
    own: OwnMail
    pseudonyms: Pseudonyms
    rules: AskingSettings
    questions: Questions
    now: datetime

    def written(self, connection: sqlite3.Connection, stream: Stream, address: Address) -> Question | None:
        """None for who is not to be asked. Raises ValueError where the mail cannot be written."""
        if self._was_asked(connection, stream.brand, address):
            return None
        facts = self._facts(connection, stream, address)
        reasons = evaluate(stream, facts, address, self.now).reasons
        if not may_be_asked(stream, facts, reasons, self.now):
            return None
        identifier, decision_id = self.own.identifier(self.now), self.own.identifier(self.now)
        content = self.write.write(
            stream, facts, reasons[0], address, self.now, identifier=identifier, decision_id=decision_id
        )
        decision, message = self.own.mail(
            identifier, address, content, Origin.ASK, self.now, about=stream.id, decision_id=decision_id
        )
        event = self.questions.line(stream.brand, stream.id, address, f"asked again: {reasons[0]}")
        return Question(stream, address, facts, reasons[0], decision, message, event)

    def put(
        self, brand: str, questions: Sequence[Question], connection: sqlite3.Connection
    ) -> tuple[list[Question], int]:
        """Those that were put, and in which wave. Inside the transaction, where nobody else writes."""
        wave = wave_of(connection, brand, self.rules)
        left = room(wave, tally_of(connection, wave))
        asked: list[Question] = []
        for one in questions:
            if len(asked) < left and self._put_one(connection, wave, one):
                asked.append(one)
        if asked:
            put_wave(connection, wave)
        return asked, wave.number

    def _put_one(self, connection: sqlite3.Connection, wave: Wave, one: Question) -> bool:
        """False when something has come in between; then they are looked at again another time."""
        if self._was_asked(connection, wave.brand, one.address):
            return False
        if self._facts(connection, one.stream, one.address) != one.facts:
            return False
        step = Step(decisions=(one.decision,), messages=(one.message,), events=(one.event,))
        if not isinstance(take_step(connection, step, "", Caps(), self.pseudonyms), Done):
            return False
        ask = Ask(
            brand=wave.brand,
            stream=one.stream.id,
            address=one.address,
            message=one.message.tx.id,
            source=one.event.source,
            at=self.now,
            wave=wave.number,
            give_up_at=self.now + one.stream.hold.longest,
        )
        put_ask(connection, ask)
        return True

    def _was_asked(self, connection: sqlite3.Connection, brand: str, address: Address) -> bool:
        return was_asked(connection, brand, address.wide, self.now - self.rules.every)

    def _facts(self, connection: sqlite3.Connection, stream: Stream, address: Address) -> Facts:
        return read_facts(connection, self.pseudonyms, stream.brand, stream.id, [address])[address]
