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
from relay.consent.ledger import microseconds, moment_of
from relay.decision import Decision, Outcome

Row = tuple[Any, ...]


def stored(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def loaded(number: int | None) -> datetime | None:
    return None if number is None else moment_of(number)


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
    """The event in a row of events_of_people or noes_after."""
    (
        _, _, identity, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
        mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, live, own_act,
    ) = row  # fmt: skip
    return Event(
        id=identity,
        kind=EventKind(kind),
        address=address_of(address),
        brand=brand,
        stream=stream,
        at=loaded(at),
        recorded_at=moment_of(recorded_at),
        source=source or "",
        recorder=recorder,
        basis=None if basis is None else Basis(basis),
        act=None if act is None else Act(act),
        confirmed_at=loaded(confirmed_at),
        mail_sent_at=loaded(mail_sent_at),
        last_contact_at=loaded(last_contact_at),
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
    )


def folded_of(row: Sequence[Any]) -> Folded:
    """The folded facts in the columns from requested_at to request_live."""
    (
        requested_at, basis, act, yes_at, source, live, form_url, language, renewed_at, freed_at, last_contact_at,
        mail_sent_at, request_live,
    ) = row  # fmt: skip
    yes = None
    if basis is not None:
        yes = Yes(Basis(basis), Act(act), moment_of(yes_at), source, bool(live), form_url, language)
    elif requested_at is None and freed_at is None and last_contact_at is None:
        return NOTHING_FOLDED
    return Folded(
        requested_at=loaded(requested_at),
        yes=yes,
        renewed_at=loaded(renewed_at),
        freed_at=loaded(freed_at),
        last_contact_at=loaded(last_contact_at),
        mail_sent_at=loaded(mail_sent_at),
        request_live=bool(request_live),
    )


def no_row(no: No) -> Row:
    return (no.wide, no.kind.value, no.brand, no.stream, no.address, microseconds(no.at))


def no_of(row: Sequence[Any]) -> No:
    """The no in the columns kind, wide, address, brand, stream, at."""
    kind, wide, address, brand, stream, at = row
    return No(EventKind(kind), wide, address, brand, stream, moment_of(at))
