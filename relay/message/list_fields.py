"""List-Unsubscribe, List-Unsubscribe-Post and List-Id (RFC 2369, 8058, 2919): read as mail programs do, written in one form.

Knows values alone, not messages: which fields of a message go or stay, `headers` decides. What is written here is
ASCII, one line where it fits, and never broken inside a URI.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from relay.message.links import URL
from relay.message.transfer import MAX_LINE
from relay.tokens import is_well_formed

#: The only value that RFC 8058 section 3.1 knows.
ONE_CLICK: Final = b"List-Unsubscribe=One-Click"

#: RFC 2919 section 3 bounds the identifier.
_MAX_LIST_ID: Final = 255
_LIST_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")
#: RFC 8058 section 3.1; plain http only where nobody can listen, to try things out on one machine.
_ONE_CLICK_URL: Final = re.compile(r"https://|http://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])[:/]")
#: How many mail addresses of the mailer's stand beside our link, and how long each may be.
_MAX_MAILTO: Final = 3
_MAX_MAILTO_OCTETS: Final = 900

_VISIBLE: Final = re.compile(rb"[\t\r\n -~]*+")
_IN_ANGLES: Final = re.compile(rb"<([!-;=?-~]++)>")
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_COMMENT_SIGN: Final = re.compile(rb"[()\\]")
_ENCODED_WORD: Final = re.compile(rb"=\?[^?\s]++\?[bqBQ]\?")
_USABLE: Final = re.compile(rb"(?:https?://[^/?#]|mailto:[^@?]+@[^@?])", re.IGNORECASE)
_OWN_LINK: Final = re.compile(rb"/u/([A-Za-z0-9_-]++)\Z")
_SCHEME: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*+):")


def uris_of(value: bytes) -> tuple[bytes, ...]:
    """The URIs of a List-Unsubscribe value as it stands in the message, folded or not; () when it is not sound.

    Sound: the grammar of RFC 2369 (URIs in angle brackets, commas between them, comments around them), ASCII, no white
    space inside a URI, no encoded-word, no line too long for the wire, and at least one URI that a program can use.
    """
    if not _VISIBLE.fullmatch(value) or _ENCODED_WORD.search(value) or not _has_whole_lines(value):
        return ()
    uris: list[bytes] = []
    position = _after_gap(value, 0)
    while found := _IN_ANGLES.match(value, position):
        uris.append(found[1])
        position = _after_gap(value, found.end())
        if position == len(value):
            return tuple(uris) if any(_USABLE.match(uri) for uri in uris) else ()
        if not value.startswith(b",", position):
            return ()
        position = _after_gap(value, position + 1)
    return ()


def allows_one_click(uris: Sequence[bytes]) -> bool:
    """RFC 8058 section 3.1: one HTTPS URI, beside it none that a program may POST to by mistake."""
    schemes = [_scheme(uri) for uri in uris]
    return schemes.count(b"https") == 1 and b"http" not in schemes


def is_own_link(uri: bytes) -> bool:
    """Did this relay write it, for whoever got the message then?"""
    found = _OWN_LINK.search(uri)
    return found is not None and is_well_formed(found[1].decode("ascii"))


def mail_addresses(uris: Sequence[bytes]) -> tuple[bytes, ...]:
    """The mailto: URIs that may stand beside ours, the first few, each once."""
    found = [uri for uri in dict.fromkeys(uris) if _scheme(uri) == b"mailto" and len(uri) <= _MAX_MAILTO_OCTETS]
    return tuple([uri for uri in found if _USABLE.match(uri)][:_MAX_MAILTO])


def unsubscribe_fields(url: str, mailto: Sequence[bytes], *, one_click: bool) -> bytes:
    """List-Unsubscribe, with `one_click` List-Unsubscribe-Post. Folded after a comma, and only where it has to be.

    Raises ValueError for a URL that cannot stand there: a bug of ours, or an unchecked setting.
    """
    if not URL.fullmatch(url):
        raise ValueError("the unsubscribe URL is not a short http(s) URL of printable ASCII")
    field = b"List-Unsubscribe: <" + url.encode("ascii") + b">"
    if mailto:
        field = _joined(field, mailto)
    if not one_click:
        return field + b"\r\n"
    if not _ONE_CLICK_URL.match(url):
        raise ValueError("one-click unsubscribing needs an https URL (RFC 8058)")
    return field + b"\r\nList-Unsubscribe-Post: " + ONE_CLICK + b"\r\n"


def list_id_field(list_id: str) -> bytes:
    """Raises ValueError for an id that cannot stand there: an unchecked setting."""
    if len(list_id) > _MAX_LIST_ID or not _LIST_ID.fullmatch(list_id):
        raise ValueError("the list id is not a dotted name (RFC 2919)")
    return f"List-Id: <{list_id}>\r\n".encode("ascii")


def _joined(field: bytes, mailto: Sequence[bytes]) -> bytes:
    whole = field + b"".join([b", <" + uri + b">" for uri in mailto])
    if len(whole) <= MAX_LINE:
        return whole
    line = len(field)
    for uri in mailto:
        length = len(b"<" + uri + b">,")
        fits = line + len(b", ") + length <= MAX_LINE
        field += (b", <" if fits else b",\r\n <") + uri + b">"
        line = line + 1 + length if fits else length
    return field


def _scheme(uri: bytes) -> bytes:
    found = _SCHEME.match(uri)
    return b"" if found is None else found[1].lower()


def _has_whole_lines(value: bytes) -> bool:
    """Every CR with its LF, and no line that the next hop would break; the name stands before the first one."""
    lines = value.split(b"\r\n")
    longest = max(len(b"List-Unsubscribe:") + len(lines[0]), *map(len, lines))
    return longest <= MAX_LINE and b"\r" not in b"".join(lines) and b"\n" not in b"".join(lines)


def _after_gap(value: bytes, position: int) -> int:
    """Behind white space and comments; behind the end when a comment does not close."""
    while True:
        found = _SPACE.match(value, position)
        position = position if found is None else found.end()
        if not value.startswith(b"(", position):
            return position
        position = _after_comment(value, position)
        if position > len(value):
            return position


def _after_comment(value: bytes, position: int) -> int:
    depth = 0
    while sign := _COMMENT_SIGN.search(value, position):
        position = sign.end()
        if sign[0] == b"\\":
            position += 1
            continue
        depth += 1 if sign[0] == b"(" else -1
        if not depth:
            return position
    return len(value) + 1
