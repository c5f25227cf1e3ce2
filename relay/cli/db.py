"""`consent-relay db`: the store as a file: its schema, its size, copies of it.

Each action is a module of its own with `add_arguments(parser)` and `run(arguments) -> int`.
"""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Final

from relay.cli import add_action, add_config_option, db_backup, db_migrate, db_purge, db_restore, db_status

_ACTIONS: Final[dict[str, tuple[ModuleType, str]]] = {
    "migrate": (db_migrate, "make the store, or bring it to the schema of this version"),
    "purge": (db_purge, "take out now what may no longer be kept"),
    "status": (db_status, "schema, size and counts"),
    "backup": (db_backup, "write one file with store, journal, policies and keys, while the relay runs"),
    "restore": (db_restore, "put a backup in place; what was there is kept"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (module, words) in _ACTIONS.items():
        leaf = add_action(actions, name, words)
        module.add_arguments(leaf)
        add_config_option(leaf)


def run(arguments: argparse.Namespace) -> int:
    module, _ = _ACTIONS[arguments.action]
    return int(module.run(arguments))
