"""Why somebody is on a list of people who get no mail, and what of it the ledger takes. Pure: one table.

Only what says something of the person or of the mailbox is taken: a bounce that may be over tomorrow, or a server that
refused one mail for its content, is no reason to stop a person's mail for good.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from relay.consent.events import EventKind


class Cause(StrEnum):
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard-bounce"
    MANUAL = "manual"
    SOFT_BOUNCE = "soft-bounce"
    BLOCK = "block"
    NEVER_AGREED = "never-agreed"
    UNCONFIRMED = "unconfirmed"
    NO_MEMBER = "no-member"


#: The event that a cause becomes.
KINDS: Final = {
    Cause.UNSUBSCRIBE: EventKind.WITHDRAW,
    Cause.COMPLAINT: EventKind.COMPLAIN,
    Cause.HARD_BOUNCE: EventKind.UNDELIVERABLE,
    # Somebody at the sender's side did it, most often because the person had asked; a no is never turned away.
    Cause.MANUAL: EventKind.WITHDRAW,
}

#: Why the others are not taken.
NOT_TAKEN: Final = {
    Cause.SOFT_BOUNCE: "a temporary failure says nothing of the mailbox",
    Cause.BLOCK: "a server refused one mail for what it was or where it came from; the person has said nothing",
    Cause.NEVER_AGREED: "these people never said yes, so there is nothing to take over",
    Cause.UNCONFIRMED: "the yes was never confirmed; ask again instead",
    Cause.NO_MEMBER: "owners, moderators and senders are no subscribers",
}
