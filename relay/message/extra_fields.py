"""Optional header fields that say whose mail this is and where complaints go. None of them replaces one of the mailer's.

Feedback-ID is Gmail's (https://support.google.com/a/answer/6254652), CFBL-* are RFC 9477, Auto-Submitted is RFC 3834.
Every value is checked or cleaned here, whatever was checked before: no setting can begin a new field.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from relay.message.rules import ExtraFields

#: Of the identifiers before the SenderId; Gmail names no bound for them, this keeps the line short.
_MAX_IDENTIFIER: Final = 64
_MAX_SENDER_ID: Final = 15
_NOT_IN_IDENTIFIER: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MAILBOX: Final = re.compile(r"[!#-'*+./0-9=?A-Z^_`a-z{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,900}")
_PRECEDENCES: Final = frozenset({"bulk", "list"})


def extra_fields(extra: ExtraFields, stream: str, brand: str, present: Collection[str]) -> list[tuple[str, bytes]]:
    """Name and field of each that is wanted and not among the lower-case names `present`.

    Raises ValueError for a setting that cannot stand in a header field.
    """
    found: list[tuple[str, bytes]] = []
    if extra.feedback_id and "feedback-id" not in present:
        found.append(("feedback-id", _feedback_id(extra.feedback_id, stream, brand)))
    if adds_cfbl(extra, present):
        if not _MAILBOX.fullmatch(extra.cfbl_address):
            raise ValueError("the CFBL address is not a plain mail address")
        found.append(("cfbl-address", f"CFBL-Address: {extra.cfbl_address}; report=arf\r\n".encode("ascii")))
    if extra.precedence and "precedence" not in present:
        if extra.precedence not in _PRECEDENCES:
            raise ValueError("Precedence is bulk or list")
        found.append(("precedence", f"Precedence: {extra.precedence}\r\n".encode("ascii")))
    if extra.auto_submitted and "auto-submitted" not in present:
        found.append(("auto-submitted", b"Auto-Submitted: auto-generated\r\n"))
    return found


def adds_cfbl(extra: ExtraFields, present: Collection[str]) -> bool:
    """An address without its id, or an id at somebody else's address, would be of no use: both are ours, or neither."""
    return bool(extra.cfbl_address) and "cfbl-address" not in present and "cfbl-feedback-id" not in present


def feedback_token_field(token: str) -> bytes:
    """RFC 9477 section 4.2: what we need to know a report by, readable for nobody else."""
    if not _TOKEN.fullmatch(token):
        raise ValueError("the feedback token is not one short word")
    return f"CFBL-Feedback-ID: {token}\r\n".encode("ascii")


def _feedback_id(sender_id: str, stream: str, brand: str) -> bytes:
    """Four parts, the SenderId at the right. The same identifier twice would add up unrelated figures."""
    last = _identifier(sender_id)[:_MAX_SENDER_ID]
    if not last:
        raise ValueError("the SenderId of Feedback-ID has no letter or digit")
    first, second = _identifier(stream), _identifier(brand)
    second = "" if second in (first, last) else second
    first = "" if first == last else first
    return f"Feedback-ID: {first}:{second}::{last}\r\n".encode("ascii")


def _identifier(text: str) -> str:
    return _NOT_IN_IDENTIFIER.sub("-", text.strip())[:_MAX_IDENTIFIER]
