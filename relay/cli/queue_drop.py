"""`consent-relay queue drop`: copies leave without being sent. What was promised is kept: the client's owner reads of it
in the daily report, or with --bounce the sender gets a delivery report.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from relay.cli import CommandError
from relay.cli.known_names import require_known_names
from relay.cli.stored import now_in_utc, settings_of
from relay.cli.waiting_changes import ask, choosing
from relay.cli.waiting_choice import ID_HELP, named
from relay.cli.waiting_words import copies
from relay.config.settings import Settings
from relay.queued import State
from relay.store.interventions import Done, drop
from relay.store.waiting import WantedCopies

_ANY: Final = tuple(State)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=ID_HELP)
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bounce", action="store_true", help="the sender gets a delivery report, instead of the owner")
    parser.add_argument("--yes", action="store_true", help="do not ask, even when it is more than one copy")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    return take_out(arguments, settings, named(arguments.id, settings), _ANY, f"of {arguments.id}")


def take_out(
    arguments: argparse.Namespace, settings: Settings, wanted: WantedCopies, states: tuple[State, ...], which: str
) -> int:
    """The wanted copies in these states. which: as the operator said it."""
    now = now_in_utc()

    def act(connection: sqlite3.Connection, numbers: Sequence[int]) -> Done:
        return drop(connection, numbers, now, states=states, bounce=arguments.bounce)

    with choosing(settings, wanted) as chosen:
        if not chosen.found:
            require_known_names(wanted, settings, chosen.mail)
            raise CommandError(f"nothing waits {which}")
        count, nobody = len(chosen.found), sum(one.message.tx.sender is None for one in chosen.found.values())
        ask(f"{copies(count)} {which} would be taken out and not sent.", count, yes=arguments.yes)
        done = chosen.change(act)
        chosen.tell_log("dropped", done, bounce=arguments.bounce)
    if arguments.json:
        print(json.dumps({"dropped": done.changed, "worked_on": done.busy, "bounce": arguments.bounce}, indent=2))
        return 0 if done.changed else 1
    if not arguments.bounce:
        print(f"{copies(done.changed)} taken out; consent-relay log report tells of it, and so will the owner's report")
    else:
        print(f"{copies(done.changed)} given up; a relay that runs tells their senders at once")
        if nobody:
            print(f"{copies(nobody)} without a sender to tell (<>): these go to the report instead")
    if done.busy:
        print(f"{copies(done.busy)} left alone: just being worked on; say it again in a moment")
    return 0 if done.changed else 1
