"""The stream of the relay's own mail: delivery reports, reports to owners, mail that asks people. Built in.

No client is bound to it, and no policy file can take its id (`values` refuses that), so nobody else's mail is ever in
it. It is not commercial: nothing is added but a signature, and a delivery is no contact.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from relay.consent.facts import Freshness
from relay.policy.model import (
    RELAY_NOTICES,
    ConsentRules,
    HoldRules,
    Kind,
    MessageRules,
    Mode,
    Policies,
    Stream,
)
from relay.reason import MEANINGS

#: Changes with the meaning of the stream: decisions name it as their policy.
_VERSION: Final = "relay-notices 1"

STREAM: Final = Stream(
    id=RELAY_NOTICES,
    brand="",
    kind=Kind.SYSTEM,
    mode=Mode.ENFORCE,
    purpose=MappingProxyType({"en": "Notices of the mail relay", "ja": "メールリレーからのお知らせ"}),
    audience=MappingProxyType({}),
    list_id="",
    sender=None,
    matches=(),
    consent=ConsentRules(frozenset(), Freshness()),
    verdicts=MappingProxyType({reason: meaning.default for reason, meaning in MEANINGS.items()}),
    hold=HoldRules(longest=timedelta(days=30), ask_again=False),
    message=MessageRules(),
    internal=(),
    expects=(),
    file="(built in)",
    hash=hashlib.sha256(_VERSION.encode()).hexdigest(),
)


def stream_of(policies: Policies, identifier: str) -> Stream | None:
    """The stream of a message that waits: of a policy file, or the relay's own; None where there is none of that id."""
    return STREAM if identifier == RELAY_NOTICES else policies.by_id.get(identifier)
