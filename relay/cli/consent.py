"""`consent-relay consent`: what people agreed to. Recorded here, shown here, moved in and out in bulk."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from typing import Any

from relay.address import Address
from relay.cli import CommandError, add_action, add_config_option, consent_export, consent_import
from relay.cli.consent_words import Standing, details_of, standing_of, timeline
from relay.cli.stored import (
    address_of,
    append,
    committer_of,
    fresh_id,
    moment_of,
    now_in_utc,
    reader_of,
    settings_of,
    zone_of,
)
from relay.config.settings import Settings
from relay.config.toml import ProblemsError
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import as_json
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.reading import Reader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    importing = add_action(actions, "import", "read consents from CSV or JSON lines")
    consent_import.add_arguments(importing)
    exporting = add_action(actions, "export", "write every yes that counts and every no, as import reads them")
    consent_export.add_arguments(exporting)
    showing = add_action(actions, "show", "what is known of an address, and whether it gets mail")
    showing.add_argument("address", metavar="ADDRESS", help="of one person; other spellings are found, too")
    showing.add_argument("--json", action="store_true", help="print it as JSON")
    granting = add_action(actions, "grant", "record a consent")
    _add_grant_arguments(granting)
    withdrawing = add_action(actions, "withdraw", "record that a person wants no more mail")
    withdrawing.add_argument("address", metavar="ADDRESS", help="in any spelling that reaches the person")
    withdrawing.add_argument("--stream", default="", metavar="S", help="from this stream only (default: all mail)")
    withdrawing.add_argument("--at", default="now", metavar="T", help="when the person said so (default: now)")
    withdrawing.add_argument("--timezone", default="", metavar="ZONE", help="of --at without a zone")
    withdrawing.add_argument("--source", default="", help="how it reached you")
    verifying = add_action(actions, "verify", "check that nobody has changed the ledger")
    verifying.add_argument("--json", action="store_true", help="print the result as JSON")
    for leaf in (importing, exporting, showing, granting, withdrawing, verifying):
        add_config_option(leaf)


def _add_grant_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="exactly as the person gave it")
    parser.add_argument("--stream", required=True, metavar="S", help="the stream that the person agreed to")
    parser.add_argument(
        "--basis", required=True, choices=[basis.value for basis in Basis], help="how the consent came about"
    )
    parser.add_argument(
        "--at", required=True, metavar="T", help='when the person said yes, ISO 8601 with zone, or "now"'
    )
    parser.add_argument(
        "--act",
        choices=[act.value for act in Act],
        help="what the person did; a single opt-in without it is only assumed",
    )
    parser.add_argument("--confirmed-at", default="", metavar="T", help="when the link of a double opt-in was clicked")
    parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without a zone: Asia/Tokyo or +09:00")
    parser.add_argument("--source", default="", help="where the consent was given; the reader sees it in the footer")
    parser.add_argument("--form-url", default="", metavar="URL", help="page of the form")
    parser.add_argument("--wording", default="", help="the words that the person agreed to, or their hash")
    parser.add_argument("--language", default="", help="language of the form")
    parser.add_argument("--ip", default="", help="IP address of the person")
    parser.add_argument("--user-agent", default="", help="browser of the person")
    parser.add_argument(
        "--after-withdrawal",
        action="store_true",
        help="the person asked for mail again after a withdrawal; without this, the withdrawal stands",
    )


def run(arguments: argparse.Namespace) -> int:
    actions = {
        "import": consent_import.run,
        "export": consent_export.run,
        "show": _show,
        "grant": _grant,
        "withdraw": _withdraw,
        "verify": _verify,
    }
    return actions[arguments.action](arguments)


def _show(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    address = address_of(arguments.address, settings)
    policies = load_policies(settings.policies)
    with reader_of(settings) as reader:
        events = reader.events_of(address)
        standings = _standings(reader, policies, address, {event.stream for event in events})
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


def _grant(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies = load_policies(settings.policies)
    address, zone, now = address_of(arguments.address, settings), zone_of(arguments.timezone), now_in_utc()
    stream = policies.by_id.get(arguments.stream)
    if stream is None:
        known = ", ".join(policies.by_id) or "none"
        raise CommandError(f"--stream: no policy has the id {arguments.stream!r}; known are {known}", exit_code=2)
    event = Event(
        id=fresh_id(now),
        kind=EventKind.GRANT,
        address=address,
        brand=stream.brand,
        stream=stream.id,
        at=moment_of("--at", arguments.at, zone, now),
        recorded_at=now,
        source=arguments.source,
        recorder="cli",
        basis=Basis(arguments.basis),
        act=Act(arguments.act) if arguments.act else None,
        confirmed_at=moment_of("--confirmed-at", arguments.confirmed_at, zone, now) if arguments.confirmed_at else None,
        evidence=Evidence(
            arguments.form_url, arguments.wording, arguments.language, arguments.ip, arguments.user_agent
        ),
        own_act=arguments.after_withdrawal,
    )
    with committer_of(settings) as committer:
        append(committer, [event])
    with reader_of(settings) as reader:
        (standing,) = _standings(reader, Policies((stream,), ""), address, set())
    print(f"recorded for {address}; {standing}")
    if standing.facts.withdrawn_at or standing.facts.complained_at:
        print("the person's no stands; --after-withdrawal records a yes that the person gave after it", file=sys.stderr)
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    address, now = address_of(arguments.address, settings), now_in_utc()
    at = moment_of("--at", arguments.at, zone_of(arguments.timezone), now)
    policies = _policies(settings)
    events = [
        Event(
            id=fresh_id(now),
            kind=EventKind.WITHDRAW,
            address=address,
            brand=brand,
            stream=arguments.stream,
            at=at,
            recorded_at=now,
            source=arguments.source,
            recorder="cli",
            live=arguments.at == "now",
        )
        for brand in _brands(policies, arguments.stream)
    ]
    with committer_of(settings) as committer:
        append(committer, events)
    print(f"{address} gets no more mail of {arguments.stream or 'any commercial stream'}, under whatever spelling")
    if policies is not None and arguments.stream and arguments.stream not in policies.by_id:
        known = ", ".join(policies.by_id) or "none"
        raise CommandError(
            f"--stream: recorded, but no policy has the id {arguments.stream!r}, so nothing else stops; known are {known}"
        )
    return 0


def _policies(settings: Settings) -> Policies | None:
    """None when they cannot be read: a no is taken all the same."""
    try:
        return load_policies(settings.policies)
    except ProblemsError:
        return None


def _brands(policies: Policies | None, stream: str) -> list[str]:
    """Whose mail a withdrawal stops; "" is every brand."""
    if policies is None or (stream and stream not in policies.by_id):
        return [""]
    if stream:
        return [policies.by_id[stream].brand]
    return sorted({known.brand for known in policies.streams}) or [""]


def _verify(arguments: argparse.Namespace) -> int:
    with reader_of(settings_of(arguments)) as reader:
        flaw, (sequence, digest) = reader.flaw(), reader.head()
    if arguments.json:
        wrong = None if flaw is None else {"line": flaw.sequence, "wrong": flaw.wrong}
        print(json.dumps({"lines": sequence, "hash": digest.hex(), "flaw": wrong}))
    elif flaw is None:
        print(f"all {sequence:,} lines hold; keep this hash of the last one elsewhere: {digest.hex()}")
    else:
        print(f"line {flaw.sequence}: {flaw.wrong}", file=sys.stderr)
    return 0 if flaw is None else 1


def _standings(reader: Reader, policies: Policies, address: Address, recorded: set[str]) -> list[Standing]:
    """In every stream that has a policy, and in those that only the ledger knows."""
    now = now_in_utc()
    found = [
        standing_of(stream, address, reader.facts(stream.brand, stream.id, [address])[address], now)
        for stream in policies.streams
    ]
    forgotten = sorted(recorded - set(policies.by_id) - {""})
    return found + [Standing(name, reader.facts("", name, [address])[address], None) for name in forgotten]


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
