"""`consent-relay consent`: what people agreed to. Recorded here, shown here, moved in and out in bulk.

Each action is a module of its own with `add_arguments(parser)` and `run(arguments) -> int`.
"""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Final

from relay.cli import (
    add_action,
    add_config_option,
    consent_asking,
    consent_deliverable,
    consent_erase,
    consent_export,
    consent_forecast,
    consent_grant,
    consent_import,
    consent_move,
    consent_show,
    consent_verify,
    consent_withdraw,
    consent_wording,
)

_ACTIONS: Final[dict[str, tuple[ModuleType, str]]] = {
    "import": (consent_import, "read consents from CSV or JSON lines"),
    "export": (consent_export, "write every yes that counts and every no, as import reads them"),
    "show": (consent_show, "what is known of an address, and whether it gets mail"),
    "grant": (consent_grant, "record a consent"),
    "deliverable": (consent_deliverable, "record that an address works again"),
    "withdraw": (consent_withdraw, "record that a person wants no more mail"),
    "move": (consent_move, "a person's address has changed: stop the old one, note that the new one is to be asked"),
    "erase": (consent_erase, "take out all that is held of a person; their no stays"),
    "asking": (consent_asking, "who waits to be asked for a new yes, and in which waves; go on after a stop"),
    "forecast": (consent_forecast, "how many consents run out when, and what would change it"),
    "wording": (consent_wording, "the words that people agreed to: list, show, add"),
    "verify": (consent_verify, "check that nobody has changed the ledger"),
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
