"""`consent-relay consent`: what people agreed to. Recorded here, shown here, moved in and out in bulk."""

from __future__ import annotations

from typing import Final

from relay.cli import (
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
from relay.cli.actions import Actions

_ACTIONS: Final = Actions(
    {
        "import": (consent_import, "read consents from CSV or JSON lines"),
        "export": (consent_export, "write every yes that counts and every no, as import reads them"),
        "show": (consent_show, "what is known of an address, and whether it gets mail"),
        "grant": (consent_grant, "record a consent"),
        "deliverable": (consent_deliverable, "record that an address works again"),
        "withdraw": (consent_withdraw, "record that a person wants no more mail"),
        "move": (
            consent_move,
            "a person's address has changed: stop the old one, note that the new one is to be asked",
        ),
        "erase": (consent_erase, "take out all that is held of a person; their no stays"),
        "asking": (consent_asking, "who waits to be asked for a new yes, and in which waves; go on after a stop"),
        "forecast": (consent_forecast, "how many consents run out when, and what would change it"),
        "wording": (consent_wording, "the words that people agreed to: list, show, add"),
        "verify": (consent_verify, "check that nobody has changed the ledger"),
    }
)
add_arguments = _ACTIONS.add_arguments
run = _ACTIONS.run
