"""The [[expect]] tests of a policy: facts made from `given` by the same folding as the store's, judged, compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address, address_from_text
from relay.consent.events import Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import NOTHING_FOLDED, facts_of, fold, fold_noes
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.model import Expect, Given, Stream

#: Somebody whom no [[internal]] can cover: the domain is reserved for never existing (RFC 2606).
_SOMEBODY: Final = Address("somebody", "recipient.invalid")


@dataclass(frozen=True, slots=True)
class Failure:
    """An [[expect]] that did not come true. wanted, got: as in the file, e.g. `hold stale`."""

    file: str
    line: int
    note: str
    wanted: str
    got: str

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.file}:{self.line}: expect{note}: is {self.got}, expected {self.wanted}"


def failures(stream: Stream, now: datetime) -> tuple[Failure, ...]:
    """now: aware UTC; the ages of `given` count from it, or from the day that the test names."""
    return tuple(
        Failure(stream.file, expect.line, expect.note, _wanted(expect), _got(expect, found))
        for expect in stream.expects
        for found in [evaluate_given(stream, expect.given, expect.at or now)]
        if not _agree(expect, found)
    )


def evaluate_given(stream: Stream, given: Given, now: datetime) -> Evaluation:
    recipient = recipient_of(given)
    return evaluate(stream, facts_given(stream, given, now), recipient, now, paused=given.paused)


def recipient_of(given: Given) -> Address:
    return address_from_text(given.address) if given.address else _SOMEBODY


def facts_given(stream: Stream, given: Given, now: datetime) -> Facts:
    """What the ledger would say after these events."""
    events = list(_events(stream, given, now))
    noes = fold_noes(events)
    own = [event for event in events if event.says_yes or event.kind is EventKind.REQUEST]
    contact = _before(now, given.last_contact)
    return facts_of(fold(own, noes) if own else NOTHING_FOLDED, noes, contact, stream.id)


def _events(stream: Stream, given: Given, now: datetime) -> Iterator[Event]:
    def event(kind: EventKind, age: timedelta, *, scope: str = stream.id, confirmed: timedelta | None = None) -> Event:
        says_yes = kind in (EventKind.GRANT, EventKind.RENEW)
        return Event(
            id=kind.value,
            kind=kind,
            address=recipient_of(given),
            brand=stream.brand,
            stream=scope,
            at=now - age,
            recorded_at=now,
            source="expect",
            recorder="policy test",
            basis=given.basis if says_yes else None,
            act=given.act if says_yes else None,
            confirmed_at=_before(now, confirmed),
            live=given.live,
        )

    said = given.granted if given.granted is not None else given.confirmed
    if given.basis is not None and said is not None:
        yield event(EventKind.GRANT, said, confirmed=given.confirmed)
        if given.renewed is not None:
            yield event(EventKind.RENEW, given.renewed)
    if given.requested is not None:
        yield event(EventKind.REQUEST, given.requested)
    if given.withdrawn is not None:
        yield event(EventKind.WITHDRAW, given.withdrawn, scope="" if given.withdrawn_brand else stream.id)
    if given.complained is not None:
        yield event(EventKind.COMPLAIN, given.complained)
    if given.undeliverable is not None:
        yield event(EventKind.UNDELIVERABLE, given.undeliverable)


def _before(now: datetime, age: timedelta | None) -> datetime | None:
    return None if age is None else now - age


def _agree(expect: Expect, found: Evaluation) -> bool:
    return (
        found.verdict is expect.verdict
        and (expect.reason is None or found.reasons[0] is expect.reason)
        and (expect.reasons is None or found.reasons == expect.reasons)
    )


def _wanted(expect: Expect) -> str:
    if expect.reasons is not None:
        return " ".join((expect.verdict, *expect.reasons))
    return " ".join(filter(None, (expect.verdict, expect.reason)))


def _got(expect: Expect, found: Evaluation) -> str:
    return " ".join((found.verdict, *(found.reasons if expect.reasons is not None else found.reasons[:1])))
