"""Folds what happened into what counts: events of one person into rows, rows into facts. Pure.

Law 2 lives here. A no counts for every spelling of the address and beats every yes acted at or before it, and every
later one too, except the person's own (or the operator's explicit one), which frees exactly its own address and stream.
The result never depends on the order in which events were recorded: only times of acts are compared, so no import or
replay can bring a withdrawn address back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts, Yes

#: Bases that mean an act: without an active one they are only assumed.
_BY_ACT: Final = frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN})
#: Where nobody stated the act: a double opt-in is a click on the link, a written yes is signed. A single opt-in may
#: have been a box ticked in advance, so it has to be stated.
_IMPLIED: Final = {Basis.DOUBLE_OPT_IN: Act.CLICKED, Basis.WRITTEN: Act.SIGNED}
_STRENGTH: Final = {basis: -rank for rank, basis in enumerate(Basis)}
_PERSONAL_NOES: Final = frozenset({EventKind.WITHDRAW, EventKind.COMPLAIN})


@dataclass(frozen=True, slots=True)
class No:
    """The newest no of its kind and scope. wide: whose. address: "" for every spelling, else (undeliverable) exactly one.

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

    freed_at: the newest yes of the person's own; noes before it no longer stand. The rest as in Facts.
    """

    requested_at: datetime | None = None
    yes: Yes | None = None
    renewed_at: datetime | None = None
    freed_at: datetime | None = None
    last_contact_at: datetime | None = None
    mail_sent_at: datetime | None = None
    request_live: bool = False


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


def fold_noes(events: Iterable[Event]) -> tuple[No, ...]:
    """The noes among the events, the newest of each scope, in no particular order."""
    newest: dict[tuple[EventKind, str, str, str, str], No] = {}
    for event in events:
        no = _no_of(event)
        if no is None:
            continue
        key = (no.kind, no.wide, no.address, no.brand, no.stream)
        if key not in newest or newest[key].at < no.at:
            newest[key] = no
    return tuple(newest.values())


def _no_of(event: Event) -> No | None:
    match event.kind:
        case EventKind.WITHDRAW:
            # A stream's id is unique; naming the brand too would lose the no if the stream moved to another one.
            brand, stream, address = "" if event.stream else event.brand, event.stream, ""
        case EventKind.COMPLAIN:
            brand, stream, address = event.brand, "" if event.brand else event.stream, ""
        case EventKind.UNDELIVERABLE:
            brand, stream, address = "" if event.stream else event.brand, event.stream, str(event.address)
        case _:
            return None
    return No(event.kind, event.address.wide, address, brand, stream, event.acted_at)


def fold(events: Iterable[Event], noes: Iterable[No]) -> Folded:
    """Fold the events of one address in one stream. `noes`: all that may cover it; others are ignored."""
    events = list(events)
    beaten_by = [no for no in noes if no.kind in _PERSONAL_NOES and _may_cover(no, events)]
    yeses = [event for event in events if event.says_yes]
    freeing = [event for event in yeses if event.own_act and basis_and_act(event)[0] is not Basis.ASSUMED]
    last_no = max((no.at for no in beaten_by), default=None)
    counting = yeses
    if last_no is not None:
        # Imports said after the no, but before the person's own new yes, were beaten and stay so.
        freed_from = min((said_at(event) for event in freeing if said_at(event) > last_no), default=None)
        counting = [] if freed_from is None else [event for event in yeses if said_at(event) >= freed_from]
    yes, renewed_at = _best(counting)
    requests = [event.acted_at for event in events if event.kind is EventKind.REQUEST]
    requested_at = max((at for at in requests if last_no is None or at > last_no), default=None)
    if requested_at is not None and any(_is_active(event) and said_at(event) >= requested_at for event in counting):
        requested_at = None
    return Folded(
        requested_at=requested_at,
        yes=yes,
        renewed_at=renewed_at,
        freed_at=max(map(said_at, freeing), default=None),
        last_contact_at=max((one.last_contact_at for one in events if one.last_contact_at is not None), default=None),
    )


def facts_of(folded: Folded, noes: Iterable[No], contact_at: datetime | None, stream: str) -> Facts:
    """Facts from what is kept: the folded row, the noes that cover it, the watermark of the stream's deliveries."""
    standing: defaultdict[EventKind, list[No]] = defaultdict(list)
    for no in noes:
        cleared_at = _newest_active(folded) if no.kind is EventKind.UNDELIVERABLE else folded.freed_at
        if cleared_at is None or cleared_at <= no.at:
            standing[no.kind].append(no)
    withdrawals = standing[EventKind.WITHDRAW]
    contacts = [at for at in (folded.last_contact_at, contact_at) if at is not None]
    return Facts(
        requested_at=folded.requested_at,
        mail_sent_at=folded.mail_sent_at,
        request_live=folded.request_live,
        yes=None if withdrawals or standing[EventKind.COMPLAIN] else folded.yes,
        renewed_at=None if withdrawals or standing[EventKind.COMPLAIN] else folded.renewed_at,
        withdrawn_at=_newest(withdrawals),
        withdrawn_from=stream if any(no.stream == stream for no in withdrawals) else "",
        complained_at=_newest(standing[EventKind.COMPLAIN]),
        undeliverable_at=_newest(standing[EventKind.UNDELIVERABLE]),
        last_contact_at=max(contacts, default=None),
    )


def fold_person(
    events: Iterable[Event], erased: Iterable[No] = ()
) -> tuple[dict[tuple[str, Address], Folded], tuple[No, ...]]:
    """Fold all events of all spellings of one person: a row for each stream and address, and the noes.

    erased: noes that were kept when the person was erased; they count like the others and are not returned.
    """
    events = list(events)
    noes = fold_noes(events)
    standing = (*noes, *erased)
    grouped: dict[tuple[str, Address], list[Event]] = {}
    for event in events:
        if event.says_yes or event.kind is EventKind.REQUEST:
            grouped.setdefault((event.stream, event.address), []).append(event)
    return {key: fold(group, standing) for key, group in grouped.items()}, noes


def _may_cover(no: No, events: list[Event]) -> bool:
    return any(no.covers(event.brand, event.stream, str(event.address)) for event in events)


def _is_active(event: Event) -> bool:
    return basis_and_act(event)[0] in _BY_ACT


def _best(yeses: list[Event]) -> tuple[Yes | None, datetime | None]:
    """The yes to go by and its newest renewal. A list of customers imported later does not hide a double opt-in."""
    if not yeses:
        return None, None
    active = [event for event in yeses if _is_active(event)]
    best = max(active or yeses, key=lambda event: (_STRENGTH[basis_and_act(event)[0]], said_at(event), event.id))
    basis, act = basis_and_act(best)
    evidence = best.evidence
    yes = Yes(basis, act, said_at(best), best.source, best.live, evidence.form_url, evidence.language)
    newest = max(map(said_at, active), default=yes.at)
    return yes, newest if newest > yes.at else None


def _newest_active(folded: Folded) -> datetime | None:
    if folded.yes is None or folded.yes.basis not in _BY_ACT:
        return None
    return folded.yes.at if folded.renewed_at is None else max(folded.yes.at, folded.renewed_at)


def _newest(noes: list[No]) -> datetime | None:
    return max((no.at for no in noes), default=None)
