"""Questions about a header block, and what becomes of its fields. Those that stay are only copied, never written again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

from relay.message.edits import Edit
from relay.message.extra_fields import adds_cfbl, extra_fields, feedback_token_field
from relay.message.index import Field, Index, unfolded
from relay.message.list_fields import (
    ONE_CLICK,
    allows_one_click,
    is_own_link,
    list_id_field,
    mail_addresses,
    unsubscribe_fields,
    uris_of,
)
from relay.message.rules import Existing, Rules
from relay.tokens import is_well_formed

#: Fields for us, or for the sender alone: not for the recipient.
_REMOVED: Final = frozenset({"bcc", "resent-bcc"})
_CONTROL_PREFIX: Final = "x-consent-"
_QUOTED: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"', re.DOTALL)
_ANGLE: Final = re.compile(rb"<([^<>]*+)>")
_DOMAIN: Final = re.compile(rb"[^\s,;:<>()@]*+")
#: What is looked at, in octets: longer From fields and domains are no mail addresses.
_MAX_FROM: Final = 2000
_MAX_DOMAIN: Final = 255


def header_values(message: Index) -> dict[str, list[str]]:
    """Unfolded values by lower-case name, in their order; what is no UTF-8 shows as U+FFFD."""
    values: dict[str, list[str]] = {}
    for field in message.head.fields:
        text = unfolded(message.content, field).decode("utf-8", "replace")
        values.setdefault(field.name, []).append(text)
    return values


def from_domain(message: Index) -> str:
    """The domain of the first mailbox in From as lower-case A-labels, "" where there is none to be told."""
    fields = message.head.named("from")
    if not fields:
        return ""
    value = _QUOTED.sub(b"", unfolded(message.content, fields[0])[:_MAX_FROM])
    value = _without_comments(value)
    found = _ANGLE.search(value)
    address = found[1].strip() if found else value
    at = address.rfind(b"@") if found else address.find(b"@")
    domain = _DOMAIN.findall(address, at + 1)[0].rstrip(b".").decode("utf-8", "replace")
    if at < 0 or not 0 < len(domain) <= _MAX_DOMAIN:
        return ""
    return _a_labels(domain)


@lru_cache(maxsize=256)  # idna takes longer than all the rest of From, and senders are few
def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return domain.lower() if re.fullmatch(r"[A-Za-z0-9_.-]+", domain) else ""


@dataclass(frozen=True, slots=True)
class HeaderPlan:
    """What becomes of a message's header fields, for all its copies. changed: lower-case names of fields added, removed
    or changed; those that only some copies get are among them.

    unsubscribe: does our List-Unsubscribe go in? mailto: URIs of the mailer's beside it. shared: fields that all copies
    have. feedback: does CFBL-Feedback-ID go in, with the token of each copy?
    """

    edits: tuple[Edit, ...]
    changed: frozenset[str]
    unsubscribe: bool = False
    mailto: tuple[bytes, ...] = ()
    shared: bytes = b""
    feedback: bool = False

    def front(self, unsubscribe_url: str, *, one_click: bool, feedback_token: str = "") -> bytes:
        """The fields that this copy gets on top. Raises ValueError for what cannot stand in one: a bug of ours."""
        fields = self.shared
        if self.unsubscribe:
            fields = unsubscribe_fields(unsubscribe_url, self.mailto, one_click=one_click) + fields
        if self.feedback and feedback_token:
            fields += feedback_token_field(feedback_token)
        return fields


def planned_headers(message: Index, rules: Rules, *, is_report: bool) -> HeaderPlan:
    """Once a message: what goes, what stays and what comes. Every field that is not named stays where and as it is.

    is_report: the message is a multipart/report; it gets nothing of ours, and an auto-reply no List-Unsubscribe: who has
    not written to a list is not offered to leave it. Raises ValueError for a setting that cannot stand in a field.
    """
    removed, lists, others = _sorted_out(message)
    if not rules.commercial:
        return _plan(removed, [])
    answers = is_report or ("auto-submitted" in others and _is_auto_reply(message))
    own = lists.get("list-unsubscribe", [])
    uris: list[tuple[bytes, ...]] = []
    if own and (answers or rules.existing is not Existing.REPLACE):
        uris = [_uris(message.content, one) for one in own]
    kept = None
    if answers or rules.existing is Existing.KEEP:
        kept = next((number for number, found in enumerate(uris) if found and not any(map(is_own_link, found))), None)
    unsubscribe = kept is None and not answers
    one_click = kept is not None and allows_one_click(uris[kept])
    for name, several in lists.items():
        staying = _staying(message, name, several, kept, one_click=one_click)
        removed += [one for one in several if one is not staying]
    if is_report:
        return _plan(removed, [])
    feedback = _own_feedback(message)
    removed += feedback
    others -= {one.name for one in feedback}
    added = extra_fields(rules.extra, rules.stream, rules.brand, others)
    if rules.list_id:
        removed += lists.get("list-id", [])[:1]
        added.insert(0, ("list-id", list_id_field(rules.list_id)))
    mailto = mail_addresses([uri for found in uris for uri in found]) if unsubscribe else ()
    return _plan(removed, added, unsubscribe=unsubscribe, mailto=mailto, feedback=adds_cfbl(rules.extra, others))


def _without_comments(value: bytes) -> bytes:
    """RFC 5322 comments out, nested ones too, in one pass."""
    if b"(" not in value:
        return value
    kept = bytearray()
    depth = 0
    for octet in value:
        if octet == 0x28:
            depth += 1
        elif octet == 0x29 and depth:
            depth -= 1
        elif not depth:
            kept.append(octet)
    return bytes(kept)


def _sorted_out(message: Index) -> tuple[list[Field], dict[str, list[Field]], set[str]]:
    """Fields that go from every copy, the List-* fields by name, and the names of all others."""
    removed: list[Field] = []
    lists: dict[str, list[Field]] = {}
    others: set[str] = set()
    for field in message.head.fields:
        name = field.name
        if name in _REMOVED or name.startswith(_CONTROL_PREFIX):
            removed.append(field)
        elif name.startswith("list-"):
            lists.setdefault(name, []).append(field)
        else:
            others.add(name)
    return removed, lists, others


def _own_feedback(message: Index) -> list[Field]:
    """CFBL-* of an earlier pass: the token is somebody else's, and reports about this copy must not name them."""
    ids = message.head.named("cfbl-feedback-id")
    if not any(is_well_formed(unfolded(message.content, one).decode("latin-1")) for one in ids):
        return []
    return [*ids, *message.head.named("cfbl-address")]


def _plan(
    removed: Sequence[Field],
    added: Sequence[tuple[str, bytes]],
    *,
    unsubscribe: bool = False,
    mailto: tuple[bytes, ...] = (),
    feedback: bool = False,
) -> HeaderPlan:
    changed = {one.name for one in removed} | {name for name, _ in added}
    if unsubscribe:
        changed |= {"list-unsubscribe", "list-unsubscribe-post"}
    if feedback:
        changed.add("cfbl-feedback-id")
    edits = tuple([(one.start, one.end, b"") for one in removed])
    shared = b"".join([field for _, field in added])
    return HeaderPlan(edits, frozenset(changed), unsubscribe, mailto, shared, feedback)


def _staying(message: Index, name: str, several: Sequence[Field], kept: int | None, *, one_click: bool) -> Field | None:
    """Which of these List-* fields stays: at most one of each (RFC 2369 section 3)."""
    if name == "list-unsubscribe":
        return None if kept is None else several[kept]
    if name == "list-unsubscribe-post":
        right = (one for one in several if unfolded(message.content, one) == ONE_CLICK)
        return next(right, None) if one_click else None
    return several[0]


def _uris(content: bytes, field: Field) -> tuple[bytes, ...]:
    """Of a sound List-Unsubscribe. With white space before the colon some programs see no such field."""
    if content[field.value - 2 : field.value - 1] in (b" ", b"\t"):
        return ()
    return uris_of(content[field.value : field.end])


def _is_auto_reply(message: Index) -> bool:
    """RFC 3834 section 5. What a program sends on its own (`auto-generated`) is no reply."""
    values = [unfolded(message.content, one)[:_MAX_FROM] for one in message.head.named("auto-submitted")]
    words = [_without_comments(value).partition(b";")[0].strip().lower() for value in values]
    return any(word in (b"auto-replied", b"auto-notified") for word in words)
