"""A byte-exact map of a message: where its header fields stand, where its parts stand. Changes nothing.

Content is what DATA delivered: lines end in CRLF (RFC 5321 section 2.3.8). Anything else is taken as ordinary octets,
never as a line end; no bytes at all make this raise. `spans` of any content, joined, are that content.

The parts are read in one pass over the octets. Lines that begin with "--" are looked up among the boundaries of the
multiparts that are open there; where several match, the outermost has it. Work is bounded: past the figures below a
part says so in `trouble`, and nothing in it may be relied on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from relay.message.content_type import Parameterised, read_content_type, read_disposition, read_transfer

MAX_DEPTH: Final = 100
MAX_PARTS: Final = 1000
#: One header block: octets, and fields. More than is ever let in (256 kB, 5,000 lines), and room for what we add.
MAX_HEAD: Final = 327_680
MAX_FIELDS: Final = 5_500
#: Lines that begin like a delimiter and are none; more are taken as an attack on the time to find out.
_MAX_FALSE_DELIMITERS: Final = 500_000

# RFC 5322 section 2.2 with the white space before the colon that old mailers write; a field ends at a CRLF that no
# white space follows. One pass each, whatever the bytes.
_NAME: Final = re.compile(rb"([!-9;-~]++)[ \t]*+(:)")
_END: Final = re.compile(rb"\r\n(?![ \t])")
_ENVELOPE: Final = re.compile(rb">?From (?s:.*?)\r\n")
_FOLD: Final = re.compile(rb"\r\n(?=[ \t])")
#: No boundary holds these (RFC 2046 section 5.1.1); they would make "a line" mean two things.
_NO_BOUNDARY: Final = re.compile(rb"[\r\n\0]")
_DASHES: Final = b"\r\n--"

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
    """A header block. end: after its last field. body: after the empty line, or `end` without one.

    trouble: why it was not read to its end.
    """

    start: int
    fields: tuple[Field, ...]
    end: int
    body: int
    trouble: str = ""

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
    in here may be relied on. opening: the delimiter line above it, from the CRLF before to the CRLF after; (0, 0) for
    the whole message. Where two delimiters share one CRLF, it is the second's. closing: the last delimiter of a closed
    multipart, else (end, end).
    """

    head: Head
    end: int
    kind: Parameterised
    transfer: str
    attached: bool
    named: bool
    opening: tuple[int, int]
    closing: tuple[int, int]
    boundary: bytes = b""
    children: tuple[Part, ...] = ()
    closed: bool = True
    trouble: str = ""

    @property
    def body(self) -> int:
        return self.head.body


class Span(NamedTuple):
    """A piece of a message. kind: envelope, field, empty line, preamble, delimiter, body, epilogue, or unread."""

    kind: str
    start: int
    end: int


def index(content: bytes) -> Index:
    """The header fields of a message. Its parts are read by `parts_of`, by those who need them."""
    envelope = _ENVELOPE.match(content)
    top = 0 if envelope is None else envelope.end()
    return Index(content, top, read_head(content, top))


def read_head(content: bytes, start: int, stops: Callable[[int], bool] | None = None) -> Head:
    """The header block that starts there. stops: is the line at that offset, which begins with "--", a delimiter?

    A delimiter ends the block and has the CRLF before it.
    """
    fields: list[Field] = []
    position, end = start, len(content)
    trouble = ""
    while position < end:
        if stops is not None and content.startswith(b"--", position) and stops(position):
            if fields:
                fields[-1] = fields[-1]._replace(end=position - 2)
            return Head(min(start, position - 2), tuple(fields), position - 2, position - 2)
        if content.startswith(b"\r\n", position):
            if stops is not None and content.startswith(b"--", position + 2) and stops(position + 2):
                return Head(start, tuple(fields), position, position)
            return Head(start, tuple(fields), position, position + 2)
        found = _NAME.match(content, position)
        if found is None:
            break
        last = _END.search(content, found.end())
        after = end if last is None else last.end()
        if len(fields) >= MAX_FIELDS or after - start > MAX_HEAD:
            trouble = "a header block that is too long"
            break
        fields.append(Field(found[1].decode("ascii").lower(), position, found.end(2), after))
        position = after
    return Head(start, tuple(fields), position, position, trouble)


def unfolded(content: bytes, field: Field) -> bytes:
    """A field's value in one line, without the white space around it."""
    return _FOLD.sub(b"", content[field.value : field.end]).strip(b" \t\r\n")


def parts_of(message: Index) -> Part:
    """The tree of MIME parts."""
    return _Reader(message.content).read(message.head)


def spans(message: Index, root: Part) -> Iterator[Span]:
    """What stands where, from the first octet to the last, without a gap. Empty pieces are left out."""
    if message.top:
        yield Span("envelope", 0, message.top)
    yield from (one for one in _spans(root) if one.start < one.end)


def _spans(part: Part) -> Iterator[Span]:
    for field in part.head.fields:
        yield Span("field", field.start, field.end)
    yield Span("empty line", part.head.end, part.body)
    if not part.children and not part.closing[0] < part.closing[1]:
        yield Span("body", part.body, part.end)
        return
    position, kind = part.body, "preamble"
    for child in part.children:
        yield Span(kind, position, child.opening[0])
        yield Span("delimiter", *child.opening)
        yield from _spans(child)
        position, kind = child.end, "unread"
    yield Span(kind, position, part.closing[0])
    yield Span("delimiter", *part.closing)
    yield Span("epilogue", part.closing[1], part.end)


class _Open:
    """A part whose end is not yet found."""

    __slots__ = (
        "attached", "boundary", "children", "closed", "closing", "head", "kind", "named", "opening", "transfer", "trouble",
    )  # fmt: skip

    def __init__(self, content: bytes, head: Head, opening: tuple[int, int], default: Parameterised) -> None:
        self.head = head
        self.opening = opening
        self.closing: tuple[int, int] | None = None
        self.boundary = b""
        self.children: list[Part] = []
        self.closed = True
        self.trouble = head.trouble
        self.kind = default
        self.transfer = "7bit"
        disposition: Parameterised | None = None
        seen: set[str] = set()
        for field in head.fields:
            name = field.name
            if not name.startswith("content-"):
                continue
            if name == "content-type":
                self.kind = read_content_type(content, field.value, field.end)
            elif name == "content-transfer-encoding":
                self.transfer = read_transfer(content, field.value, field.end)
            elif name == "content-disposition":
                before, disposition = disposition, read_disposition(content, field.value, field.end)
                if before is not None and before.kind == disposition.kind:
                    continue  # said twice
            else:
                continue
            if name in seen:
                self.trouble = f"two {name} fields"
            seen.add(name)
        if not self.kind.sound:
            self.trouble = self.trouble or "a malformed Content-Type"
        self.attached = disposition is not None and disposition.kind != "inline"
        self.named = self.kind.has("name") or (disposition is not None and disposition.has("filename"))

    def ended(self, end: int) -> Part:
        if self.boundary and not self.children:
            self.trouble = self.trouble or "a multipart without parts"
        return Part(
            self.head, end, self.kind, self.transfer, self.attached, self.named, self.opening,
            self.closing or (end, end), self.boundary, tuple(self.children), self.closed, self.trouble,
        )  # fmt: skip


class _Reader:
    """Reads the parts of one message. Holds those that are open, the outermost first."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._stack: list[_Open] = []
        self._levels: dict[bytes, int] = {}  # by the boundary of a multipart that is open: its place in the stack
        self._parts = 0

    def read(self, head: Head) -> Part:
        content = self._content
        position = self._begin(head, (0, 0), TEXT_PLAIN)
        false_delimiters = 0
        while self._levels:
            start = content.find(_DASHES, position)
            if start < 0:
                break
            level, closing, eol = self._delimiter(start + 2)
            if level < 0:
                false_delimiters += 1
                if false_delimiters > _MAX_FALSE_DELIMITERS:
                    self._give_up("too many lines that look like delimiters")
                    break
                position = start + 4
                continue
            # A multipart's first delimiter may follow the empty line directly, whose CRLF is not part of it.
            start = max(start, self._stack[-1].head.body)
            self._end_above(level, start)
            if closing:
                self._close(level, start, eol)
                position = eol
            elif self._parts >= MAX_PARTS:
                self._give_up("too many parts")
                break
            else:
                default = _MESSAGE if self._stack[level].kind.kind == "multipart/digest" else TEXT_PLAIN
                child = read_head(content, min(eol + 2, len(content)), self._is_delimiter)
                position = self._begin(child, (start, child.start), default)
        end = len(content)
        self._end_above(0, end)
        return self._stack[0].ended(end)

    def _begin(self, head: Head, opening: tuple[int, int], default: Parameterised) -> int:
        """A new part, inside those that are open. Returns where to look for the next delimiter."""
        self._parts += 1
        part = _Open(self._content, head, opening, default)
        self._stack.append(part)
        if part.kind.kind.startswith("multipart/") and not part.trouble:
            part.closed = False
            boundary = part.kind["boundary"].rstrip(" \t").encode("latin-1")
            if not boundary:
                part.trouble = "a multipart without a boundary"
            elif _NO_BOUNDARY.search(boundary):
                part.trouble = "a malformed boundary"
            elif len(self._stack) > MAX_DEPTH:
                part.trouble = "parts nested too deep"
            else:
                part.boundary = boundary
                self._levels.setdefault(boundary, len(self._stack) - 1)
        return max(head.body - 2, opening[1])

    def _delimiter(self, start: int) -> tuple[int, bool, int]:
        """Whose delimiter is the line that starts there with "--": which level (-1 for none), its last? And its end."""
        eol = self._content.find(b"\r\n", start)
        if eol < 0:
            eol = len(self._content)
        text = self._content[start + 2 : eol].rstrip(b" \t")
        level = self._levels.get(text, -1)
        if text.endswith(b"--"):
            closes = self._levels.get(text[:-2], -1)
            if closes >= 0 and (level < 0 or closes < level):
                return closes, True, eol
        return level, False, eol

    def _is_delimiter(self, start: int) -> bool:
        return self._delimiter(start)[0] >= 0

    def _end_above(self, level: int, end: int) -> None:
        """The parts inside the multipart of that level end here."""
        while len(self._stack) > level + 1:
            part = self._stack.pop()
            self._forget(part.boundary, len(self._stack))
            self._stack[-1].children.append(part.ended(end))

    def _close(self, level: int, start: int, eol: int) -> None:
        part = self._stack[level]
        self._forget(part.boundary, level)
        after = min(eol + 2, len(self._content))
        if self._content.startswith(b"--", after) and self._is_delimiter(after):
            after = eol
        part.closed, part.closing = True, (start, after)

    def _forget(self, boundary: bytes, level: int) -> None:
        if self._levels.get(boundary) == level:
            del self._levels[boundary]

    def _give_up(self, trouble: str) -> None:
        for part in self._stack:
            part.trouble = part.trouble or trouble
