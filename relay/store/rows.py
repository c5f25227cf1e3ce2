"""Values to columns and back. Knows the order of columns in queries/, nothing of connections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import Yes
from relay.consent.fold import NOTHING_FOLDED, Folded, No
from relay.consent.ledger import microseconds, moment_of, moment_or_last
from relay.decision import Decision, Outcome
from relay.store.port import UnreadableError

Row = tuple[Any, ...]


def stored(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def loaded(number: int | None) -> datetime | None:
    """Raises UnreadableError."""
    try:
        return None if number is None else moment_of(number)
    except OverflowError as error:
        raise UnreadableError("a time in the store", str(error)) from None


def address_of(text: str) -> Address:
    """The address whose canonical form was stored."""
    local, _, domain = text.rpartition("@")
    return Address(local[1:-1] if local.startswith('"') else local, domain)


def decision_row(decision: Decision) -> Row:
    return (
        decision.id,
        microseconds(decision.at),
        decision.message,
        decision.client,
        decision.stream,
        decision.brand,
        decision.sender,
        "" if decision.recipient is None else str(decision.recipient),
        decision.verdict.value,
        decision.reason.value,
        " ".join(decision.reasons),
        str(decision.status),
        json.dumps(dict(decision.facts), ensure_ascii=False, separators=(",", ":")),
        decision.policy,
        decision.reply.code,
        decision.reply.enhanced,
        decision.reply.text,
        int(decision.enforced),
    )


def outcome_row(outcome: Outcome) -> Row:
    return (
        outcome.decision,
        microseconds(outcome.at),
        outcome.result.value,
        outcome.reply.code,
        outcome.reply.enhanced,
        outcome.reply.text,
        outcome.next_hop,
        outcome.seconds,
        int(outcome.contact),
        outcome.footer,
    )


def watermark_row(outcome: Outcome) -> Row:
    return (outcome.stream, str(outcome.address), microseconds(outcome.at))


def event_row(sequence: int, event: Event, wide: str, wording: int | None, salt: bytes) -> Row:
    """wide: of its address, which takes long to make. wording: its number, None without one."""
    evidence = event.evidence
    return (
        sequence,
        event.id,
        event.kind.value,
        str(event.address),
        wide,
        event.brand,
        event.stream,
        stored(event.at),
        microseconds(event.recorded_at),
        event.source,
        event.recorder,
        None if event.basis is None else event.basis.value,
        None if event.act is None else event.act.value,
        stored(event.confirmed_at),
        stored(event.mail_sent_at),
        stored(event.last_contact_at),
        evidence.form_url,
        wording,
        evidence.language,
        evidence.ip,
        evidence.user_agent,
        int(event.live),
        int(event.own_act),
        salt,
    )


def event_of(row: Sequence[Any]) -> Event:
    """The event in a row of events_of_people or noes_after. Raises UnreadableError, which names the line."""
    try:
        return _event_of(row)
    except (ValueError, OverflowError) as error:
        raise UnreadableError(f"line {row[0]} of the ledger", str(error)) from None


def no_of_unreadable(row: Sequence[Any]) -> No:
    """What a row of events_of_people counts as that is no event: it may have said no, to anything."""
    _, wide, _, _, _, _, _, at, recorded_at, *_ = row
    return _no_to_everything(wide, recorded_at if at is None else max(at, recorded_at))


def _event_of(row: Sequence[Any]) -> Event:
    (
        _, _, identity, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
        mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, live, own_act,
    ) = row  # fmt: skip
    if address is None:
        raise ValueError("its address is gone, and its person is not")
    return Event(
        id=identity,
        kind=EventKind(kind),
        address=address_of(address),
        brand=brand,
        stream=stream,
        at=_moment_of(at),
        recorded_at=moment_of(recorded_at),
        source=source or "",
        recorder=recorder,
        basis=None if basis is None else Basis(basis),
        act=None if act is None else Act(act),
        confirmed_at=_moment_of(confirmed_at),
        mail_sent_at=_moment_of(mail_sent_at),
        last_contact_at=_moment_of(last_contact_at),
        evidence=Evidence(form_url or "", wording or "", language, ip or "", user_agent or ""),
        live=bool(live),
        own_act=bool(own_act),
    )


def folded_row(stream: str, address: Address, folded: Folded) -> Row:
    yes = folded.yes
    of_yes: Row = (None,) * 7
    if yes is not None:
        of_yes = (
            yes.basis.value,
            yes.act.value,
            microseconds(yes.at),
            yes.source,
            int(yes.live),
            yes.form_url,
            yes.language,
        )
    return (
        stream,
        str(address),
        stored(folded.requested_at),
        *of_yes,
        stored(folded.renewed_at),
        stored(folded.freed_at),
        stored(folded.last_contact_at),
        stored(folded.mail_sent_at),
        int(folded.request_live),
        stored(folded.asked_at),
        folded.asked,
    )


def folded_of(row: Sequence[Any]) -> Folded:
    """The folded facts in the columns from requested_at to asked. Raises UnreadableError."""
    try:
        return _folded_of(row)
    except (ValueError, OverflowError) as error:
        raise UnreadableError("what was folded of an address", str(error)) from None


def _folded_of(row: Sequence[Any]) -> Folded:
    (
        requested_at, basis, act, yes_at, source, live, form_url, language, renewed_at, freed_at, last_contact_at,
        mail_sent_at, request_live, asked_at, asked,
    ) = row  # fmt: skip
    yes = None
    if basis is not None:
        yes = Yes(Basis(basis), Act(act), moment_of(yes_at), source, bool(live), form_url, language)
    elif requested_at is None and freed_at is None and last_contact_at is None:
        return NOTHING_FOLDED
    return Folded(
        requested_at=_moment_of(requested_at),
        yes=yes,
        renewed_at=_moment_of(renewed_at),
        freed_at=_moment_of(freed_at),
        last_contact_at=_moment_of(last_contact_at),
        mail_sent_at=_moment_of(mail_sent_at),
        request_live=bool(request_live),
        asked_at=_moment_of(asked_at),
        asked=asked or 0,
    )


def no_row(no: No) -> Row:
    return (no.wide, no.kind.value, no.brand, no.stream, no.address, microseconds(no.at))


def no_of(row: Sequence[Any]) -> No:
    """The no in the columns kind, wide, address, brand, stream, at. Raises UnreadableError."""
    kind, wide, address, brand, stream, at = row
    try:
        return No(EventKind(kind), wide, address, brand, stream, moment_of(at))
    except (ValueError, OverflowError) as error:
        raise UnreadableError("a no of a person", str(error)) from None


def no_or_wider(row: Sequence[Any]) -> No:
    """The same; of a row that cannot be read, a no to everything."""
    try:
        return no_of(row)
    except UnreadableError:
        return _no_to_everything(row[1], row[5])


def _no_to_everything(wide: str, at: int) -> No:
    return No(EventKind.WITHDRAW, wide, "", "", "", moment_or_last(at))


def _moment_of(number: int | None) -> datetime | None:
    return None if number is None else moment_of(number)
