"""`consent-relay db migrate`: bring the store to the schema of this version, and up to withdrawals.journal."""

from __future__ import annotations

import argparse

from relay.cli.stored import committer_of, now_in_utc, settings_of
from relay.store.committing import Committer
from relay.store.replaying import replay
from relay.store.schema import migrations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replay-withdrawals",
        action="store_true",
        help="add the withdrawals that only withdrawals.journal has (after restoring a backup)",
    )


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    with committer_of(settings, behind_is_fine=arguments.replay_withdrawals) as committer:
        for migration in committer.applied:
            print(f"applied {migration.number:04}_{migration.name}")
        if not committer.applied:
            print(f"the store has schema {len(migrations())}, nothing to do")
        if arguments.replay_withdrawals:
            print(replayed_in_words(committer))
    return 0


def replayed_in_words(committer: Committer) -> str:
    """Replay, and say what was added. Raises StoreUnavailableError."""
    done = replay(committer, now_in_utc())
    erased = f", {done.erased:,} erasures done again" if done.erased else ""
    return f"{done.noes:,} withdrawals added from {committer.journal.path}{erased}"
