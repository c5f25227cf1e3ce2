"""`consent-relay hold drop`: held copies leave without being sent; the owner or the sender is told, as by `queue drop`."""

from __future__ import annotations

import argparse

from relay.cli.hold_choice import HELD, add_choice, choice_of
from relay.cli.queue_drop import add_options, take_out
from relay.cli.stored import settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_choice(parser)
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    wanted, which = choice_of(arguments, settings)
    return take_out(arguments, settings, wanted, HELD, which)
