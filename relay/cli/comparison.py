"""Two messages beside each other: which header fields, which parts differ, and what their texts say once decoded.

Reads octets alone and knows nothing of policies or of how the second message was made, so what it says is what a mail
program would find. Lenient where the rewriting is strict: this is for people's eyes. Prints nothing.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from relay.message.charset import charset_of
from relay.message.index import Index, Part, index, parts_of, unfolded
from relay.message.transfer import Transfer, decode, transfer_of

#: Labels that mail programs read as another one's superset.
_AS_PROGRAMS_READ: Final = {"ascii": "utf-8", "iso8859-1": "cp1252", "iso8859_1": "cp1252"}
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_REFERENCE: Final = re.compile(r"&#([0-9]{1,7});")


@dataclass(frozen=True, slots=True)
class HeaderField:
    """name: as written. value: unfolded; octets outside UTF-8 show as U+FFFD."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Side:
    """One part as it stands in one of the messages. path: "1.2" counts from one, as IMAP does; "1" for a message of
    one part. text: decoded, lines ending in LF, in HTML letters for their numbers; None where it is no text. octets: of
    its body as it travels.
    """

    path: str
    kind: str
    transfer: str
    charset: str
    octets: int
    text: str | None


@dataclass(frozen=True, slots=True)
class PartPair:
    """A part before and after; None on a side where it is not. changed: do its octets differ?"""

    before: Side | None
    after: Side | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """removed, added: header fields of the message itself, in their order; a changed one stands in both."""

    removed: tuple[HeaderField, ...]
    added: tuple[HeaderField, ...]
    parts: tuple[PartPair, ...]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """key: equal for parts that travel as the same octets, wherever they stand."""

    side: Side
    key: tuple[bytes, bytes]


def compared(before: bytes, after: bytes) -> Comparison:
    """Never raises, whatever the octets."""
    old, new = index(before), index(after)
    removed, added = _fields(old, new)
    return Comparison(removed, added, tuple(_pairs(_leaves(old), _leaves(new))))


def _fields(old: Index, new: Index) -> tuple[tuple[HeaderField, ...], tuple[HeaderField, ...]]:
    before = Counter(old.content[one.start : one.end] for one in old.head.fields)
    after = Counter(new.content[one.start : one.end] for one in new.head.fields)
    return _only_in(old, before - after), _only_in(new, after - before)


def _only_in(message: Index, left: Counter[bytes]) -> tuple[HeaderField, ...]:
    found: list[HeaderField] = []
    for one in message.head.fields:
        octets = message.content[one.start : one.end]
        if left[octets]:
            left[octets] -= 1
            name = octets.partition(b":")[0].rstrip().decode("ascii", "replace")
            value = unfolded(message.content, one).decode("utf-8", "replace").replace("\t", " ")
            found.append(HeaderField(name, value))
    return tuple(found)


def _pairs(old: list[_Leaf], new: list[_Leaf]) -> Iterator[PartPair]:
    """Parts that are the same stay together; between them, first with first of the same type."""
    matcher = SequenceMatcher(None, [one.key for one in old], [one.key for one in new], autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            for left, right in zip(old[start:end], new[new_start:new_end], strict=True):
                yield PartPair(left.side, right.side, changed=False)
        else:
            yield from _changed([one.side for one in old[start:end]], [one.side for one in new[new_start:new_end]])


def _changed(old: list[Side], new: list[Side]) -> Iterator[PartPair]:
    rest = list(new)
    for left in old:
        right = next((one for one in rest if one.kind == left.kind), None)
        if right is not None:
            rest.remove(right)
        yield PartPair(left, right, changed=True)
    yield from (PartPair(None, right, changed=True) for right in rest)


def _leaves(message: Index) -> list[_Leaf]:
    return [_leaf(message, part, path) for part, path in _walked(parts_of(message), "")]


def _walked(part: Part, path: str) -> Iterator[tuple[Part, str]]:
    if not part.children:
        yield part, path or "1"
    for number, child in enumerate(part.children, 1):
        yield from _walked(child, f"{path}.{number}" if path else str(number))


def _leaf(message: Index, part: Part, path: str) -> _Leaf:
    content = message.content
    body = content[part.body : part.end]
    described = b"".join([content[one.start : one.end] for one in part.head.fields if one.name.startswith("content-")])
    charset = part.kind["charset"]
    text = _text(body, part) if part.kind.kind.startswith("text/") or not part.kind.kind else None
    side = Side(path, part.kind.kind, part.transfer, charset.lower() or _assumed(part), len(body), text)
    return _Leaf(side, (described, body))


def _assumed(part: Part) -> str:
    return "us-ascii" if part.kind.kind.startswith("text/") else ""


def _text(body: bytes, part: Part) -> str:
    octets = _octets(body, part.transfer)
    known = charset_of(part.kind["charset"])
    try:
        name = codecs.lookup(known.codec if known else part.kind["charset"]).name
        text = octets.decode(_AS_PROGRAMS_READ.get(name, name), "replace")
    except (LookupError, ValueError, AssertionError):  # no charset at all, or a codec that does not make text
        text = octets.decode("utf-8", "replace")
    text = _LINE_END.sub("\n", text)
    return _REFERENCE.sub(_letter, text) if part.kind.kind == "text/html" else text


def _letter(found: re.Match[str]) -> str:
    """Of a reference such as `&#26085;`, which is how text outside ASCII may be written; not of what could be markup."""
    code = int(found[1])
    return chr(code) if 0xA0 <= code < 0xD800 or 0xE000 <= code < 0x110000 else found[0]


def _octets(body: bytes, label: str) -> bytes:
    transfer = transfer_of(label)
    octets = None if transfer is None else decode(body, transfer)
    if octets is not None:
        return octets
    try:
        if transfer is Transfer.BASE64:
            return binascii.a2b_base64(body)
        return binascii.a2b_qp(body) if transfer is Transfer.QUOTED_PRINTABLE else body
    except binascii.Error:
        return body
