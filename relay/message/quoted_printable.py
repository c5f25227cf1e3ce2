"""Quoted-printable (RFC 2045 section 6.7): read strictly, written in legal lines, and edited at single places.

Knows nothing of parts or charsets. Never cuts inside `=XX` or a soft line break, never writes a line of more than 76
octets, never encodes a line end: hard line breaks stay CRLF.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Final, NamedTuple

#: Longest line (rule 5). A soft line break takes one octet of it.
_LINE: Final = 76
_SOFT: Final = b"=\r\n"
_MANY_SOFT: Final = _SOFT * 1000
_BLANKS: Final = (b" ", b"\t")
_CR: Final = 13
_TRAILING_SPACE: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r\n|\Z)")
#: A line without room for its soft line break.
_FULL: Final = re.compile(rb"^([^\n]{%d})=\r\n" % _LINE, re.MULTILINE)
_TOO_LONG: Final = re.compile(rb"[^\n]{%d}" % (_LINE + 2))
#: One call into C takes at most so much: it holds the interpreter's lock.
_CHUNK: Final = 1 << 16
_LONGEST: Final = 1 << 20


class Kept(NamedTuple):
    """A stretch of a raw body that stays, from start to end. broken: does it have a line end?

    first, last: the octets before its first line end and after its last, all of them where it has none. blank: is its
    first line white space only, that transport added to a line's end?
    """

    start: int
    end: int
    first: int
    last: int
    broken: bool
    blank: bool


def decode(raw: bytes) -> bytes | None:
    """The octets, None where something is no escape, no soft break and no text. A lone CR or LF is none of these, and
    nobody writes lines of a million octets.
    """
    octets = BytesIO()  # no second copy of them when they are taken out
    for start, end in _lines(raw):
        if end - start > _LONGEST:
            return None
        lines = _decoded(raw[start:end], is_last=end == len(raw))
        if lines is None:
            return None
        octets.write(lines)
    return octets.getvalue()


def encode(octets: bytes) -> bytes:
    """A whole body."""
    out: list[bytes | memoryview] = []
    column = 0
    for start, end in _stretches(octets):
        while column:  # a line that goes on
            column = _break_softly(out, column)
        chunk = octets[start:end]
        encoded = _encode_lines(chunk)
        out.append(encoded)
        column = 0 if chunk.endswith(b"\r\n") else len(encoded) - encoded.rfind(b"\n") - 1
    return b"".join(out)


def kept(raw: bytes, octets: bytes, cuts: Sequence[tuple[int, int]]) -> list[Kept]:
    """What of a body that `decode` took stays when those stretches of its octets are replaced: one more than cuts."""
    places = _places(raw, len(octets), cuts)
    stretches = []
    start = 0
    for place, after in (*places, (len(raw), len(raw))):
        first = raw.find(b"\r\n", start, place)
        broken = first >= 0
        head = (first if broken else place) - start
        last = place - raw.rfind(b"\r\n", start, place) - 2 if broken else head
        blank = (broken or place == len(raw)) and not raw[start : start + head].strip(b" \t")
        stretches.append(Kept(start, place, head, last, broken, blank))
        start = after
    return stretches


def filled(raw: memoryview, stretches: Sequence[Kept], insertions: Sequence[bytes]) -> list[bytes | memoryview]:
    """The raw body with insertions between what stays, in pieces; soft line breaks where a line would get too long."""
    first = stretches[0]
    out: list[bytes | memoryview] = [raw[: first.end]] if first.end else []
    column = first.last
    for insertion, one in zip(insertions, stretches[1:], strict=True):
        column = _insert(out, column, insertion)
        if one.blank:
            column = _protect(out, column)
        if one.first:
            column = _make_room(out, column, one.first)
        if one.start < one.end:
            out.append(raw[one.start : one.end])
        column = one.last if one.broken else column + one.last
    return out


def _insert(out: list[bytes | memoryview], column: int, insertion: bytes) -> int:
    """Appends the insertion, which begins in that column; returns the column in which it ends."""
    if not insertion:
        return column
    if out and out[-1][-1:] == b"=":  # a soft line break that the end of the part cut in two
        out.append(b"\r\n")
        column = 0
    lines = [_encode_inserted(line) for line in insertion.split(b"\r\n")]
    column = _make_room(out, column, len(lines[0])) if lines[0] else _protect(out, column)
    encoded = b"\r\n".join(lines)
    out.append(encoded)
    line_end = encoded.rfind(b"\n")
    return column + len(encoded) if line_end < 0 else len(encoded) - line_end - 1


def _protect(out: list[bytes | memoryview], column: int) -> int:
    """White space that comes to stand before a line's end would be lost (rule 3)."""
    while out and out[-1][-1:] in _BLANKS:
        column = _break_softly(out, column)
    return column


def _make_room(out: list[bytes | memoryview], column: int, size: int) -> int:
    while column and column + size > _LINE:
        column = _break_softly(out, column)
    return column


def _break_softly(out: list[bytes | memoryview], column: int) -> int:
    """Appends a soft line break; where the line is full already, before its last character."""
    if column < _LINE:
        out.append(_SOFT)
        return 0
    last = out[-1]
    size = 3 if last[-3:-2] == b"=" else 1
    out[-1:] = [last[:-size], _SOFT, last[-size:]]
    return size


@lru_cache(maxsize=1024)  # the footers of a mailing differ in a line or two
def _encode_inserted(line: bytes) -> bytes:
    return _encode_line(line)


def _encode_line(line: bytes) -> bytes:
    if not line:
        return line
    encoded = binascii.b2a_qp(line, istext=False).replace(b"=\n", _SOFT)
    # A lone LF is escaped, but the octet before it may stand where the soft line break should.
    return _FULL.sub(_broken_earlier, encoded) if b"\n" in line else encoded


def _broken_earlier(full: re.Match[bytes]) -> bytes:
    line = full[1]
    size = 3 if line[-3:-2] == b"=" else 1
    return line[:-size] + _SOFT + line[-size:] + _SOFT


def _encode_lines(chunk: bytes) -> bytes:
    ends = chunk.count(b"\r\n")
    if ends > 1 and ends == chunk.count(b"\n") == chunk.count(b"\r"):
        encoded = binascii.b2a_qp(chunk, istext=True)
        # White space before a line's end is escaped without a look at the line's length.
        if not _TOO_LONG.search(encoded):
            return encoded
    return b"\r\n".join([_encode_line(line) for line in chunk.split(b"\r\n")])


def _decoded(lines: bytes, *, is_last: bool) -> bytes | None:
    if not lines.count(b"\r\n") == lines.count(b"\n") == lines.count(b"\r"):
        return None
    lines = _stripped(lines)
    if is_last:
        lines = lines.removesuffix(b"=")  # a soft line break that the end of the part cut in two
    octets = binascii.a2b_qp(lines)
    # An escape shrinks by two octets, a soft break by three, and nothing broken shrinks as much.
    return octets if len(lines) - len(octets) == _shrinkage(lines) else None


def _shrinkage(encoded: bytes) -> int:
    """Where many octets are "=", leaving them out is faster than counting them."""
    return 2 * (len(encoded) - len(encoded.translate(None, b"="))) + encoded.count(_SOFT)


def _stretches(octets: bytes) -> Iterator[tuple[int, int]]:
    """Whole lines where they are not endless, about _CHUNK octets each."""
    for first, end in _lines(octets):
        start = first
        while end - start > _CHUNK:
            middle = start + _CHUNK - (octets[start + _CHUNK - 1] == _CR)
            yield start, middle
            start = middle
        yield start, end


def _lines(octets: bytes) -> Iterator[tuple[int, int]]:
    """Whole lines, about _CHUNK octets at once; more where there is a longer one."""
    start, size = 0, len(octets)
    while size - start > _CHUNK:
        end = octets.rfind(b"\r\n", start, start + _CHUNK)
        if end < 0:
            end = octets.find(b"\r\n", start)
        if end < 0:
            break
        yield start, end + 2
        start = end + 2
    yield start, size


def _between_characters(clean: bytes, place: int) -> int:
    """That place, or a bit before it when it lies inside an escape or a soft line break."""
    found = clean.find(b"=", max(place - 2, 0), place)
    return place if found < 0 else found


def _without_trailing_space(raw: bytes) -> bytes:
    """Rule 3: white space at the end of an encoded line was added in transport."""
    if _has_trailing_space(raw):
        return b"".join([_stripped(raw[start:end]) for start, end in _lines(raw)])
    return raw


def _has_trailing_space(lines: bytes) -> bool:
    # One octet is found in no time, three are not, and most mail has no tab.
    return b" \r\n" in lines or (b"\t" in lines and b"\t\r\n" in lines) or lines.endswith(_BLANKS)


def _stripped(lines: bytes) -> bytes:
    if _has_trailing_space(lines):
        return b"\r\n".join([line.rstrip(b" \t") for line in lines.split(b"\r\n")])
    return lines


def _places(raw: bytes, size: int, cuts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where in the raw body each cut begins and ends. One pass: no place is before the one that came before it.

    A cut begins after soft line breaks and ends before them.
    """
    clean = _without_trailing_space(raw)
    walk = _Walk(clean)
    found: list[tuple[int, int]] = []
    for start, end in cuts:
        walk.to(start)
        place = len(clean) if start == end == size else _after_soft_breaks(clean, walk.place)
        if end > start:
            walk.to(end)
        found.append((place, max(walk.place, place)))
    return found if clean is raw else _with_trailing_space(raw, found)


class _Walk:
    """Goes through encoded text and knows how many octets of it lie behind."""

    def __init__(self, clean: bytes) -> None:
        self.place = 0
        self._clean = clean
        self._behind = 0

    def to(self, offset: int) -> None:
        """To the end of the octet before that offset. As many raw octets as octets are missing never go too far."""
        clean = self._clean
        while self._behind < offset:
            if clean.startswith(_SOFT, self.place):
                self.place = _after_soft_breaks(clean, self.place)
            end = _between_characters(clean, self.place + min(offset - self._behind, _CHUNK))
            if end <= self.place:
                end = self.place + 3
            self._behind += end - self.place - _shrinkage(clean[self.place : end])
            self.place = end


def _after_soft_breaks(clean: bytes, place: int) -> int:
    while clean.startswith(_MANY_SOFT, place):
        place += len(_MANY_SOFT)
    while clean.startswith(_SOFT, place):
        place += 3
    return place


def _with_trailing_space(raw: bytes, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Places in the text without trailing white space, as places in the raw body; before white space at the place."""
    flat = [one for pair in places for one in pair]
    moved: list[int] = []
    behind = 0
    for start, end in _lines(raw):
        lines = raw[start:end]
        size = len(_stripped(lines))
        last = len(flat) if end == len(raw) else bisect_left(flat, behind + size)
        moved += [start + one for one in _moved(lines, [one - behind for one in flat[len(moved) : last]])]
        behind += size
    return list(zip(moved[::2], moved[1::2], strict=True))


def _moved(lines: bytes, places: list[int]) -> Iterator[int]:
    spaces = _TRAILING_SPACE.finditer(lines)
    space = next(spaces, None)
    added = 0
    for place in places:
        while space is not None and space.start() - added < place:
            added += space.end() - space.start()
            space = next(spaces, None)
        yield place + added
