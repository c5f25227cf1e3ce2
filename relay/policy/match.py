"""Which stream a message belongs to. Pure.

Client and sender bind streams, at MAIL. Headers come later and only choose among the streams so bound: they can never
give a client a stream that its policy files do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from relay.address import Address, matches_pattern
from relay.policy.model import Match, Policies, Stream

#: The client's own choice; taken out before the message goes on.
CHOICE_FIELD: Final = "x-consent-stream"
LIST_ID_FIELD: Final = "list-id"
_LIST_ID: Final = re.compile(r"<([^<>]*)>\s*\Z")


def bound_streams(policies: Policies, client_name: str, sender: Address | None) -> tuple[Stream, ...]:
    """The streams with a [[match]] for this client and sender, whatever it says of headers; in file order."""
    return tuple(
        stream for stream in policies.streams if any(_binds(match, client_name, sender) for match in stream.matches)
    )


def needs_headers(bound: Sequence[Stream]) -> bool:
    """Can only the message's headers settle it? Always among several; for one, when each of its matches asks for one.

    With one stream whose client and sender are enough nothing is left to choose.
    """
    return len(bound) > 1 or any(all(match.headers for match in stream.matches) for stream in bound)


def settle(
    bound: Sequence[Stream], client: str, sender: Address | None, headers: Mapping[str, Sequence[str]]
) -> Stream | None:
    """The one stream of the message, None when no bound stream fits.

    headers: lower-case field name to unfolded values. What names a stream counts, in this order: X-Consent-Stream;
    then the List-Id and the header conditions of [[match]]; then the streams that ask for no header. Where several are
    left, the commercial one, the first in file order. A header that names no bound stream is ignored: it could
    otherwise take a message out of the policy that binds its client and sender.
    """
    chosen = {value.strip().lower() for value in headers.get(CHOICE_FIELD, ())}
    list_ids = {_list_id(value) for value in headers.get(LIST_ID_FIELD, ())}
    fitting = [match for stream in bound for match in stream.matches if _binds(match, client, sender)]
    by_header = {id(match) for match in fitting if match.headers and _has_headers(match, headers)}
    without = {id(match) for match in fitting if not match.headers}
    for left in (
        [stream for stream in bound if stream.id in chosen],
        [
            stream
            for stream in bound
            if (stream.list_id and stream.list_id in list_ids)
            or any(id(match) in by_header for match in stream.matches)
        ],
        [stream for stream in bound if any(id(match) in without for match in stream.matches)],
    ):
        if left:
            return next((stream for stream in left if stream.is_commercial), left[0])
    return None


def claiming_match(
    stream: Stream, client: str, sender: Address | None, headers: Mapping[str, Sequence[str]]
) -> int | None:
    """Which [[match]] of the stream (from 0) fits; None when only X-Consent-Stream or List-Id chose it."""
    for number, match in enumerate(stream.matches):
        if _binds(match, client, sender) and _has_headers(match, headers):
            return number
    return None


def _binds(match: Match, client: str, sender: Address | None) -> bool:
    known = not match.clients or client in match.clients or "*" in match.clients
    return known and (not match.mail_from or any(matches_pattern(pattern, sender) for pattern in match.mail_from))


def _has_headers(match: Match, headers: Mapping[str, Sequence[str]]) -> bool:
    return all(
        any(matches_value(pattern, value) for pattern in patterns for value in headers.get(name, ()))
        for name, patterns in match.headers.items()
    )


def matches_value(pattern: str, value: str) -> bool:
    """`*` stands for any characters; case and white space at the edges do not matter.

    By searching, not by a regular expression: a header value may be long, and the time stays linear in it.
    """
    first, *rest = pattern.strip().casefold().split("*")
    text = value.strip().casefold()
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _list_id(value: str) -> str:
    """RFC 2919: an optional phrase, then the id in angle brackets; some mailers leave the brackets out."""
    enclosed = _LIST_ID.search(value)
    return (enclosed[1] if enclosed else value).strip().lower()
