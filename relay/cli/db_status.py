"""`consent-relay db status`: schema, size and counts of the store, what waits in it included."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from relay.cli import CommandError
from relay.cli.stored import lacks_withdrawals, reader_of, settings_of
from relay.queued import State


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    with reader_of(settings, tell_behind=False) as reader:
        counts, (lines, digest) = reader.counts(), reader.head()
        version = reader.schema_version()
        waiting = reader.waiting()
        stock, copies = waiting.stock(), {state.value: 0 for state in State}
        for tally in waiting.tallies():
            copies[tally.state.value] += tally.copies
        behind = lacks_withdrawals(reader, settings)
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
        "messages": stock.messages,
        "message_octets": stock.octets,
        **copies,
        "ledger_lines": lines,
        "ledger_hash": digest.hex(),
        "behind_journal": behind,
    }
    if arguments.json:
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
