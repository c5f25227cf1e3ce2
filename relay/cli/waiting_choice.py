"""Which copies a command of `queue` or `hold` is about: options, and what they come to. Opens nothing."""

from __future__ import annotations

import argparse
from typing import Final

from relay.address import AddressError, address_from_text
from relay.cli import CommandError
from relay.cli.stored import address_of
from relay.config.settings import Settings
from relay.queued import State
from relay.reason import Reason
from relay.store.waiting import WantedCopies

ID_HELP: Final = "id of a message or of a decision (it stands in the reply), or an address"


def add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stream", default="", metavar="S", help="only this stream")
    parser.add_argument("--client", default="", metavar="NAME", help="only mail of this client")
    parser.add_argument("--domain", default="", metavar="D", help="only recipients in this domain")
    parser.add_argument(
        "--reason", choices=[reason.value for reason in Reason], metavar="REASON", help="see consent-relay reason"
    )


def filtered(arguments: argparse.Namespace, states: tuple[State, ...]) -> WantedCopies:
    return WantedCopies(
        states=states,
        stream=arguments.stream,
        client=arguments.client,
        domain=domain_of(arguments.domain),
        reason=Reason(arguments.reason) if arguments.reason else None,
    )


def named(text: str, settings: Settings, states: tuple[State, ...] = ()) -> WantedCopies:
    """The copies of a message or decision by its id, or of a person by an address, under every spelling."""
    text = text.strip()
    if "@" in text:
        return WantedCopies(states=states, wide=address_of(text, settings).wide)
    if not text:
        raise CommandError("an empty id names nothing", exit_code=2)
    return WantedCopies(states=states, identity=text)


def domain_of(text: str) -> str:
    """In the spelling of the store."""
    if not text:
        return ""
    try:
        return address_from_text(f"x@{text.strip().removeprefix('@')}").domain
    except AddressError as error:
        raise CommandError(f"--domain: {error}", exit_code=2) from None


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
