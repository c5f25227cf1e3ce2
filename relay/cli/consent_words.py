"""What is known of a person, in words: the timeline of the ledger and the standing in every stream. Asks no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import basis_and_act
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.model import Policies, Stream
from relay.reason import MEANINGS, Verdict
from relay.store.reading import Reader

_DONE: Final = {
    EventKind.REQUEST: "was asked to confirm",
    EventKind.GRANT: "said yes",
    EventKind.CONFIRM: "confirmed",
    EventKind.RENEW: "renewed the yes",
    EventKind.WITHDRAW: "withdrew",
    EventKind.COMPLAIN: "reported spam",
    EventKind.UNDELIVERABLE: "mail was permanently refused",
    EventKind.DELIVERABLE: "mailbox works again",
    EventKind.ERASE: "was erased",
}
_BASIS: Final = {
    Basis.DOUBLE_OPT_IN: "double opt-in",
    Basis.SINGLE_OPT_IN: "single opt-in",
    Basis.WRITTEN: "in writing",
    Basis.CUSTOMER: "as a customer",
    Basis.INQUIRY: "by an inquiry",
    Basis.PUBLISHED: "by a published address",
    Basis.ASSUMED: "assumed",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands in a stream. evaluation: None where no policy has the stream any more."""

    stream: str
    facts: Facts
    evaluation: Evaluation | None

    @property
    def gets_mail(self) -> bool:
        found = self.evaluation
        return found is not None and (found.verdict is Verdict.DELIVER or not found.enforced)

    def __str__(self) -> str:
        if self.evaluation is None:
            return f"{self.stream}: no policy has this stream any more, nothing is sent"
        reason = self.evaluation.reasons[0]
        if self.gets_mail and self.evaluation.verdict is not Verdict.DELIVER:
            answer = f"gets mail (shadow mode; would be: {self.evaluation.verdict}, {reason})"
        elif self.gets_mail:
            answer = f"gets mail ({reason})"
        else:
            answer = f"gets no mail ({self.evaluation.verdict}, {reason}): {MEANINGS[reason].explanation}"
        return f"{self.stream}: {self.evaluation.status}, {answer}"


def standing_of(stream: Stream, address: Address, facts: Facts, now: datetime) -> Standing:
    return Standing(stream.id, facts, evaluate(stream, facts, address, now))


def standings_of(
    reader: Reader, policies: Policies, address: Address, recorded: set[str], now: datetime
) -> list[Standing]:
    """In every stream that has a policy, and in those that only the ledger knows."""
    found = [
        standing_of(stream, address, reader.facts(stream.brand, stream.id, [address])[address], now)
        for stream in policies.streams
    ]
    forgotten = sorted(recorded - set(policies.by_id) - {""})
    return found + [Standing(name, reader.facts("", name, [address])[address], None) for name in forgotten]


def timeline(events: Iterable[Event], address: Address) -> Iterator[str]:
    """One line an event, in the order of the acts."""
    for event in sorted(events, key=lambda event: event.acted_at):
        yield f"{_minute(event.acted_at)}  {_sentence(event, address)}"


def details_of(facts: Facts) -> Iterator[str]:
    """What counts in one stream, a line each."""
    if facts.yes is not None:
        origin = f", from {facts.yes.source}" if facts.yes.source else ""
        yield f"yes: {_BASIS[facts.yes.basis]} ({facts.yes.act}), {_minute(facts.yes.at)}{origin}"
    for moment, words in (
        (facts.renewed_at, "renewed"),
        (facts.requested_at, "asked to confirm, no answer yet"),
        (facts.withdrawn_at, "withdrawn" if facts.withdrawn_from else "withdrawn from all mail of the brand"),
        (facts.complained_at, "reported as spam"),
        (facts.undeliverable_at, "mailbox permanently refused"),
        (facts.last_contact_at, "last mail"),
    ):
        if moment is not None:
            yield f"{words}: {_minute(moment)}"


def _sentence(event: Event, address: Address) -> str:
    words = [_DONE[event.kind], "for" if event.says_yes or event.kind is EventKind.REQUEST else "from"]
    words.append(event.stream or f"all mail of {event.brand or 'every brand'}")
    if event.says_yes:
        basis, act = basis_and_act(event)
        declared = event.basis or basis
        stated = _BASIS[declared] if event.act is None else f"{_BASIS[declared]}, {event.act}"
        if basis is not declared:
            stated += ", counts as assumed: no active act"
        elif event.act is None and act is not Act.UNKNOWN:
            stated += f", hence {act}"
        words.append(f"({stated})")
    if event.confirmed_at is not None:
        words.append(f"and clicked the confirmation at {_minute(event.confirmed_at)}")
    words.extend(_origin(event))
    if event.address != address:
        words.append(f"[as {event.address}]")
    if event.own_act and event.recorder == "cli":
        words.append("[recorded with --after-withdrawal]")
    if not event.live:
        words.append(f"[recorded {_minute(event.recorded_at)} by {event.recorder}]")
    return " ".join(words)


def _origin(event: Event) -> Iterator[str]:
    if event.source:
        yield f"- {event.source}"
    evidence = event.evidence
    for name, value in (("form", evidence.form_url), ("IP", evidence.ip), ("language", evidence.language)):
        if value:
            yield f"[{name} {value}]"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
