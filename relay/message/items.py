"""The items of a disclosure: what a footer says, one by one, by the names that placeholders and templates have for them.

Names alone. Their values are those of `footer.Disclosure`; what each means, `wording_check` tells who writes a template.
"""

from __future__ import annotations

from typing import Final

#: Said wherever there is a value, in the order of a footer's lines.
ITEMS: Final = (
    "unsubscribe_url", "why", "sender", "postal_address", "contact", "privacy_policy",
    "consent_date", "consent_source", "stop_address",
)  # fmt: skip
#: Those that always have one.
REQUIRED: Final = frozenset({"unsubscribe_url", "why", "sender", "postal_address", "contact", "privacy_policy"})
#: Said within the sentence `why`, which stays whole.
OF_WHY: Final = frozenset({"purpose", "audience"})
#: Their values may be links.
LINKED: Final = frozenset({"unsubscribe_url", "contact", "privacy_policy", "consent_source", "stop_address"})
