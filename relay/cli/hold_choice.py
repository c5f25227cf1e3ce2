"""Which held copies a command of `hold` is about: an id, a stream, or a person. Opens nothing."""

from __future__ import annotations

import argparse

from relay.cli import CommandError
from relay.cli.stored import address_of
from relay.cli.waiting_choice import named
from relay.config.settings import Settings
from relay.queued import State
from relay.store.waiting import WantedCopies

HELD = (State.HELD,)


def add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", metavar="ID", nargs="?", default="", help="id of a message or of a decision (it stands in the reply)"
    )
    parser.add_argument("--stream", default="", metavar="S", help="all of this stream")
    parser.add_argument("--address", default="", metavar="ADDRESS", help="all of this person, under every spelling")


def choice_of(arguments: argparse.Namespace, settings: Settings) -> tuple[WantedCopies, str]:
    """The held copies, and how the operator said which."""
    if not (arguments.id or arguments.stream or arguments.address):
        raise CommandError("say which: an ID, --stream S or --address A", exit_code=2)
    if arguments.id and (arguments.stream or arguments.address):
        raise CommandError("an ID, or --stream and --address, not both", exit_code=2)
    if arguments.id:
        return named(arguments.id, settings, HELD), f"of {arguments.id}"
    wide = address_of(arguments.address, settings).wide if arguments.address else ""
    said = " and ".join(part for part in (arguments.stream, arguments.address) if part)
    return WantedCopies(states=HELD, stream=arguments.stream, wide=wide), f"of {said}"
