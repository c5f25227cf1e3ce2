"""`consent-relay queue retry`: copies are due now. A relay that runs sees it within a second; one that does not, when it
starts. Each is decided anew before it is sent, as at every attempt.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Sequence

from relay.cli import CommandError
from relay.cli.known_names import require_known_names
from relay.cli.stored import now_in_utc, settings_of
from relay.cli.waiting_changes import choosing
from relay.cli.waiting_choice import ID_HELP, add_filters, filtered, named
from relay.cli.waiting_words import copies
from relay.queued import State
from relay.store.interventions import Done, retry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", default="", help=ID_HELP)
    parser.add_argument("--all", action="store_true", help="instead of an ID: all that wait for the next hop")
    add_filters(parser)
    parser.add_argument(
        "--aside",
        action="store_true",
        help="also those that were set aside; they may have gone out before (look at queue show first)",
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    if bool(arguments.id) == arguments.all:
        raise CommandError("say which: an ID, or --all (with --domain, --stream, ... where it is not all)", exit_code=2)
    settings, now = settings_of(arguments), now_in_utc()
    states = (State.QUEUED, State.ASIDE)
    wanted = named(arguments.id, settings, states) if arguments.id else filtered(arguments, states)

    def act(connection: sqlite3.Connection, numbers: Sequence[int]) -> Done:
        return retry(connection, numbers, now, aside=arguments.aside)

    with choosing(settings, wanted) as chosen:
        left = sum(one.copy.state is State.ASIDE for one in chosen.found.values()) if not arguments.aside else 0
        if not chosen.found and arguments.id:
            raise CommandError(f"nothing waits for the next hop of {arguments.id}")
        if not chosen.found:
            require_known_names(wanted, settings, chosen.mail)
        done = chosen.change(act)
    if arguments.json:
        print(json.dumps({"retried": done.changed, "worked_on": done.busy, "aside": left}, indent=2))
    elif not chosen.found:
        print("nothing to retry: no such copy waits for the next hop")
    else:
        print(f"{copies(done.changed)} due now; a relay that runs begins within a second")
        if done.busy:
            print(f"{copies(done.busy)} left alone: just being tried")
        if left:
            print(f"{copies(left)} set aside: left; --aside tries them, too (they may have gone out before)")
    return 0 if done.changed or not left else 1
