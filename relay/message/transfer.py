"""Transfer encodings (RFC 2045 section 6): text is put into an encoded body by changing as little of it as possible.

`decode` is strict: where two decoders may differ it says None, and the body stays as it is. `opened` finds the places
in the raw body that belong to places in the decoded one, once a message; `filled` writes a new raw body, once a copy.
Never decides what is put where.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final

from relay.message import quoted_printable
from relay.message.quoted_printable import Kept

#: Decoded offsets: what lies between them is replaced; two equal ones insert.
Cut = tuple[int, int]

#: RFC 2045 section 6.8: longest line of base64, and the octets that fill it.
_LINE: Final = 76
_OCTETS: Final = _LINE // 4 * 3
#: RFC 5322 section 2.1.1: longest line on the wire, without its CRLF. Longer ones are broken by the next hop.
MAX_LINE: Final = 998
#: One call into C takes at most so many lines: it holds the interpreter's lock.
_LINES: Final = 1 << 11
_CHUNK: Final = 1 << 16
_WHITE: Final = b" \t\r\n"
_SPECIAL: Final = bytes(range(128, 256)) + b"="


class Transfer(StrEnum):
    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    BINARY = "binary"
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"

    @property
    def is_identity(self) -> bool:
        return self in _IDENTITIES


_IDENTITIES: Final = frozenset({Transfer.SEVEN_BIT, Transfer.EIGHT_BIT, Transfer.BINARY})


def transfer_of(label: str) -> Transfer | None:
    try:
        return Transfer(label or "7bit")
    except ValueError:
        return None


def decode(raw: bytes, transfer: Transfer) -> bytes | None:
    """The octets of a body, None where its encoding is broken.

    Base64 with padding in its middle is: some read on after it, others never look at what follows.
    """
    if transfer.is_identity:
        return raw
    if transfer is Transfer.QUOTED_PRINTABLE:
        return quoted_printable.decode(raw)
    try:
        return _from_base64(raw)
    except binascii.Error:
        return None


def encode(octets: bytes, transfer: Transfer) -> bytes:
    """A whole body. Line ends (CRLF) stay line ends in quoted-printable; every other octet survives."""
    if transfer.is_identity:
        return octets
    if transfer is Transfer.BASE64:
        return b"".join([*_base64_lines(octets), b"\r\n"])
    return quoted_printable.encode(octets)


def shortest_seven_bit(octets: bytes) -> Transfer:
    """For text that no longer fits into 7bit: readable where most of it is ASCII, else base64."""
    special = len(octets) - len(octets.translate(None, _SPECIAL))
    return Transfer.QUOTED_PRINTABLE if special * 6 < len(octets) else Transfer.BASE64


def has_long_line(octets: bytes, until: int | None = None) -> bool:
    """Is there a line that the next hop would break? until: where to stop looking, None for the end."""
    position, end = 0, len(octets) if until is None else until
    while end - position > MAX_LINE:
        line_end = octets.rfind(b"\r\n", position, min(position + MAX_LINE + 2, end))
        if line_end < 0:
            return True
        position = line_end + 2
    return False


@dataclass(frozen=True, slots=True)
class Opening:
    """A raw body that is open where stretches of its octets are replaced. Holds nothing of it that its message holds.

    recoded: the body as it is encoded anew, None where the message's own stays. kept: what of a quoted-printable body
    stays, one more than cuts. A base64 body stays up to `place`; behind that comes `line_end`, then the octets from
    number `held` on, `tail`, are encoded again, and `after` ends it.
    """

    transfer: Transfer
    cuts: tuple[Cut, ...]
    recoded: bytes | None = None
    kept: tuple[Kept, ...] = ()
    place: int = 0
    line_end: bytes = b""
    held: int = 0
    tail: bytes = b""
    after: bytes = b""


def opened(raw: bytes, octets: bytes, cuts: Sequence[Cut], transfer: Transfer) -> Opening:
    """raw: a body that `decode` took, octets: what it gave. cuts: at least one, sorted, none over another.

    An encoded body with a line that the next hop would break is encoded anew; of any other all that stands outside the
    cuts stays (base64: whole lines before the first cut).
    """
    fixed = tuple(cuts)
    if transfer is Transfer.BASE64:
        held, place, line_end, after = _around_base64(raw, octets, fixed[0][0])
        return Opening(transfer, fixed, place=place, line_end=line_end, held=held, tail=octets[held:], after=after)
    if transfer is Transfer.QUOTED_PRINTABLE:
        recoded = quoted_printable.encode(octets) if has_long_line(raw) else None
        return Opening(
            transfer, fixed, recoded, tuple(quoted_printable.kept(raw if recoded is None else recoded, octets, fixed))
        )
    return Opening(transfer, fixed)


def filled(opening: Opening, raw: bytes | memoryview, insertions: Sequence[bytes]) -> list[bytes | memoryview]:
    """The body with the insertions, one for each cut, in pieces. raw: the one that was opened.

    In an identity encoding a line may get too long for the wire (`has_long_line`): nothing can break it there.
    """
    body = memoryview(raw if opening.recoded is None else opening.recoded)
    if opening.transfer is Transfer.QUOTED_PRINTABLE:
        return quoted_printable.filled(body, opening.kept, insertions)
    if opening.transfer is not Transfer.BASE64:
        return _woven(body, 0, opening.cuts, insertions)
    octets = b"".join(_woven(memoryview(opening.tail), opening.held, opening.cuts, insertions))
    place, line_end = opening.place, opening.line_end
    if not octets:  # no line behind the last one
        place, line_end = (place, b"") if line_end else (place - 2, b"")
    return [body[: max(place, 0)], line_end, *_base64_lines(octets), opening.after]


def _woven(
    octets: memoryview, first: int, cuts: Sequence[Cut], insertions: Sequence[bytes]
) -> list[bytes | memoryview]:
    """octets: from number `first` on; with the insertions."""
    pieces: list[bytes | memoryview] = []
    start = first
    for (cut, end), insertion in zip(cuts, insertions, strict=True):
        pieces += (octets[start - first : cut - first], insertion)
        start = end
    pieces.append(octets[start - first :])
    return pieces


def _from_base64(raw: bytes) -> bytes:
    """Raises binascii.Error."""
    octets = BytesIO()  # no second copy of them when they are taken out
    rest = b""
    padded = False
    for start in range(0, len(raw), _CHUNK):
        digits = rest + raw[start : start + _CHUNK].translate(None, _WHITE)
        if padded and digits:
            raise binascii.Error("padding in the middle")
        whole = len(digits) // 4 * 4
        octets.write(binascii.a2b_base64(digits[:whole], strict_mode=True))
        padded = padded or digits.find(b"=", 0, whole) >= 0
        rest = digits[whole:]
    if rest:
        raise binascii.Error("half a group")
    return octets.getvalue()


def _base64_lines(octets: bytes) -> list[bytes]:
    """In lines with CRLF between them."""
    pieces: list[bytes] = []
    for start in range(0, len(octets), _LINES * _OCTETS):
        flat = binascii.b2a_base64(octets[start : start + _LINES * _OCTETS], newline=False)
        pieces.append(b"\r\n" if start else b"")
        pieces.append(b"\r\n".join([flat[at : at + _LINE] for at in range(0, len(flat), _LINE)]))
    return pieces


def _around_base64(raw: bytes, octets: bytes, offset: int) -> tuple[int, int, bytes, bytes]:
    """How many octets of a body need not be encoded again, up to where in it they stand, the line end that is missing
    there, and what stays after the others.
    """
    after = _line_ends_after(raw) if octets else b"\r\n"
    digits = offset // 3 * 4
    place = _after_digits(raw, digits)
    line_end = b""
    if digits and raw.startswith(b"\r\n", place):
        place += 2
    else:
        digits, place, line_end = _whole_lines(raw, place, digits)
    if has_long_line(raw, place):
        return 0, 0, b"", after
    return digits // 4 * 3, place, line_end, after


def _line_ends_after(raw: bytes) -> bytes:
    start = raw.find(b"\r\n", len(raw.rstrip(_WHITE)))
    after = raw[start:] if start >= 0 else b""
    return b"\r\n" if has_long_line(after) else after


def _after_digits(raw: bytes, digits: int) -> int:
    """After so many digits: as many octets as digits are missing never go too far."""
    place = 0
    while digits:
        end = place + min(digits, _CHUNK)
        digits -= len(raw[place:end].translate(None, _WHITE))
        place = end
    return place


def _whole_lines(raw: bytes, place: int, digits: int) -> tuple[int, int, bytes]:
    """The lines before a place that hold whole groups, else what stands before it: how many digits that has, its end,
    and the line end that it lacks.
    """
    line = place
    for _ in range(4):  # of four lines of one odd length, one begins with a new group
        line = raw.rfind(b"\r\n", max(line - MAX_LINE, 0), line)
        if line < 0:
            break
        behind = len(raw[line:place].translate(None, _WHITE))
        if behind % 4 == 0:
            return digits - behind, line + 2, b""
    return (0, 0, b"") if place <= _LINE else (digits, place, b"\r\n")
