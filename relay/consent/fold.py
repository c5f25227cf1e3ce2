"""Folds what happened into what counts: events of one person into rows, rows into facts. Pure.

Law 2 lives here. A no counts for every spelling of the address and beats every yes acted at or before it, and every
later one too, except the person's own (or the operator's explicit one) by an active act, which frees exactly its own
address and stream. That somebody bought something after their no is an act of their own, but no yes: it frees nothing.
Who was erased is left with a no to everything. The result never depends on the order in which events were recorded:
only times of acts are compared, and what has no time counts at its recording, so no import or replay can bring a
withdrawn address back. `relay.consent.transitions` tells the same as a table, `relay.consent.marks` event by event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from relay.address import Address
from relay.consent.events import NOES, Act, Basis, Event, EventKind
from relay.consent.facts import Facts, Yes

#: Where nobody stated the act: a double opt-in is a click on the link, a written yes is signed. A single opt-in may
#: have been a box ticked in advance, so it has to be stated.
_IMPLIED: Final = {Basis.DOUBLE_OPT_IN: Act.CLICKED, Basis.WRITTEN: Act.SIGNED}
_BY_ACT: Final = frozenset(basis for basis in Basis if basis.is_by_act)
_STRENGTH: Final = {basis: -rank for rank, basis in enumerate(Basis)}
_YES: Final = frozenset({EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW})
_OF_A_MAILBOX: Final = frozenset({EventKind.UNDELIVERABLE, EventKind.DELIVERABLE})


@dataclass(frozen=True, slots=True)
class No:
    """The newest no of its kind and scope. wide: whose. address: "" for every spelling, else exactly one: of a mailbox
    (`undeliverable`, and `deliverable`, which is no no, but clears one).

    Scope: brand and stream as in `covers`, one of them may be "".
    """

    kind: EventKind
    wide: str
    address: str
    brand: str
    stream: str
    at: datetime

    def covers(self, brand: str, stream: str, address: str) -> bool:
        """("", stream): that stream; (brand, ""): all commercial streams of the brand; ("", ""): all there are."""
        return (
            (not self.brand or self.brand == brand)
            and (not self.stream or self.stream == stream)
            and (not self.address or self.address == address)
        )


@dataclass(frozen=True, slots=True)
class Folded:
    """What the events of one address in one stream come to, apart from the noes that came later.

    freed_at: the newest yes of the person's own by an active act; noes before it no longer stand. The rest as in Facts.
    asked, asked_at: only of questions about a yes that counts.
    """

    requested_at: datetime | None = None
    yes: Yes | None = None
    renewed_at: datetime | None = None
    freed_at: datetime | None = None
    last_contact_at: datetime | None = None
    mail_sent_at: datetime | None = None
    request_live: bool = False
    asked_at: datetime | None = None
    asked: int = 0


NOTHING_FOLDED: Final = Folded()


def said_at(event: Event) -> datetime:
    """When a yes was said: at its click where that is known."""
    return event.acted_at if event.confirmed_at is None else event.confirmed_at


def basis_and_act(event: Event) -> tuple[Basis, Act]:
    """What a yes is worth: not refusing is not agreeing, so without an active act it is only assumed."""
    if event.basis is None:
        raise ValueError(f"a {event.kind} has no basis")
    act = _IMPLIED.get(event.basis, Act.UNKNOWN) if event.act is None else event.act
    if event.basis in _BY_ACT and not act.is_active:
        return Basis.ASSUMED, act
    return event.basis, act


def is_active_yes(event: Event) -> bool:
    """A yes by an act of the person, not by a purchase, nor by not refusing."""
    return event.kind in _YES and basis_and_act(event)[0] in _BY_ACT


def frees(event: Event) -> bool:
    """A yes that lifts the noes before it, for its own address and stream."""
    return event.own_act and is_active_yes(event)


def fold_noes(events: Iterable[Event], more: Iterable[No] = ()) -> tuple[No, ...]:
    """The noes among the events of one person and `more`, the newest of each scope, in no particular order."""
    events = list(events)
    newest: dict[tuple[EventKind, str, str, str, str], No] = {}
    for no in (*map(no_of_event, events), *more):
        if no is not None:
            _keep_newest(newest, no)
    for no in [no for no in newest.values() if no.kind is EventKind.UNDELIVERABLE]:
        for event in events:
            # Who has just said yes reads this mailbox, in whatever stream that was.
            if str(event.address) == no.address and is_active_yes(event):
                alive = No(EventKind.DELIVERABLE, no.wide, no.address, "", "", said_at(event))
                _keep_newest(newest, alive)
    return tuple(newest.values())


def no_of_event(event: Event) -> No | None:
    """The no that an event is; None for a yes and a request."""
    kind = event.kind
    if kind in _YES or kind is EventKind.REQUEST:
        return None
    # A stream's id is unique; naming the brand too would lose the no if the stream moved to another one.
    brand, stream = "" if event.stream else event.brand, event.stream
    if kind is EventKind.COMPLAIN and event.brand:
        brand, stream = event.brand, ""
    if kind is EventKind.ERASE:
        kind = EventKind.WITHDRAW
    address = str(event.address) if kind in _OF_A_MAILBOX else ""
    return No(kind, event.address.wide, address, brand, stream, event.acted_at)


def fold(events: Iterable[Event], noes: Iterable[No]) -> Folded:
    """Fold the events of one address in one stream. `noes`: all that may cover it; others are ignored."""
    events = list(events)
    last_no = max((no.at for no in noes if no.kind in NOES and _may_cover(no, events)), default=None)
    yeses = [_Said(event, said_at(event), *basis_and_act(event)) for event in events if event.kind in _YES]
    freeing = [said.at for said in yeses if said.event.own_act and said.basis in _BY_ACT]
    counting = yeses
    if last_no is not None:
        # Imports said after the no, but before the person's own new yes, were beaten and stay so.
        freed_from = min((at for at in freeing if at > last_no), default=None)
        counting = [] if freed_from is None else [said for said in yeses if said.at >= freed_from]
    yes, renewed_at = _best(counting)
    requested_at, mail_sent_at, request_live = None, None, False
    asked_at, asked = None, 0
    if len(yeses) < len(events):
        requests = [one for one in events if one.kind is EventKind.REQUEST]
        wishes = [one for one in requests if not one.is_question]
        requested_at, mail_sent_at, request_live = _open_request(wishes, counting, last_no)
        if yes is not None and len(wishes) < len(requests):
            asked_at, asked = _open_questions(requests, renewed_at or yes.at)
    return Folded(
        requested_at=requested_at,
        yes=yes,
        renewed_at=renewed_at,
        freed_at=max(freeing, default=None),
        last_contact_at=max((one.last_contact_at for one in events if one.last_contact_at is not None), default=None),
        mail_sent_at=mail_sent_at,
        request_live=request_live,
        asked_at=asked_at,
        asked=asked,
    )


def facts_of(folded: Folded, noes: Iterable[No], contact_at: datetime | None, stream: str) -> Facts:
    """Facts from what is kept: the folded row, the noes that cover it, the watermark of the stream's deliveries."""
    contact = folded.last_contact_at
    if contact is None or (contact_at is not None and contact_at > contact):
        contact = contact_at
    noes = tuple(noes)
    if not noes:
        return Facts(
            requested_at=folded.requested_at,
            mail_sent_at=folded.mail_sent_at,
            request_live=folded.request_live,
            yes=folded.yes,
            renewed_at=folded.renewed_at,
            last_contact_at=contact,
            asked_at=folded.asked_at,
            asked=folded.asked,
        )
    freed_at = folded.freed_at
    withdrawals = [no for no in noes if no.kind is EventKind.WITHDRAW and (freed_at is None or freed_at <= no.at)]
    complaints = [no for no in noes if no.kind is EventKind.COMPLAIN and (freed_at is None or freed_at <= no.at)]
    wanted = not withdrawals and not complaints
    return Facts(
        requested_at=folded.requested_at,
        mail_sent_at=folded.mail_sent_at,
        request_live=folded.request_live,
        yes=folded.yes if wanted else None,
        renewed_at=folded.renewed_at if wanted else None,
        withdrawn_at=_newest(withdrawals),
        withdrawn_from=stream if any(no.stream == stream for no in withdrawals) else "",
        complained_at=_newest(complaints),
        undeliverable_at=_dead_since(noes),
        last_contact_at=contact,
        asked_at=folded.asked_at if wanted else None,
        asked=folded.asked if wanted else 0,
    )


def fold_person(
    events: Iterable[Event], erased: Iterable[No] = (), unread: Iterable[No] = ()
) -> tuple[dict[tuple[str, Address], Folded], tuple[No, ...]]:
    """Fold all events of all spellings of one person: a row for each stream and address, and the noes.

    erased: noes that were kept when the person was erased; they count like the others and are not returned. unread: of
    what is recorded and cannot be read; it may have been a no, so it is one.
    """
    events = list(events)
    noes = fold_noes(events, unread)
    standing = (*noes, *erased)
    grouped: dict[tuple[str, Address], list[Event]] = {}
    for event in events:
        if event.says_yes or event.kind is EventKind.REQUEST:
            grouped.setdefault((event.stream, event.address), []).append(event)
    return {key: fold(group, standing) for key, group in grouped.items()}, noes


class _Said(NamedTuple):
    """A yes, when it was said, and what it is worth."""

    event: Event
    at: datetime
    basis: Basis
    act: Act


def _best(yeses: list[_Said]) -> tuple[Yes | None, datetime | None]:
    """The yes to go by and its newest renewal. A list of customers imported later does not hide a double opt-in."""
    if not yeses:
        return None, None
    best = max(yeses, key=_rank)
    event, evidence = best.event, best.event.evidence
    # Who says yes again has had mail, or waits for what was held: no first mail of theirs can be late.
    live = event.live and event.kind is not EventKind.RENEW
    yes = Yes(best.basis, best.act, best.at, event.source, live, evidence.form_url, evidence.language)
    newest = max((said.at for said in yeses if said.basis in _BY_ACT), default=best.at)
    return yes, newest if newest > best.at else None


def _rank(said: _Said) -> tuple[int, datetime, str]:
    return _STRENGTH[said.basis], said.at, said.event.id


def _open_request(
    requests: list[Event], counting: list[_Said], last_no: datetime | None
) -> tuple[datetime | None, datetime | None, bool]:
    """The newest request that neither a no nor a yes has answered: when, when its mail left, whether it came live.

    A mail that left after it asks for the same click, whichever request it was sent for.
    """
    standing = [one for one in requests if last_no is None or one.acted_at > last_no]
    asked_at = max((one.acted_at for one in standing), default=None)
    if asked_at is None or any(said.basis in _BY_ACT and said.at >= asked_at for said in counting):
        return None, None, False
    sent = (one.mail_sent_at for one in standing if one.mail_sent_at is not None and one.mail_sent_at >= asked_at)
    return asked_at, max(sent, default=None), any(one.live for one in standing if one.acted_at == asked_at)


def _open_questions(requests: list[Event], newest_yes: datetime) -> tuple[datetime | None, int]:
    """When the mail of the newest question left, and how many questions came after the newest yes.

    A question is recorded when its mail is queued and again, with the same `at`, once that has left: only then was
    anybody asked. Here the newest yes may be a purchase: it answers what was asked about one before it.
    """
    sent: dict[datetime, datetime] = {}
    for one in requests:
        if one.is_question and one.mail_sent_at is not None and one.acted_at > newest_yes:
            sent[one.acted_at] = max(sent.get(one.acted_at, one.mail_sent_at), one.mail_sent_at)
    return max(sent.values(), default=None), len(sent)


def _may_cover(no: No, events: list[Event]) -> bool:
    return any(no.covers(event.brand, event.stream, str(event.address)) for event in events)


def _dead_since(noes: Iterable[No]) -> datetime | None:
    """When the mailbox was last found dead, if nothing has said since that it works."""
    noes = list(noes)
    alive_at = _newest([no for no in noes if no.kind is EventKind.DELIVERABLE])
    dead_at = _newest([no for no in noes if no.kind is EventKind.UNDELIVERABLE])
    return None if dead_at is None or (alive_at is not None and alive_at > dead_at) else dead_at


def _newest(noes: Iterable[No]) -> datetime | None:
    return max((no.at for no in noes), default=None)


def _keep_newest(newest: dict[tuple[EventKind, str, str, str, str], No], no: No) -> None:
    key = (no.kind, no.wide, no.address, no.brand, no.stream)
    if key not in newest or newest[key].at < no.at:
        newest[key] = no
