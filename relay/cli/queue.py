"""`consent-relay queue`: mail that was accepted and waits. Works on the store, beside a relay that runs or without one.

Each action is a module of its own with `add_arguments(parser)` and `run(arguments) -> int`.
"""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Final

from relay.cli import add_action, add_config_option, queue_drop, queue_list, queue_retry, queue_show

_ACTIONS: Final[dict[str, tuple[ModuleType, str]]] = {
    "list": (queue_list, "what waits, since when, why, and what comes next"),
    "show": (queue_show, "everything about a message, or what waits for a person"),
    "retry": (queue_retry, "try copies now, also those that were set aside"),
    "drop": (queue_drop, "take copies out; the client's owner or the sender is told"),
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
