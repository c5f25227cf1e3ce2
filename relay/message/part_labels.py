"""The header fields of a part that say what its body is: its charset, its transfer encoding, sums over its octets.

A body is changed by others; here the fields follow. Only the word that is no longer true is written, the rest of a field
stays octet by octet.
"""

from __future__ import annotations

import re
from typing import Final

from relay.message.edits import Edit
from relay.message.index import Field, Index, Part
from relay.message.transfer import Transfer

#: Wrong as soon as the body changes.
_STALE: Final = frozenset({"content-md5", "content-length", "lines"})
_SPACE: Final = b" \t"
_NO_PARAMETER: Final = re.compile(rb";[ \t\r\n]*+;")


def in_doubt(message: Index, part: Part) -> bool:
    """Would some programs not see a change of these fields?

    White space before a colon ends the header block for some (Mutt, Python's parser): the rest is text to them. Behind
    ";;" some read no charset (libmime, Email::MIME).
    """
    fields, content = part.head.fields, message.content
    if any(content[one.value - 2] in _SPACE for one in fields):
        return True
    return any(_NO_PARAMETER.search(content, one.value, one.end) for one in part.head.named("content-type"))


def labelled(message: Index, part: Part, charset: str = "", transfer: Transfer | None = None) -> list[Edit]:
    """For a body that has changed. charset, transfer: the new ones, "" and None where it has the old ones.

    A part without Content-Type that gets a charset becomes the text/plain that it was taken for.
    """
    edits: list[Edit] = [(one.start, one.end, b"") for one in part.head.fields if one.name in _STALE]
    if not charset and transfer is None:
        return edits
    added = b""
    if part.head == message.head and not part.head.named("mime-version"):
        added += b"MIME-Version: 1.0\r\n"
    if charset and part.head.named("content-type"):
        edits.append(_charset(part, charset))
    elif charset:
        added += b"Content-Type: text/plain; charset=" + charset.encode("ascii") + b"\r\n"
    fields = part.head.named("content-transfer-encoding")
    if transfer is not None and fields:
        edits.append(_value(message.content, fields[0], transfer))
    elif transfer is not None:
        added += b"Content-Transfer-Encoding: " + transfer.encode("ascii") + b"\r\n"
    if added:
        edits.append((part.head.end, part.head.end, added))
    return edits


def _charset(part: Part, label: str) -> Edit:
    known = part.kind.parameters.get("charset")
    if known is not None:
        return (known.start, known.end, label.encode("ascii"))
    return (part.kind.kind_end, part.kind.kind_end, b"; charset=" + label.encode("ascii"))


def _value(content: bytes, field: Field, transfer: Transfer) -> Edit:
    return (field.start, field.end, content[field.start : field.value] + b" " + transfer.encode("ascii") + b"\r\n")
