"""All that is held of a person as JSON, for the person or for whoever they want to have it (GDPR article 20)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from relay.address import Address
from relay.cli.consent_json import event_as_json, iso, question_as_json
from relay.cli.consent_subject import Held
from relay.cli.consent_wording import wording_as_json
from relay.cli.consent_words import Standing
from relay.cli.subject_notice import controllers, kept, passed_on_to
from relay.config.settings import Settings
from relay.consent.facts import as_json
from relay.decision import Outcome
from relay.policy.model import Policies, Stream
from relay.store.reading import Stored
from relay.store.reported import Reported
from relay.store.waiting import Waiting

#: Version of the JSON; counts up when a field changes its meaning.
_FORMAT: Final = 1


def as_json_text(held: Held, settings: Settings, policies: Policies, now: datetime) -> str:
    streams = [stream for stream in policies.streams if held.concerns(stream)]
    values = {
        "format": _FORMAT,
        "made_at": now.isoformat(),
        "subject": str(held.asked),
        "spellings": [str(one) for one in held.spellings],
        "erased_at": iso(held.erased_at),
        "controllers": controllers(streams),
        "purposes": [_purpose_as_json(stream) for stream in streams],
        "standing": [_standing_as_json(address, standing) for address, standing in held.standings],
        "events": [event_as_json(event) for event in held.events],
        "wordings": [wording_as_json(one) for one in held.wordings],
        "contacts": [{"stream": one.stream, "address": one.address, "at": iso(one.at)} for one in held.contacts],
        "questions": [question_as_json(one) for one in held.questions],
        "failures": [{"address": one.address, "at": iso(one.at), "code": one.code} for one in held.failures],
        "decisions": [_decision_as_json(one, held.outcomes.get(one.decision.id, ())) for one in held.decisions],
        "sent": [_sent_as_json(one) for one in held.sent],
        "held_mail": [_waiting_as_json(one) for one in held.waiting],
        "mail_not_sent": [_not_sent_as_json(one) for one in held.not_sent],
        "passed_on_to": passed_on_to(held, settings),
        "kept": kept(streams, settings),
    }
    return json.dumps(values, ensure_ascii=False, indent=2)


def _purpose_as_json(stream: Stream) -> dict[str, Any]:
    return {
        "stream": stream.id,
        "brand": stream.brand,
        "kind": stream.kind,
        "purpose": dict(stream.purpose),
        "audience": dict(stream.audience),
        "accepted": [basis.value for basis in sorted(stream.consent.accept)] if stream.is_commercial else [],
    }


def _standing_as_json(address: Address, standing: Standing) -> dict[str, Any]:
    found = standing.evaluation
    return {
        "address": str(address),
        "stream": standing.stream,
        "gets_mail": standing.gets_mail,
        "status": found and found.status,
        "reasons": found and list(found.reasons),
        "facts": as_json(standing.facts),
    }


def _decision_as_json(stored: Stored, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    one = stored.decision
    return {
        "id": one.id,
        "at": iso(one.at),
        "address": "" if one.recipient is None else str(one.recipient),
        "stream": one.stream,
        "client": one.client,
        "sender": one.sender,
        "verdict": one.verdict,
        "reasons": list(one.reasons),
        "status": one.status,
        "facts": dict(one.facts),
        "reply": str(one.reply),
        "outcomes": [_outcome_as_json(outcome) for outcome in outcomes],
    }


def _outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    return {"at": iso(outcome.at), "result": outcome.result, "reply": str(outcome.reply), "to": outcome.next_hop}


def _sent_as_json(stored: Stored) -> dict[str, Any]:
    """Without whom it was to: that is somebody else."""
    one = stored.decision
    return {"id": one.id, "at": iso(one.at), "sender": one.sender, "stream": one.stream, "verdict": one.verdict}


def _waiting_as_json(waiting: Waiting) -> dict[str, Any]:
    """Without its text, which the message's other recipients share: `queue show --content` prints that."""
    copy, message = waiting.copy, waiting.message
    return {
        "message": message.tx.id,
        "id": copy.decision,
        "at": iso(copy.at),
        "address": str(copy.recipient.address),
        "stream": copy.stream,
        "client": message.tx.client.name,
        "sender": message.tx.sender_text,
        "state": copy.state,
        "reason": copy.reason,
        "octets": copy.octets,
        "asked_at": iso(copy.asked_at),
        "due_at": iso(copy.due_at),
    }


def _not_sent_as_json(reported: Reported) -> dict[str, Any]:
    line = reported.line
    return {
        "message": line.message,
        "id": line.decision,
        "at": iso(line.at),
        "address": line.recipient,
        "stream": line.stream,
        "client": line.client,
        "sender": line.sender,
        "fate": line.fate,
        "reason": line.reason,
    }
