"""`consent-relay consent deliverable`: record that an address works again, which the relay had learnt to leave alone."""

from __future__ import annotations

import argparse

from relay.cli.consent_words import standings_of
from relay.cli.stored import address_of, append, committer_of, fresh_id, now_in_utc, reader_of, settings_of
from relay.consent.events import Event, EventKind
from relay.policy.files import load_policies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="exactly this address; other spellings are other mailboxes")
    parser.add_argument("--source", default="", help="how you know that it works")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    address, policies, now = address_of(arguments.address, settings), load_policies(settings.policies), now_in_utc()
    with reader_of(settings) as reader:
        recorded = {event.stream for event in reader.events_of(address)}
        standings = standings_of(reader, policies, address, recorded, now)
    if all(one.facts.undeliverable_at is None for one in standings):
        print(f"{address} is not held undeliverable, nothing to record")
        return 0
    event = Event(
        id=fresh_id(now),
        kind=EventKind.DELIVERABLE,
        address=address,
        brand="",
        stream="",
        at=now,
        recorded_at=now,
        source=arguments.source,
        recorder="cli",
        live=True,
    )
    with committer_of(settings) as committer:
        append(committer, [event])
    print(f"{address} counts as deliverable again; whether it gets mail is a question of consent")
    return 0
