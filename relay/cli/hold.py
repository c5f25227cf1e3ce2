"""`consent-relay hold`: mail that waits for its recipient's yes. Nothing here lets mail pass that has no consent: what is
let go is decided anew.

Each action is a module of its own with `add_arguments(parser)` and `run(arguments) -> int`.
"""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Final

from relay.cli import add_action, add_config_option, hold_drop, hold_list, hold_release, hold_show

_ACTIONS: Final[dict[str, tuple[ModuleType, str]]] = {
    "list": (hold_list, "what is held, by stream and reason"),
    "show": (hold_show, "held mail of a message or person, and what would be decided today"),
    "release": (hold_release, "decide held mail anew now; only what may pass passes"),
    "drop": (hold_drop, "take held mail out; the client's owner or the sender is told"),
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
