"""Transfer encodings (RFC 2045 section 6): text is put into an encoded body by changing as little of it as possible.

`decode` is strict: where two decoders may differ it says None, and the body stays as it is. `opened` finds the places
in the raw body that belong to places in the decoded one, once a message; `filled` writes a new raw body, once a copy.
Never decides what is put where.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
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
_LINES: Final = 1 << 14
_CHUNK: Final = 1 << 20
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


def has_long_line(octets: bytes) -> bool:
    """Is there a line that the next hop would break?"""
    position = 0
    while len(octets) - position > MAX_LINE:
        line_end = octets.rfind(b"\r\n", position, position + MAX_LINE + 2)
        if line_end < 0:
            return True
        position = line_end + 2
    return False


@dataclass(frozen=True, slots=True)
class Opening:
    """A raw body that is open where stretches of its octets are replaced.

    kept: what of a quoted-printable `raw` stays, one more than cuts. before, after: what stays at the ends of a base64
    body; its octets from `held` on are encoded again.
    """

    transfer: Transfer
    raw: bytes
    octets: bytes
    cuts: tuple[Cut, ...]
    kept: tuple[Kept, ...] = ()
    held: int = 0
    before: bytes = b""
    after: bytes = b""


def opened(raw: bytes, octets: bytes, cuts: Sequence[Cut], transfer: Transfer) -> Opening:
    """raw: a body that `decode` took, octets: what it gave. cuts: at least one, sorted, none over another.

    An encoded body with a line that the next hop would break is encoded anew; of any other all that stands outside the
    cuts stays (base64: whole lines before the first cut).
    """
    fixed = tuple(cuts)
    if transfer is Transfer.BASE64:
        held, before, after = _around_base64(raw, octets, fixed[0][0])
        return Opening(transfer, b"", octets, fixed, held=held, before=before, after=after)
    if transfer is Transfer.QUOTED_PRINTABLE:
        if has_long_line(raw):
            raw = quoted_printable.encode(octets)
        return Opening(transfer, raw, b"", fixed, kept=tuple(quoted_printable.kept(raw, octets, fixed)))
    return Opening(transfer, raw, raw, fixed)


def filled(opening: Opening, insertions: Sequence[bytes]) -> bytes:
    """The raw body with the insertions, one for each cut.

    In an identity encoding a line may get too long for the wire (`has_long_line`): nothing can break it there.
    """
    if opening.transfer is Transfer.QUOTED_PRINTABLE:
        return quoted_printable.filled(opening.raw, opening.kept, insertions)
    octets = b"".join(_woven(opening, insertions))
    if opening.transfer is not Transfer.BASE64:
        return octets
    before = opening.before if octets else opening.before[:-2]
    return b"".join([before, *_base64_lines(octets), opening.after])


def _woven(opening: Opening, insertions: Sequence[bytes]) -> Iterator[bytes | memoryview]:
    """The octets from `held` on, with the insertions."""
    octets, start = memoryview(opening.octets), opening.held
    for (cut, end), insertion in zip(opening.cuts, insertions, strict=True):
        yield octets[start:cut]
        yield insertion
        start = end
    yield octets[start:]


def _from_base64(raw: bytes) -> bytes:
    """Raises binascii.Error."""
    pieces: list[bytes] = []
    rest = b""
    padded = False
    for start in range(0, len(raw), _CHUNK):
        digits = rest + raw[start : start + _CHUNK].translate(None, _WHITE)
        if padded and digits:
            raise binascii.Error("padding in the middle")
        whole = len(digits) // 4 * 4
        pieces.append(binascii.a2b_base64(digits[:whole], strict_mode=True))
        padded = padded or digits.find(b"=", 0, whole) >= 0
        rest = digits[whole:]
    if rest:
        raise binascii.Error("half a group")
    return b"".join(pieces)


def _base64_lines(octets: bytes) -> list[bytes]:
    """In lines with CRLF between them."""
    pieces: list[bytes] = []
    for start in range(0, len(octets), _LINES * _OCTETS):
        flat = binascii.b2a_base64(octets[start : start + _LINES * _OCTETS], newline=False)
        pieces.append(b"\r\n" if start else b"")
        pieces.append(b"\r\n".join([flat[at : at + _LINE] for at in range(0, len(flat), _LINE)]))
    return pieces


def _around_base64(raw: bytes, octets: bytes, offset: int) -> tuple[int, bytes, bytes]:
    """How many octets of a body need not be encoded again, and what of it stays before and after the others."""
    after = _line_ends_after(raw) if octets else b"\r\n"
    digits = offset // 3 * 4
    place = _after_digits(raw, digits)
    if digits and raw.startswith(b"\r\n", place):
        before = raw[: place + 2]
    else:
        digits, before = _whole_lines(raw, place, digits)
    return (0, b"", after) if has_long_line(before) else (digits // 4 * 3, before, after)


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


def _whole_lines(raw: bytes, place: int, digits: int) -> tuple[int, bytes]:
    """The lines before a place that hold whole groups, else what stands before it; with how many digits that has."""
    line = place
    for _ in range(4):  # of four lines of one odd length, one begins with a new group
        line = raw.rfind(b"\r\n", max(line - MAX_LINE, 0), line)
        if line < 0:
            break
        behind = len(raw[line:place].translate(None, _WHITE))
        if behind % 4 == 0:
            return digits - behind, raw[: line + 2]
    return (0, b"") if place <= _LINE else (digits, raw[:place] + b"\r\n")
