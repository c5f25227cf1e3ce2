"""`consent-relay consent withdraw`: record that a person wants no more mail. Taken whatever else is wrong."""

from __future__ import annotations

import argparse

from relay.cli import CommandError
from relay.cli.stored import address_of, append, committer_of, fresh_id, moment_of, now_in_utc, settings_of, zone_of
from relay.config.settings import Settings
from relay.config.toml import ProblemsError
from relay.consent.events import Event, EventKind
from relay.policy.files import load_policies
from relay.policy.model import Policies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="in any spelling that reaches the person")
    parser.add_argument(
        "--stream", default="", metavar="S", help="from this stream only (default: all commercial mail of every brand)"
    )
    parser.add_argument("--at", default="now", metavar="T", help="when the person said so (default: now)")
    parser.add_argument("--timezone", default="", metavar="ZONE", help="of --at without a zone")
    parser.add_argument("--source", default="", help="how it reached you")


def run(arguments: argparse.Namespace) -> int:
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
