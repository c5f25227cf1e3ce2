"""A verb with several actions, such as `consent-relay queue list`.

Each action is a module of its own with `add_arguments(parser)` and `run(arguments) -> int`, as a verb without actions is;
the verb's module is the list of them. Knows no action itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from relay.cli import add_action, add_config_option


@dataclass(frozen=True, slots=True)
class Actions:
    """by_name: the module of an action, and the line for the list of actions and for its own --help."""

    by_name: Mapping[str, tuple[ModuleType, str]]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, (module, words) in self.by_name.items():
            leaf = add_action(actions, name, words)
            module.add_arguments(leaf)
            add_config_option(leaf)

    def run(self, arguments: argparse.Namespace) -> int:
        module, _ = self.by_name[arguments.action]
        return int(module.run(arguments))
