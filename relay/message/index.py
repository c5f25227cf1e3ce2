"""A byte-exact map of a message: where its header fields stand, where its parts stand. Changes nothing.

Content is what DATA delivered: lines end in CRLF (RFC 5321 section 2.3.8). Anything else is taken as ordinary octets,
never as a line end; no bytes at all make this raise. Work is bounded: past MAX_DEPTH, MAX_PARTS or the budget for
looking for delimiters a part says so in `trouble` and is not opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from relay.message.content_type import Parameterised, read_content_type, read_disposition

MAX_DEPTH: Final = 100
MAX_PARTS: Final = 1000
#: Lines that begin like a delimiter and are none; more are taken as an attack on the time to find out.
_MAX_FALSE_DELIMITERS: Final = 10_000
#: How many octets may be searched for delimiters, as a multiple of the message's size: deeper nests search again.
_SEARCHES: Final = 12
_SEARCHES_FLOOR: Final = 1_000_000

# RFC 5322 section 2.2 with the white space before the colon that old mailers write; a field ends at a CRLF that no
# white space follows. One pass each, whatever the bytes.
_NAME: Final = re.compile(rb"([!-9;-~]++)[ \t]*+(:)")
_END: Final = re.compile(rb"\r\n(?![ \t])")
_ENVELOPE: Final = re.compile(rb">?From (?s:.*?)\r\n")
_FOLD: Final = re.compile(rb"\r\n(?=[ \t])")

TEXT_PLAIN: Final = Parameterised("text/plain")
_MESSAGE: Final = Parameterised("message/rfc822")


class Field(NamedTuple):
    """One header field. name: lower case. value: where its value starts, after the colon. end: after its CRLF.

    A tuple, because there are dozens a message and a frozen dataclass takes three times as long to make.
    """

    name: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class Head:
    """A header block. end: after its last field. body: after the empty line, or `end` without one."""

    start: int
    fields: tuple[Field, ...]
    end: int
    body: int

    @property
    def has_empty_line(self) -> bool:
        return self.body > self.end

    def named(self, name: str) -> list[Field]:
        return [one for one in self.fields if one.name == name]


@dataclass(frozen=True, slots=True)
class Index:
    """A message. top: where the first header field may stand: after an mbox "From " line, which has to stay first."""

    content: bytes
    top: int
    head: Head


@dataclass(frozen=True, slots=True)
class Part:
    """A MIME entity. It ends at `end`: the CRLF before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).

    transfer: lower case, "7bit" by default. attached: its disposition is another than inline. named: it has a file
    name. boundary: of a multipart that was read, else b"". closed: its last delimiter is there. trouble: why nothing
    in here may be relied on.
    """

    head: Head
    end: int
    kind: Parameterised
    transfer: str
    attached: bool
    named: bool
    boundary: bytes = b""
    children: tuple[Part, ...] = ()
    closed: bool = True
    trouble: str = ""

    @property
    def body(self) -> int:
        return self.head.body


def index(content: bytes) -> Index:
    """The header fields of a message. Its parts are read by `parts_of`, by those who need them."""
    envelope = _ENVELOPE.match(content)
    top = 0 if envelope is None else envelope.end()
    return Index(content, top, read_head(content, top, len(content)))


def read_head(content: bytes, start: int, end: int) -> Head:
    fields: list[Field] = []
    position = start
    while position < end:
        if content.startswith(b"\r\n", position) and position + 2 <= end:
            return Head(start, tuple(fields), position, position + 2)
        found = _NAME.match(content, position, end)
        if found is None:
            break
        name = found[1]
        last = _END.search(content, found.end(), end)
        after = end if last is None else last.end()
        fields.append(Field(name.decode("ascii").lower(), position, found.end(2), after))
        position = after
    return Head(start, tuple(fields), position, position)


def unfolded(content: bytes, field: Field) -> bytes:
    """A field's value in one line, without the white space around it."""
    return _FOLD.sub(b"", content[field.value : field.end]).strip(b" \t\r\n")


def parts_of(message: Index) -> Part:
    """The tree of MIME parts."""
    return _Reader(message.content).part(message.head, len(message.content), TEXT_PLAIN, 0)


class _Reader:
    """Reads one message's parts and counts what that costs."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._parts = 0
        self._false_delimiters = 0
        self._octets = len(content) * _SEARCHES + _SEARCHES_FLOOR

    def part(self, head: Head, end: int, default: Parameterised, depth: int) -> Part:
        content = self._content
        self._parts += 1
        kind, transfer, disposition = default, "7bit", TEXT_PLAIN
        trouble = ""
        seen = set()
        for field in head.fields:
            if not field.name.startswith("content-"):
                continue
            if field.name == "content-type":
                kind = read_content_type(content, field.value, field.end)
            elif field.name == "content-transfer-encoding":
                transfer = unfolded(content, field).decode("latin-1").lower()
            elif field.name == "content-disposition":
                disposition = read_disposition(content, field.value, field.end)
            else:
                continue
            if field.name in seen:
                trouble = f"two {field.name} fields"
            seen.add(field.name)
        if not kind.sound:
            trouble = trouble or "a malformed Content-Type"
        attached = "content-disposition" in seen and disposition.kind != "inline"
        named = kind.has("name") or ("content-disposition" in seen and disposition.has("filename"))
        if not kind.kind.startswith("multipart/") or trouble:
            return Part(head, end, kind, transfer, attached, named, trouble=trouble)
        return self._multipart(Part(head, end, kind, transfer, attached, named), depth)

    def _multipart(self, part: Part, depth: int) -> Part:
        head, end, kind = part.head, part.end, part.kind
        boundary = kind["boundary"].rstrip(" \t").encode("latin-1")
        self._octets -= end - head.body
        trouble = ""
        if not boundary:
            trouble = "a multipart without a boundary"
        elif depth >= MAX_DEPTH or self._octets < 0:
            trouble = "parts nested too deep"
        spots = [] if trouble else self._delimiters(b"--" + boundary, head.body, end)
        if not trouble and not spots:
            trouble = "a multipart without parts"
        children: list[Part] = []
        default = _MESSAGE if kind.kind == "multipart/digest" else TEXT_PLAIN
        closed = bool(spots) and spots[-1][2]
        for number, (_, after, closing) in enumerate(spots):
            if closing:
                break
            if self._parts >= MAX_PARTS or self._false_delimiters > _MAX_FALSE_DELIMITERS:
                trouble = "too many parts"
                break
            until = spots[number + 1][0] if number + 1 < len(spots) else end
            start = min(after, until)  # two delimiters may share one CRLF: an empty part
            children.append(self.part(read_head(self._content, start, until), until, default, depth + 1))
        return replace(part, boundary=boundary, children=tuple(children), closed=closed, trouble=trouble)

    def _delimiters(self, dashes: bytes, start: int, end: int) -> list[tuple[int, int, bool]]:
        """Where delimiter lines stand: start with the CRLF before, end with the CRLF after, is it the last one?"""
        content = self._content
        spots: list[tuple[int, int, bool]] = []
        line = re.compile(rb"(--)?[ \t]*+(?:\r\n|\Z)")
        needle = b"\r\n" + dashes
        position = start if content.startswith(dashes, start, end) else content.find(needle, start, end)
        while position >= 0:
            begins = position + (2 if content.startswith(b"\r\n", position) else 0) + len(dashes)
            found = line.match(content, begins, end)
            if found is None:
                self._false_delimiters += 1
                position = content.find(needle, begins, end)
            else:
                spots.append((position, found.end(), found[1] is not None))
                if found[1] is not None:
                    break
                # The CRLF that ends this line may begin the next delimiter.
                position = content.find(needle, max(begins, found.end() - 2), end)
            if len(spots) > MAX_PARTS or self._false_delimiters > _MAX_FALSE_DELIMITERS:
                break
        return spots
