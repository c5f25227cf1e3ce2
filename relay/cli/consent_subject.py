"""All that the store holds of one person, for that person (GDPR articles 15 and 20).

Found by the wide key, so every spelling is in it; never anything of somebody else. Only reads: `subject_json` and
`subject_text` are the forms in which it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.address import Address
from relay.cli.consent_words import Standing, standing_of
from relay.consent.events import Event
from relay.decision import Outcome
from relay.policy.model import Policies, Stream
from relay.store.person_asks import Question
from relay.store.reading import Reader, Stored, Wanted
from relay.store.reported import Reported, WantedLines
from relay.store.rows import address_of
from relay.store.spellings import Contact, Failure
from relay.store.waiting import Waiting, WantedCopies
from relay.store.wordings import Wording


@dataclass(frozen=True, slots=True)
class Held:
    """All that the store holds of a person. spellings: canonical texts, the one asked for first. standings: of each
    spelling in each stream that knows anything of it. sent: decisions about mail that the person sent. outcomes: of the
    decisions about mail to them, by id. waiting: copies of mail to them. not_sent: mail to them that was accepted and did
    not go out. questions: mails that asked them for a new yes.
    """

    asked: Address
    spellings: tuple[Address, ...]
    erased_at: datetime | None
    events: tuple[Event, ...]
    standings: tuple[tuple[Address, Standing], ...]
    contacts: tuple[Contact, ...]
    failures: tuple[Failure, ...]
    decisions: tuple[Stored, ...]
    outcomes: Mapping[str, Sequence[Outcome]]
    sent: tuple[Stored, ...]
    wordings: tuple[Wording, ...]
    waiting: tuple[Waiting, ...]
    not_sent: tuple[Reported, ...]
    questions: tuple[Question, ...] = ()

    @property
    def anything(self) -> bool:
        of_mail = self.decisions or self.sent or self.waiting or self.not_sent or self.questions
        return bool(self.events or self.contacts or self.failures or of_mail or self.erased_at)

    def concerns(self, stream: Stream) -> bool:
        """Is anything of the person in this stream, or of the brand in all of them?"""
        named = {event.stream for event in self.events} | {one.stream for one in self.contacts}
        named |= {one.decision.stream for one in (*self.decisions, *self.sent)}
        named |= {one.copy.stream for one in self.waiting} | {one.line.stream for one in self.not_sent}
        named |= {one.stream for one in self.questions}
        brands = {event.brand for event in self.events if not event.stream}
        return stream.id in named or stream.brand in brands or "" in brands


def held_of(reader: Reader, policies: Policies, asked: Address, now: datetime) -> Held:
    events = reader.events_of(asked)
    found = reader.spellings_of(asked)
    spelled = {address_of(text) for text in found.every} | {event.address for event in events}
    spellings = (asked, *sorted(spelled - {asked}, key=str))
    decisions = _in_order(one for text in found.recipients for one in _about(reader, text))
    hashes = {event.evidence.wording for event in events if event.evidence.wording}
    return Held(
        asked=asked,
        spellings=spellings,
        erased_at=reader.erased_at(asked),
        events=tuple(events),
        standings=tuple(_standings(reader, policies, spellings, now)),
        contacts=tuple(reader.contacts_of(found)),
        failures=tuple(reader.failures_of(found)),
        decisions=tuple(decisions),
        outcomes=_outcomes(reader, decisions),
        sent=tuple(_in_order(one for text in found.senders for one in _sent_by(reader, text))),
        wordings=tuple(one for identity in sorted(hashes) for one in reader.wordings(identity)),
        waiting=tuple(reader.waiting().copies(WantedCopies(wide=asked.wide))),
        not_sent=tuple(
            one for text in sorted(found.reported) for one in reader.report_lines(WantedLines(recipient=text), -1)
        ),
        questions=tuple(reader.questions_of(asked)),
    )


def _standings(
    reader: Reader, policies: Policies, spellings: Sequence[Address], now: datetime
) -> Iterator[tuple[Address, Standing]]:
    for stream in policies.streams:
        known = reader.facts(stream.brand, stream.id, spellings)
        for address in spellings:
            yield address, standing_of(stream, address, known[address], now)


def _about(reader: Reader, text: str) -> Iterator[Stored]:
    """An address with a * in it is also a pattern, which finds other people."""
    return (one for one in reader.decisions(Wanted(recipient=text), -1) if str(one.decision.recipient) == text)


def _sent_by(reader: Reader, text: str) -> Iterator[Stored]:
    return (one for one in reader.decisions(Wanted(sender=text), -1) if one.decision.sender == text)


def _in_order(decisions: Iterable[Stored]) -> list[Stored]:
    return sorted(decisions, key=lambda one: one.sequence)


def _outcomes(reader: Reader, decisions: Iterable[Stored]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in reader.outcomes_of([one.decision.id for one in decisions]):
        found.setdefault(outcome.decision, []).append(outcome)
    return found
