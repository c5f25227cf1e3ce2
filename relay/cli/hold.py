"""`consent-relay hold`: mail that waits for its recipient's yes. Nothing here lets mail pass that has no consent: what is
let go is decided anew.
"""

from __future__ import annotations

from typing import Final

from relay.cli import hold_drop, hold_list, hold_release, hold_show
from relay.cli.actions import Actions

_ACTIONS: Final = Actions(
    {
        "list": (hold_list, "what is held, by stream and reason"),
        "show": (hold_show, "held mail of a message or person, and what would be decided today"),
        "release": (hold_release, "decide held mail anew now; only what may pass passes"),
        "drop": (hold_drop, "take held mail out; the client's owner or the sender is told"),
    }
)
add_arguments = _ACTIONS.add_arguments
run = _ACTIONS.run
