"""What is known of a person, in words: the standing in every stream, and each thing that happened. Asks no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Final

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import basis_and_act, said_at
from relay.consent.marks import Mark, State
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.model import Policies, Stream
from relay.reason import MEANINGS, Verdict
from relay.store.reading import Reader

_DONE: Final = {
    EventKind.REQUEST: "a confirmation was requested",
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
#: Of a mailbox or a whole person, not from something.
_OF_ADDRESS: Final = frozenset({EventKind.UNDELIVERABLE, EventKind.DELIVERABLE, EventKind.ERASE})
_NO_MARKS: Final[Mapping[str, Mark]] = MappingProxyType({})
#: What an event is called that is to blame for another's state.
_BLAMED: Final = {
    EventKind.REQUEST: "the question",
    EventKind.GRANT: "the yes",
    EventKind.CONFIRM: "the click",
    EventKind.RENEW: "the renewal",
    EventKind.WITHDRAW: "the no",
    EventKind.COMPLAIN: "the complaint",
    EventKind.UNDELIVERABLE: "the refusal",
    EventKind.DELIVERABLE: "the word of an operator",
    EventKind.ERASE: "the erasure",
}
_STATES: Final = {
    State.RENEWS: "renews it",
    State.SUPERSEDED: "superseded",
    State.BEATEN: "beaten",
    State.LIFTED: "lifted",
    State.ANSWERED: "answered",
    State.CLEARED: "cleared",
    State.IDLE: "there was nothing to clear",
    State.OUT_OF_SCOPE: "",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands in a stream. policy, evaluation: None where no policy has the stream any more."""

    stream: str
    facts: Facts
    evaluation: Evaluation | None
    policy: Stream | None = None

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
    return Standing(stream.id, facts, evaluate(stream, facts, address, now), stream)


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


def timeline(events: Iterable[Event], address: Address, marks: Mapping[str, Mark] = _NO_MARKS) -> Iterator[str]:
    """One line an event, in the order of the acts. marks: by the event's id, what became of it."""
    for event in sorted(events, key=lambda event: (event.acted_at, event.id)):
        mark = marks.get(event.id)
        became = "" if mark is None else what_became_of(mark)
        yield f"{minute(event.acted_at)}  {_sentence(event, address)}{f' -> {became}' if became else ''}"


def what_became_of(mark: Mark) -> str:
    """`beaten by the no of 2026-05-01`; "" where there is nothing to say."""
    by = ", ".join(f"{_BLAMED[one.kind]} of {said_at(one):%Y-%m-%d}" for one in mark.by[:2])
    if mark.state is not State.COUNTS:
        return f"{_STATES[mark.state]} by {by}" if by else _STATES[mark.state]
    if mark.event.says_yes:
        return "counts"
    if mark.event.kind in (EventKind.REQUEST, EventKind.DELIVERABLE):
        return "open" if mark.event.kind is EventKind.REQUEST else "counts"
    where = ", ".join(sorted({f"{one.address} in {one.stream}" for one in mark.by}))
    return f"stands; lifted for {where} by {by}" if by else "stands"


def how_it_came(event: Event) -> str:
    """The basis of a yes and the act behind it, and whether it is worth what it was called."""
    basis, act = basis_and_act(event)
    declared = event.basis or basis
    stated = _BASIS[declared] if event.act is None else f"{_BASIS[declared]}, {event.act}"
    if basis is not declared:
        stated += ", counts as assumed: no active act"
    elif event.act is None and act is not Act.UNKNOWN:
        stated += f", hence {act}"
    return stated


def _sentence(event: Event, address: Address) -> str:
    scope = event.stream or f"all commercial mail of {event.brand or 'every brand'}"
    if event.kind in _OF_ADDRESS:
        words = [_DONE[event.kind], *([f"for {scope}"] if event.stream or event.brand else [])]
    else:
        words = [_DONE[event.kind], "for" if event.says_yes or event.kind is EventKind.REQUEST else "from", scope]
    if event.says_yes:
        words.append(f"({how_it_came(event)})")
    if event.mail_sent_at is not None:
        words.append(f"the mail that asks left at {minute(event.mail_sent_at)}")
    if event.confirmed_at is not None:
        words.append(f"and clicked the confirmation at {minute(event.confirmed_at)}")
    words.extend(_origin(event))
    if event.address != address:
        words.append(f"[as {event.address}]")
    if event.own_act and event.recorder == "cli":
        words.append("[recorded with --after-withdrawal]")
    if not event.live:
        words.append(f"[recorded {minute(event.recorded_at)} by {event.recorder}]")
    return " ".join(words)


def _origin(event: Event) -> Iterator[str]:
    if event.source:
        yield f"- {event.source}"
    evidence = event.evidence
    for name, value in (("form", evidence.form_url), ("IP", evidence.ip), ("language", evidence.language)):
        if value:
            yield f"[{name} {value}]"
    if evidence.wording:
        yield f"[words {evidence.wording[:12]}]"


def day(moment: datetime) -> str:
    """Of a period: the day; the time with its zone where it is not the day's beginning in UTC, so that a day that was
    stated in another zone is not told as the one before.
    """
    return f"{moment:%Y-%m-%d}" if moment.astimezone(UTC).time() == time() else minute(moment)


def minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
