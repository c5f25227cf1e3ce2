"""Parts that come in and parts that go out, with their delimiter lines. Nothing between the other delimiters changes.

A message of attachments alone gets a text of its own above them. Footers are added to text where there is text: that is
the business of others.
"""

from __future__ import annotations

from typing import Final

from relay.message.edits import Edit
from relay.message.footer import Footer
from relay.message.index import Index, Part
from relay.message.wrap import footer_part, wrapped

#: A part added to another kind would be an alternative, a picture, or break a signature.
_OPEN_TO_MORE: Final = "multipart/mixed"


def first_part(message: Index, root: Part, footer: Footer) -> list[Edit]:
    """A new first text with the footer: inside a multipart/mixed its first part, else in a new one around the whole."""
    if root.kind.kind != _OPEN_TO_MORE or not root.children or root.trouble:
        return wrapped(message, footer, footer_first=True)
    place = root.children[0].opening[0]
    part = b"--" + root.boundary + b"\r\n" + footer_part(footer, root.boundary)
    if message.content.startswith(b"\r\n", place):
        return [(place, place, b"\r\n" + part)]
    return [(place, place, part + b"\r\n")]  # no preamble: the first delimiter gets the line end that it did without


def part_removed(message: Index, part: Part) -> Edit:
    """A part and the delimiter line above it taken out; what follows stays with its own delimiter."""
    start, end = part.opening
    if part.end < len(message.content):
        return (start, part.end, b"")
    # The last part of a multipart that nobody closed: closed now, or the part before would have the last line end.
    delimiter = message.content[start:end].strip(b" \t\r\n")
    return (start, part.end, b"\r\n" + delimiter + b"--\r\n")
