"""`consent-relay db`: bring the store up to date, show how it is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from relay.cli import CommandError, add_action, add_config_option
from relay.cli.stored import append, committer_of, reader_of, settings_of
from relay.config.settings import Settings
from relay.store.journal import Journal
from relay.store.schema import migrations

#: Withdrawals replayed in one transaction.
_TOGETHER = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    migrating = add_action(actions, "migrate", "make the store, or bring it to the schema of this version")
    migrating.add_argument(
        "--replay-withdrawals",
        action="store_true",
        help="add the withdrawals that only withdrawals.journal has (after restoring a backup)",
    )
    showing = add_action(actions, "status", "schema, size and counts")
    showing.add_argument("--json", action="store_true", help="print it as JSON")
    for leaf in (migrating, showing):
        add_config_option(leaf)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if arguments.action == "migrate":
        return _migrate(settings, replay=arguments.replay_withdrawals)
    return _status(settings, as_json=arguments.json)


def _migrate(settings: Settings, *, replay: bool) -> int:
    with committer_of(settings, behind_is_fine=replay) as committer:
        for migration in committer.applied:
            print(f"applied {migration.number:04}_{migration.name}")
        if not committer.applied:
            print(f"the store has schema {len(migrations())}, nothing to do")
        if replay:
            missing = list(committer.journal.missing_in(committer.connection))
            for start in range(0, len(missing), _TOGETHER):
                append(committer, missing[start : start + _TOGETHER])
            print(f"{len(missing):,} withdrawals added from {settings.store.journal}")
    return 0


def _status(settings: Settings, *, as_json: bool) -> int:
    with reader_of(settings) as reader:
        counts, (lines, digest) = reader.counts(), reader.head()
        version = reader.schema_version()
        behind = reader.is_behind(Journal(settings.store.journal))
    status: dict[str, Any] = {
        "path": str(settings.store.path),
        "schema": version,
        "octets": _octets(settings.store.path),
        "wal_octets": _octets(Path(f"{settings.store.path}-wal")),
        "events": counts.events,
        "consents": counts.consents,
        "withdrawn": counts.withdrawn,
        "decisions": counts.decisions,
        "outcomes": counts.outcomes,
        "ledger_lines": lines,
        "ledger_hash": digest.hex(),
        "behind_journal": behind,
    }
    if as_json:
        print(json.dumps(status, indent=2))
    else:
        for name, value in status.items():
            print(f"{name.replace('_', ' '):<15} {_in_words(value)}")
    if behind:
        raise CommandError(
            f"the store lacks withdrawals that {settings.store.journal} has; "
            "run: consent-relay db migrate --replay-withdrawals"
        )
    return 0


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _octets(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
