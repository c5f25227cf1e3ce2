"""A message of eight bits as one of seven that says the same (RFC 6152 section 3, RFC 2045 section 6): bodies are encoded
and labelled anew, so that any next hop takes it.

For copies that go back to whoever sent the message, never for mail that goes on: signatures over the octets end by it.
Guesses nothing: what two programs may read in two ways, and what must not be opened, is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relay.message.edits import Edit, applied
from relay.message.index import Index, Part, index, parts_of
from relay.message.part_labels import in_doubt, labelled
from relay.message.transfer import Transfer, encode, shortest_seven_bit, transfer_of

#: Messages inside each other that are opened.
_MOST_INSIDE: Final = 10
_SIGNED: Final = "multipart/signed"


class _CannotBeToldError(Exception):
    """It cannot be put into seven bits without a guess."""


def in_seven_bits(content: bytes) -> bytes | None:
    """The whole message, all of it ASCII, its line ends as they were; None where that would change what it says.

    None: for eight bits in a header or outside every part, for damaged structure, and for signed parts that would have
    to be encoded.
    """
    if content.isascii():
        return content
    try:
        return _converted(content, _MOST_INSIDE)
    except _CannotBeToldError:
        return None


def _converted(content: bytes, depth: int) -> bytes:
    message = index(content)
    converted = applied(content, list(_edits(message, parts_of(message), depth)))
    if not converted.isascii():  # in a header, a preamble, an epilogue
        raise _CannotBeToldError
    return converted


def _edits(message: Index, part: Part, depth: int) -> Iterator[Edit]:
    body = message.content[part.body : part.end]
    transfer = transfer_of(part.transfer)
    # RFC 1847 section 2.1: whoever encodes a signed part breaks it.
    firm = transfer is None or not transfer.is_identity or part.kind.kind == _SIGNED
    if firm or part.trouble or not part.head.has_empty_line or in_doubt(message, part):
        if not body.isascii():
            raise _CannotBeToldError
        return
    if part.boundary or body.isascii():
        if transfer is not Transfer.SEVEN_BIT:  # RFC 2045 section 6.4: no multipart claims less than a part of it does
            yield from labelled(message, part, transfer=Transfer.SEVEN_BIT)
        for child in part.children:
            yield from _edits(message, child, depth)
        return
    transfer, body = _body(part, body, depth)
    yield (part.body, part.end, body)
    yield from labelled(message, part, transfer=transfer)


def _body(part: Part, body: bytes, depth: int) -> tuple[Transfer, bytes]:
    """RFC 2046 section 5.2: a message inside is not encoded, but its parts are; RFC 6532 section 3.7: message/global is."""
    match part.kind.kind.partition("/"):
        case ("message", _, "rfc822") if depth:
            return Transfer.SEVEN_BIT, _converted(body, depth - 1)
        case ("message", _, subtype) if subtype != "global":
            raise _CannotBeToldError
        case ("text", _, _):
            transfer = shortest_seven_bit(body)
        case _:
            transfer = Transfer.BASE64
    return transfer, encode(body, transfer)
