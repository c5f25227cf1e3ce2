"""`consent-relay queue`: mail that was accepted and waits. Works on the store, beside a relay that runs or without one."""

from __future__ import annotations

from typing import Final

from relay.cli import queue_drop, queue_list, queue_retry, queue_show
from relay.cli.actions import Actions

_ACTIONS: Final = Actions(
    {
        "list": (queue_list, "what waits, since when, why, and what comes next"),
        "show": (queue_show, "everything about a message, or what waits for a person"),
        "retry": (queue_retry, "try copies now, also those that were set aside"),
        "drop": (queue_drop, "take copies out; the client's owner or the sender is told"),
    }
)
add_arguments = _ACTIONS.add_arguments
run = _ACTIONS.run
