"""`consent-relay hold release`: held copies are decided anew now, and only what may pass passes. Useful once a policy was
mended or a pause has ended; a person's own yes releases by itself.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Sequence

from relay.cli import CommandError
from relay.cli.hold_choice import add_choice, choice_of
from relay.cli.hold_outlook import as_json, decisions_of_today, summed_up
from relay.cli.known_names import require_known_names
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.cli.waiting_changes import choosing
from relay.cli.waiting_words import copies
from relay.policy.files import load_policies
from relay.store.interventions import Done, release


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_choice(parser)
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be decided")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings, now = settings_of(arguments), now_in_utc()
    policies = load_policies(settings.policies)
    wanted, which = choice_of(arguments, settings)
    with reader_of(settings) as reader:
        found = reader.waiting().copies(wanted)
        today = decisions_of_today(reader, settings, policies, found, now)
        if not found:
            require_known_names(wanted, settings, reader.waiting())
    if not found and (wanted.identity or wanted.wide):
        raise CommandError(f"nothing is held {which}")

    def act(connection: sqlite3.Connection, numbers: Sequence[int]) -> Done:
        return release(connection, numbers, now)

    done = Done()
    if found and not arguments.dry_run:
        with choosing(settings, wanted) as chosen:
            done = chosen.change(act)
            chosen.tell_log("released", done)
    if arguments.json:
        told = {"released": done.changed, "worked_on": done.busy, "dry_run": arguments.dry_run, "today": as_json(today)}
        print(json.dumps(told, indent=2))
        return 0
    if not found:
        print(f"nothing to release: nothing is held {which}")
        return 0
    if arguments.dry_run:
        print(f"{copies(len(found))} {which} would be decided anew; today:")
    else:
        seconds = done.changed // settings.hold.release
        pace = f", over the next {seconds:,} s or longer" if seconds else ""
        verb = "is" if done.changed == 1 else "are"
        print(f"{copies(done.changed)} {which} {verb} decided anew{pace}; only what may pass passes. Today:")
    print("\n".join(f"  {line}" for line in summed_up(today)))
    if done.busy:
        print(f"{copies(done.busy)} left alone: just being worked on")
    return 0
