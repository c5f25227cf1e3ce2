"""`consent-relay consent show`: what is known of a person, what follows from it, and what happened."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from relay.address import Address
from relay.cli.consent_words import Standing, details_of, standings_of, timeline
from relay.cli.stored import address_of, now_in_utc, reader_of, settings_of
from relay.consent.events import Event
from relay.consent.facts import as_json
from relay.policy.files import load_policies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="of one person; other spellings are found, too")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    address = address_of(arguments.address, settings)
    policies = load_policies(settings.policies)
    with reader_of(settings) as reader:
        events = reader.events_of(address)
        standings = standings_of(reader, policies, address, {event.stream for event in events}, now_in_utc())
    if arguments.json:
        print(json.dumps(_as_json(address, standings, events), indent=2, ensure_ascii=False))
        return 0
    print(address)
    for standing in standings:
        print(f"  {standing}")
        for detail in details_of(standing.facts):
            print(f"    {detail}")
    print("recorded:" if events else "nothing is recorded of this person")
    for line in timeline(events, address):
        print(f"  {line}")
    return 0


def _as_json(address: Address, standings: list[Standing], events: list[Event]) -> dict[str, Any]:
    return {
        "address": str(address),
        "streams": [
            {
                "stream": standing.stream,
                "gets_mail": standing.gets_mail,
                "status": standing.evaluation and standing.evaluation.status,
                "verdict": standing.evaluation and standing.evaluation.verdict,
                "reasons": standing.evaluation and list(standing.evaluation.reasons),
                "facts": as_json(standing.facts),
            }
            for standing in standings
        ],
        "events": [_event_as_json(event) for event in events],
    }


def _event_as_json(event: Event) -> dict[str, Any]:
    def iso(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

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
