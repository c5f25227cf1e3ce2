"""Transfer encodings (RFC 2045 section 6): text is put into an encoded body by changing as little of it as possible.

`decode` is strict: where two decoders may differ it says None, and the body stays as it is. `opened_at` finds the
place in the raw body that belongs to a place in the decoded one; `filled` writes the new raw body.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: RFC 2045 section 6.7 and 6.8: longest line of an encoded body.
_LINE: Final = 76
_OCTETS: Final = _LINE // 4 * 3
#: RFC 5322 section 2.1.1: longest line on the wire, without its CRLF. Longer ones are broken by the next hop.
MAX_LINE: Final = 998

_BAD_QP: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r\n|\Z)")
#: One octet of text, or none: a soft line break, white space before a line's end.
_QP_TOKEN: Final = re.compile(rb"(=[ \t]*+(?:\r\n|\Z)|(?<![ \t])[ \t]++(?=\r\n|\Z))|=[0-9A-Fa-f]{2}|.", re.DOTALL)
_TRAILING_SPACE: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r\n|\Z)")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*+={0,2}")


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
    """The octets of a body, None where its encoding is broken."""
    if transfer.is_identity:
        return raw
    if transfer is Transfer.QUOTED_PRINTABLE:
        return _decode_qp(_without_trailing_space(raw))
    flat = raw.translate(None, b" \t\r\n")
    if len(flat) % 4 or not _BASE64.fullmatch(flat):
        return None
    return binascii.a2b_base64(flat)


def encode(octets: bytes, transfer: Transfer) -> bytes:
    """A whole body. Line ends (CRLF) stay line ends in quoted-printable; every other octet survives."""
    if transfer.is_identity:
        return octets
    if transfer is Transfer.BASE64:
        return _base64(octets) + b"\r\n"
    return b"\r\n".join([_qp_line(line) for line in octets.split(b"\r\n")])


def shortest_seven_bit(octets: bytes) -> Transfer:
    """For text that no longer fits into 7bit: readable where most of it is ASCII, else base64."""
    special = len(octets) - len(octets.translate(None, bytes(range(128, 256)) + b"="))
    return Transfer.QUOTED_PRINTABLE if special * 6 < len(octets) else Transfer.BASE64


def has_long_line(octets: bytes) -> bool:
    return len(octets) > MAX_LINE and max(map(len, octets.split(b"\r\n"))) > MAX_LINE


@dataclass(frozen=True, slots=True)
class Opening:
    """A raw body cut at the place of an insertion. before, after: raw, kept. held, rest: octets to encode again."""

    transfer: Transfer
    before: bytes
    after: bytes = b""
    held: bytes = b""
    rest: bytes = b""


def opened_at(raw: bytes, octets: bytes, offset: int, transfer: Transfer) -> Opening:
    """raw: a body that `decode` took, octets: what it gave, offset: a place in those."""
    if transfer.is_identity:
        return Opening(transfer, raw[:offset], raw[offset:])
    if transfer is Transfer.BASE64:
        return _open_base64(raw, octets, offset)
    cut = len(raw) if offset == len(octets) else _place_in_qp(raw, len(octets) - offset)
    return Opening(transfer, raw[:cut], raw[cut:])


def filled(opening: Opening, insertion: bytes) -> bytes:
    """The raw body with the insertion, which begins and ends with a line end unless it stands at a line's start."""
    transfer = opening.transfer
    if transfer is Transfer.BASE64:
        return opening.before + _base64(opening.held + insertion + opening.rest) + opening.after
    if transfer.is_identity:
        return opening.before + insertion + opening.after
    before = opening.before
    if before.endswith(b"="):
        before += b"\r\n"  # a soft line break that the end of the part cut in two
    elif before.endswith((b" ", b"\t")):
        before += b"=\r\n"  # white space at a line's end would be lost (RFC 2045 section 6.7, rule 3)
    return before + encode(insertion, transfer) + opening.after


def _decode_qp(clean: bytes) -> bytes | None:
    octets = binascii.a2b_qp(clean)
    # Every escape shrinks by two octets, every soft break by three, and nothing broken shrinks as much.
    breaks = clean.count(b"=\r\n")
    shrunk = 2 * (clean.count(b"=") - breaks) + 3 * breaks
    lines = clean.replace(b"\r\n", b"")
    if len(clean) - len(octets) == shrunk and b"\r" not in lines and b"\n" not in lines:
        return octets
    return None if _BAD_QP.search(clean) else octets


def _qp_line(line: bytes) -> bytes:
    if not line:
        return line
    return binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n")


def _base64(octets: bytes) -> bytes:
    lines = [
        binascii.b2a_base64(octets[start : start + _OCTETS], newline=False) for start in range(0, len(octets), _OCTETS)
    ]
    return b"\r\n".join(lines)


def _without_trailing_space(raw: bytes) -> bytes:
    """Rule 3: white space at the end of an encoded line was added in transport."""
    if b" \r\n" in raw or b"\t\r\n" in raw or raw.endswith((b" ", b"\t")):
        return _TRAILING_SPACE.sub(b"", raw)
    return raw


def _place_in_qp(raw: bytes, tail: int) -> int:
    """Where in a quoted-printable body the last `tail` octets of its text begin."""
    end = len(raw)
    while True:
        start = raw.rfind(b"\n", 0, max(end - 1, 0)) + 1
        line = raw[start:end]
        octets = binascii.a2b_qp(_without_trailing_space(line))
        if len(octets) >= tail or start == 0:
            break
        tail -= len(octets)
        end = start
    skip = len(octets) - tail
    position = start
    while skip > 0:
        found = _QP_TOKEN.match(raw, position, end)
        if found is None:
            break
        skip -= 1 if found[1] is None else 0
        position = found.end()
    return position


def _open_base64(raw: bytes, octets: bytes, offset: int) -> Opening:
    """Whole lines before the place stay, else whole groups of a line; the rest of the body is encoded again."""
    after = raw[len(raw.rstrip(b" \t\r\n")) :] if octets else b"\r\n"
    wanted = offset // 3 * 4
    digits = position = 0
    while (end := raw.find(b"\r\n", position)) >= 0 and digits + end - position <= wanted:
        digits += end - position
        position = end + 2
    before = raw[:position]
    if digits % 4 or not digits:  # lines of odd lengths, or one endless line
        before = raw[: position + wanted - digits] + b"\r\n"
        digits = wanted
    if len(before.translate(None, b" \t\r\n=")) != digits or has_long_line(before):  # white space elsewhere
        digits = 0
    if not digits:
        before = b""
    kept = digits // 4 * 3
    return Opening(Transfer.BASE64, before, after, octets[kept:offset], octets[offset:])
