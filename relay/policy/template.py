"""A new policy file out of a shipped one: text in, text out. Pure.

Comments and layout of the shipped file are kept, only the values that name somebody are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from relay.policy.model import Kind

#: The shipped file that shows a kind of stream.
TEMPLATES: Mapping[Kind, str] = {
    Kind.COMMERCIAL: "newsletter.toml",
    Kind.TRANSACTIONAL: "receipts.toml",
    Kind.CORRESPONDENCE: "receipts.toml",
    Kind.SYSTEM: "system.toml",
}


def new_policy(template: str, *, stream: str, kind: Kind, brand: str, client: str, mail_from: str) -> str:
    """`template`: the text of the kind's shipped file. Values are put between quotes as they are: check the result."""
    text = _set(template, "id", stream)
    text = _set(text, "kind", kind)
    text = _set(text, "brand", brand)
    text = re.sub(r"^client = \[.*\]$", f'client = ["{client}"]', text, flags=re.MULTILINE)
    text = re.sub(r"^mail_from = \[.*\]$", f'mail_from = ["{mail_from}"]', text, flags=re.MULTILINE)
    domain = mail_from.rpartition("@")[2].removeprefix("*.")
    name = domain if domain.partition(".")[0] == stream else f"{stream}.{domain}"
    return _set(text, "list_id", name.lower())


def _set(text: str, key: str, value: str) -> str:
    """The first line of `key` with another value, its comment kept."""
    return re.sub(rf'^({key} = )"[^"]*"', lambda found: f'{found[1]}"{value}"', text, count=1, flags=re.MULTILINE)
