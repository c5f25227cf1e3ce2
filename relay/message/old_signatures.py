"""DKIM signatures of before: which of them hold when these fields of a message have changed (RFC 6376 section 3.5).

Nothing is verified here: a signature that never held may stay, one that our change breaks may not. Only
DKIM-Signature: an ARC set (RFC 8617) says what others have seen before us, and stays even where its own signature no
longer holds; who takes no part in ARC has nothing to say in it. X-Google-DKIM-Signature and the like are their makers' own.
"""

from __future__ import annotations

import re
from typing import Final

from relay.message.edits import Edit
from relay.message.index import Field, Index, unfolded
from relay.message.rules import OldSignatures, Rules

_NAME: Final = "dkim-signature"
_TAG: Final = re.compile(rb"[ \t\r\n]*+([A-Za-z][A-Za-z0-9_]*+)[ \t\r\n]*+=([!-:<-~ \t\r\n]*+)")
_SPACE: Final = b" \t\r\n"


def old_signatures(message: Index, rules: Rules, changed: frozenset[str], *, body_changed: bool) -> list[Edit]:
    """Takes out those that our change breaks, where the policy says so. changed: lower-case names of fields."""
    if rules.old_signatures is OldSignatures.KEEP:
        return []
    return [(one.start, one.end, b"") for one in broken_signatures(message, changed, body_changed=body_changed)]


def broken_signatures(message: Index, changed: frozenset[str], *, body_changed: bool) -> list[Field]:
    """Those that do not hold any more, or that nobody can read."""
    signatures = message.head.named(_NAME)
    if body_changed or not signatures:
        return signatures  # a body length (l=) that leaves our footer out is what forgers ask for: no exception
    covered = [signed_names(unfolded(message.content, one)) for one in signatures]
    broken = [not names or not names.isdisjoint(changed) for names in covered]
    if any(broken):  # who signed a signature that goes goes with it
        broken = [gone or _NAME in names for gone, names in zip(broken, covered, strict=True)]
    return [one for one, gone in zip(signatures, broken, strict=True) if gone]


def signed_names(value: bytes) -> frozenset[str]:
    """Lower-case names in h=, those of absent fields too; none where the value is no list of tags (section 3.2)."""
    tags: dict[bytes, bytes] = {}
    pieces = value.split(b";")
    if not pieces[-1].strip(_SPACE):
        pieces.pop()
    for piece in pieces:
        found = _TAG.fullmatch(piece)
        if found is None or found[1] in tags:
            return frozenset()
        tags[found[1]] = found[2]
    names = [name.strip(_SPACE).decode("ascii").lower() for name in tags.get(b"h", b"").split(b":")]
    return frozenset(names) if all(names) else frozenset()
