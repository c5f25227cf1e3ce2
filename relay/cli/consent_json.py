"""The ledger's lines as JSON, the same for whoever asks: the operator (`consent show`) or the person (`consent export`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.consent.events import Event
from relay.store.person_asks import Question


def event_as_json(event: Event) -> dict[str, Any]:
    """Every field of it, so that nothing that is held is kept from whom it is about."""
    evidence = event.evidence
    return {
        "id": event.id,
        "kind": event.kind,
        "address": str(event.address),
        "brand": event.brand,
        "stream": event.stream,
        "at": iso(event.at),
        "recorded_at": iso(event.recorded_at),
        "basis": event.basis,
        "act": event.act,
        "confirmed_at": iso(event.confirmed_at),
        "mail_sent_at": iso(event.mail_sent_at),
        "last_contact_at": iso(event.last_contact_at),
        "source": event.source,
        "recorder": event.recorder,
        "live": event.live,
        "own_act": event.own_act,
        "form_url": evidence.form_url,
        "wording": evidence.wording,
        "language": evidence.language,
        "ip": evidence.ip,
        "user_agent": evidence.user_agent,
    }


def question_as_json(one: Question) -> dict[str, Any]:
    """result: "" while it is under way."""
    return {
        "stream": one.stream,
        "address": one.address,
        "at": iso(one.at),
        "result": one.became or "",
        "settled_at": iso(one.settled_at),
    }


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
