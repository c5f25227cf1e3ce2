"""`consent-relay consent show`: what is known of a person, what follows from it, what happened, and what would change it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.address import Address
from relay.cli import CommandError, consent_receipt
from relay.cli.consent_json import event_as_json, iso, question_as_json
from relay.cli.consent_screen import Person, screen
from relay.cli.consent_words import Standing, standings_of
from relay.cli.stored import address_of, now_in_utc, reader_of, settings_of
from relay.config.settings import Settings
from relay.consent.events import Event
from relay.consent.facts import as_json
from relay.consent.marks import Mark, State, marks_of_person
from relay.policy.endings import Ending, endings, remedies
from relay.policy.explain import rules_behind
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.spellings import Failure, Spellings
from relay.store.waiting import Together, WantedCopies
from relay.store.wordings import Wording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="of one person; other spellings are found, too")
    parser.add_argument("--stream", default="", metavar="S", help="only this stream")
    parser.add_argument(
        "--receipt",
        action="store_true",
        help="print the consent as a receipt: JSON with the fields of ISO/IEC TS 27560 and Kantara",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies = load_policies(settings.policies)
    person = person_of(settings, policies, arguments.address, arguments.stream, now_in_utc())
    if arguments.receipt:
        return consent_receipt.run(person)
    if arguments.json:
        print(json.dumps(as_document(person), indent=2, ensure_ascii=False))
    else:
        print("\n".join(near(settings, line) for line in screen(person)))
    return 0


def near(settings: Settings, line: str) -> str:
    """A line in which policy files are named as seen from the folder beside them: `policies/newsletter.toml:41`."""
    return line.replace(f"{settings.policies.parent}/", "")


def person_of(settings: Settings, policies: Policies, written: str, stream: str, now: datetime) -> Person:
    """stream: "" for all. Raises CommandError for one that neither a policy nor the ledger knows."""
    address = address_of(written, settings)
    with reader_of(settings) as reader:
        events = reader.events_of(address)
        recorded = {event.stream for event in events}
        if stream and stream not in recorded | set(policies.by_id):
            known = ", ".join(policies.by_id) or "none"
            raise CommandError(f"--stream: no policy has the id {stream!r}; known are {known}", exit_code=2)
        standings = standings_of(reader, policies, address, recorded, now)
        named = {event.evidence.wording for event in events if event.evidence.wording}
        wordings = {one.hash: one for wording in sorted(named) for one in reader.wordings(wording)}
        erased_at = reader.erased_at(address)
        failures = reader.failures_of(Spellings(failures=frozenset({str(address)})))
        waiting = reader.waiting().together(WantedCopies(wide=address.wide, stream=stream))
        questions = [one for one in reader.questions_of(address) if stream in ("", one.stream)]
    chosen = [one for one in standings if stream in ("", one.stream)]
    marks = {mark.event.id: mark for mark in marks_of_person(events)}
    if erased_at is not None:
        marks |= _under_a_kept_no(marks, chosen, address)
    return Person(
        address, now, chosen, events, wordings, marks, erased_at, _open_failure(failures, standings), waiting, questions
    )


def _open_failure(failures: Sequence[Failure], standings: Sequence[Standing]) -> Failure | None:
    """A delivery after it forgets it; where it was followed by a second one, that is an event."""
    since = [one.facts.last_contact_at for one in standings] + [one.facts.undeliverable_at for one in standings]
    return next((one for one in failures if not any(moment and moment >= one.at for moment in since)), None)


def _failure_as_json(person: Person) -> dict[str, Any] | None:
    return None if person.failure is None else {"at": iso(person.failure.at), "code": person.failure.code}


def _under_a_kept_no(marks: Mapping[str, Mark], standings: Sequence[Standing], address: Address) -> dict[str, Mark]:
    """The no of an erased person is no event any more: a yes that it beats has nothing to be blamed on, and counts not."""
    without = {one.stream for one in standings if one.facts.yes is None}
    return {
        name: Mark(mark.event, State.BEATEN)
        for name, mark in marks.items()
        if mark.state is State.COUNTS
        and mark.event.says_yes
        and mark.event.address == address
        and mark.event.stream in without
    }


def as_document(person: Person) -> dict[str, Any]:
    """Everything, as JSON; of who was erased only the no that stands."""
    return {
        "address": str(person.address),
        "erased": person.erased_at is not None,
        "failure": _failure_as_json(person),
        "streams": [_standing_as_json(person, standing) for standing in person.standings],
        "events": [_event_as_json(event, person) for event in person.events],
        "wordings": [_wording_as_json(one) for one in person.wordings.values()],
        "waiting": [waiting_as_json(one) for one in person.waiting],
        "questions": [question_as_json(one) for one in person.questions],
    }


def waiting_as_json(together: Together) -> dict[str, Any]:
    return {
        "state": together.state,
        "stream": together.stream,
        "copies": together.copies,
        "oldest": iso(together.oldest),
        "since": iso(together.since),
    }


def _standing_as_json(person: Person, standing: Standing) -> dict[str, Any]:
    found = standing.evaluation
    policy, facts = standing.policy, standing.facts
    told: dict[str, Any] = {
        "stream": standing.stream,
        "gets_mail": standing.gets_mail,
        "status": found and found.status,
        "verdict": found and found.verdict,
        "enforced": found and found.enforced,
        "reasons": found and list(found.reasons),
        "facts": as_json(facts),
        "policy": policy and policy.hash,
        "rules": [],
        "ends": [],
        "would_change": [],
    }
    if policy is not None and found is not None:
        told["rules"] = [
            {"key": rule.key, "value": rule.value, "file": rule.origin.file, "line": rule.origin.line}
            for rule in rules_behind(policy, found, facts, person.now)
        ]
        told["ends"] = [ending_as_json(end) for end in endings(policy, found, facts, person.now)]
        told["would_change"] = [
            {"act": one.act, "command": one.command} for one in remedies(policy, found, facts, person.address)
        ]
    return told


def ending_as_json(end: Ending) -> dict[str, Any]:
    return {
        "at": iso(end.at),
        "reason": end.reason,
        "verdict": end.verdict,
        "key": end.key,
        "value": end.value,
        "file": end.origin.file,
        "line": end.origin.line,
        "since": iso(end.since),
        "ask_from": iso(end.ask_from),
        "unless": list(end.unless),
    }


def _event_as_json(event: Event, person: Person) -> dict[str, Any]:
    mark = person.marks.get(event.id)
    return {
        **event_as_json(event),
        "mark": None if mark is None else mark.state,
        "mark_by": [] if mark is None else [one.id for one in mark.by],
    }


def _wording_as_json(wording: Wording) -> dict[str, Any]:
    return {
        "hash": wording.hash,
        "text": wording.text,
        "language": wording.language,
        "first_at": iso(wording.first_at),
        "last_at": iso(wording.last_at),
        "shown_from": iso(wording.shown_from),
        "shown_until": iso(wording.shown_until),
        "picture": wording.picture_type,
    }
