"""`consent-relay consent grant`: record one consent, with what can be shown for it later."""

from __future__ import annotations

import argparse
import sys

from relay.cli import CommandError
from relay.cli.consent_wording import text_and_hash
from relay.cli.consent_words import standings_of
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
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.evidence import Evidence
from relay.policy.files import load_policies
from relay.policy.model import Policies


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--wording", default="", help="the words that the person agreed to, their hash, or @FILE")
    parser.add_argument("--language", default="", help="language of the form")
    parser.add_argument("--ip", default="", help="IP address of the person")
    parser.add_argument("--user-agent", default="", help="browser of the person")
    parser.add_argument(
        "--after-withdrawal",
        action="store_true",
        help="the person asked for mail again after a withdrawal; without this, the withdrawal stands",
    )


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies = load_policies(settings.policies)
    address, zone, now = address_of(arguments.address, settings), zone_of(arguments.timezone), now_in_utc()
    stream = policies.by_id.get(arguments.stream)
    if stream is None:
        known = ", ".join(policies.by_id) or "none"
        raise CommandError(f"--stream: no policy has the id {arguments.stream!r}; known are {known}", exit_code=2)
    text, wording = text_and_hash(arguments.wording)
    try:
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
            confirmed_at=moment_of("--confirmed-at", arguments.confirmed_at, zone, now)
            if arguments.confirmed_at
            else None,
            evidence=Evidence(arguments.form_url, wording, arguments.language, arguments.ip, arguments.user_agent),
            own_act=arguments.after_withdrawal,
        )
    except ValueError as error:
        raise CommandError(f"this cannot have happened: {error}", exit_code=2) from None
    with committer_of(settings) as committer:
        append(committer, [event], {wording: text} if text else {})
    with reader_of(settings) as reader:
        (standing,) = standings_of(reader, Policies((stream,), ""), address, set(), now)
        words_are_known = not wording or any(one.text for one in reader.wordings(wording))
    print(f"recorded for {address}; {standing}")
    if standing.facts.withdrawn_at or standing.facts.complained_at:
        print("the person's no stands; --after-withdrawal records a yes that the person gave after it", file=sys.stderr)
    if not words_are_known:
        print(
            "--wording: only the hash is known; consent-relay consent wording add FILE keeps the text", file=sys.stderr
        )
    return 0
