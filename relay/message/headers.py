"""Questions about a header block, and its edits. Fields that stay are never written again, only copied."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import idna

from relay.message.index import Field, Index, unfolded

#: Fields for us, or for the sender alone: not for the recipient.
_REMOVED: Final = frozenset({"bcc", "resent-bcc"})
_CONTROL_PREFIX: Final = "x-consent-"
#: RFC 2369, RFC 8058, RFC 2919: at most one of each.
LIST_FIELDS: Final = frozenset({"list-unsubscribe", "list-unsubscribe-post", "list-id"})

#: RFC 2919 section 3 bounds the identifier.
_MAX_LIST_ID: Final = 255
_LIST_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")
_URL: Final = re.compile(r"https?://[!-;=?-~]{1,900}")
#: RFC 8058 section 3.1; plain http only where nobody can listen, to try things out on one machine.
_ONE_CLICK_URL: Final = re.compile(r"https://|http://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])[:/]")

_QUOTED: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"', re.DOTALL)
_ANGLE: Final = re.compile(rb"<([^<>]*+)>")
_DOMAIN: Final = re.compile(rb"[^\s,;:<>()@]*+")
#: What is looked at, in octets: longer From fields and domains are no mail addresses.
_MAX_FROM: Final = 2000
_MAX_DOMAIN: Final = 255

#: One change: the octets from start to end become this.
Edit = tuple[int, int, bytes]


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


def removed_fields(message: Index, *, lists: bool) -> list[Field]:
    """Fields that no recipient may see, and with `lists` those that ours replace."""
    return [
        one
        for one in message.head.fields
        if one.name in _REMOVED or one.name.startswith(_CONTROL_PREFIX) or (lists and one.name in LIST_FIELDS)
    ]


def list_fields(unsubscribe_url: str, list_id: str, *, one_click: bool) -> bytes:
    """List-Unsubscribe, List-Unsubscribe-Post (RFC 8058: over HTTPS or on this machine), List-Id. Never folded inside the URL.

    Raises ValueError for a URL or an id that cannot stand there: a bug of ours, or an unchecked setting.
    """
    if not _URL.fullmatch(unsubscribe_url):
        raise ValueError("the unsubscribe URL is not a short http(s) URL of printable ASCII")
    fields = f"List-Unsubscribe: <{unsubscribe_url}>\r\n"
    if one_click:
        if not _ONE_CLICK_URL.match(unsubscribe_url):
            raise ValueError("one-click unsubscribing needs an https URL (RFC 8058)")
        fields += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    if list_id:
        if len(list_id) > _MAX_LIST_ID or not _LIST_ID.fullmatch(list_id):
            raise ValueError("the list id is not a dotted name (RFC 2919)")
        fields += f"List-Id: <{list_id}>\r\n"
    return fields.encode("ascii")


def applied(content: bytes, edits: list[Edit]) -> bytes:
    """Content with edits that do not overlap. Insertions at the same place keep their order."""
    pieces: list[bytes] = []
    position = 0
    for start, end, replacement in sorted(edits, key=lambda edit: edit[:2]):
        pieces += (content[position:start], replacement)
        position = end
    pieces.append(content[position:])
    return b"".join(pieces)


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
