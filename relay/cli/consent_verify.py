"""`consent-relay consent verify`: check that nobody has changed the ledger."""

from __future__ import annotations

import argparse
import json
import sys

from relay.cli.stored import reader_of, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    with reader_of(settings_of(arguments)) as reader:
        flaw, (sequence, digest) = reader.flaw(), reader.head()
    if arguments.json:
        wrong = None if flaw is None else {"line": flaw.line, "wrong": flaw.words}
        print(json.dumps({"lines": sequence, "hash": digest.hex(), "flaw": wrong}))
    elif flaw is None:
        print(f"all {sequence:,} lines hold; keep this hash of the last one elsewhere: {digest.hex()}")
    else:
        print(flaw, file=sys.stderr)
    return 0 if flaw is None else 1
