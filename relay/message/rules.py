"""How a stream wants its messages rewritten: the choices of a policy, as this package understands them.

Values only. The policy file's words for them are in policies/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fallback(StrEnum):
    """What becomes of a message that cannot carry the footer: the policy's `message.undisclosable`."""

    REJECT = "reject"
    WRAP = "wrap"
    HEADERS_ONLY = "headers-only"


class Existing(StrEnum):
    """What becomes of the mailer's own List-Unsubscribe: the policy's `message.existing_list_unsubscribe`.

    KEEP: it stays as it is, and ours is added only where it has none. COMBINE: ours, with the mailer's mail addresses
    beside it (RFC 8058 section 3.1 allows one HTTPS URI only).
    """

    KEEP = "keep"
    REPLACE = "replace"
    COMBINE = "combine"


class Amp(StrEnum):
    """What becomes of a text/x-amp-html alternative, which is never edited: the policy's `message.amp`.

    KEEP: it stays as it is, and programs that show it show no footer. DROP: it is taken out, and they show the HTML.
    UNDISCLOSABLE: the message cannot carry the footer.
    """

    KEEP = "keep"
    DROP = "drop"
    UNDISCLOSABLE = "undisclosable"


class PlainCharset(StrEnum):
    """A plain text whose charset lacks a character of the footer: the policy's `message.charset`.

    UTF_8: the part becomes UTF-8. KEEP: the footer is written in a language that the charset can hold; UTF-8 only
    where there is none.
    """

    UTF_8 = "utf-8"
    KEEP = "keep"


class OldSignatures(StrEnum):
    """DKIM signatures of before that our change breaks: the policy's `message.old_signatures`."""

    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class ExtraFields:
    """Optional header fields, "" or False for none; none of them replaces one of the mailer's own.

    feedback_id: the SenderId of Gmail's Feedback-ID, at most 15 characters. cfbl_address: where complaint reports go
    (RFC 9477). precedence: "bulk" or "list". auto_submitted: say `Auto-Submitted: auto-generated` (RFC 3834).
    """

    feedback_id: str = ""
    cfbl_address: str = ""
    precedence: str = ""
    auto_submitted: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """commercial: with list fields and footer; the rest is of no effect without it.

    stream, brand, list_id: of the policy; list_id "" leaves the mailer's own. literals: what the footer has to say
    where a mailer's own template may say it word for word: name of the item (as in `items`) to every
    spelling of its value.
    """

    commercial: bool
    stream: str = ""
    brand: str = ""
    list_id: str = ""
    fallback: Fallback = Fallback.REJECT
    existing: Existing = Existing.REPLACE
    amp: Amp = Amp.KEEP
    charset: PlainCharset = PlainCharset.UTF_8
    old_signatures: OldSignatures = OldSignatures.REMOVE
    extra: ExtraFields = ExtraFields()
    literals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
