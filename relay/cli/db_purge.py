"""`consent-relay db purge`: take out now what may no longer be kept; a running relay does the same once a day."""

from __future__ import annotations

import argparse
import contextlib
import json
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from relay.cli import CommandError
from relay.cli.bar import bar
from relay.cli.stored import committer_of, now_in_utc, outages_in_words, pseudonyms_of, settings_of
from relay.config.durations import write_duration
from relay.policy.files import load_policies
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.due import Periods
from relay.store.newest import newest_recorded
from relay.store.reading import open_reader
from relay.store.retention import Purged, purge

#: How far the clock may be behind the newest record.
_TOLERANCE: Final = timedelta(minutes=5)
_WORDS: Final = {
    "decisions": "decisions",
    "outcomes": "outcomes of them",
    "technical": "lines of the ledger that lose IP address and browser",
    "people": "people without a consent, long after the last mail; their no stays as a keyed hash",
    "lines": "lines of theirs in the ledger",
    "contacts": "marks of mail sent to people of whom nothing else is known",
    "failures": "failures of such addresses",
    "reports": "lines of reports about mail that did not go out",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only count what would go")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies, now = load_policies(settings.policies), now_in_utc()
    periods = Periods(policies, settings.retention.decisions, now)
    with contextlib.ExitStack() as stack:
        # also for counting: says in words that there is no store, or that it was made with another key
        stack.enter_context(outages_in_words(settings))
        stack.enter_context(errors_of_the_store())
        open_reader(settings.store.path, pseudonyms_of(settings)).close()
        committer = None if arguments.dry_run else stack.enter_context(committer_of(settings))
        reading = stack.enter_context(contextlib.closing(open_for_reading(settings.store.path)))
        newest = newest_recorded(reading)
        if newest is not None and newest - now > _TOLERANCE:
            raise CommandError(
                f"the clock stands at {now:%Y-%m-%d %H:%M} UTC, and records were made until {newest:%Y-%m-%d %H:%M} UTC; "
                "nothing goes while the clock may be wrong"
            )
        (rows,) = reading.execute("SELECT coalesce(max(sequence), 0) FROM ledger").fetchone()
        on_progress = stack.enter_context(bar("looking through the store", rows or None))
        purged = purge(reading, committer, pseudonyms_of(settings), periods, on_progress=on_progress)
    if arguments.json:
        print(json.dumps(asdict(purged) | {"dry_run": arguments.dry_run}, indent=2))
    else:
        _print(purged, settings.retention.decisions, dry_run=arguments.dry_run)
    return 0


def _print(purged: Purged, decisions: timedelta, *, dry_run: bool) -> None:
    if not purged:
        print(
            f"nothing is due; decisions go after {write_duration(decisions)}, the rest as [retention] of the policies says"
        )
        return
    print("would go:" if dry_run else "gone:")
    for name, count in asdict(purged).items():
        if count:
            print(f"  {count:>9,} {_WORDS[name]}")
