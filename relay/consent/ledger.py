"""The ledger's hashes: a digest for each line, seals over stretches of lines, each seal chained to the one before. Pure.

Whoever changes, drops, inserts or moves a line breaks the seal over it, and the mark of the line in that seal tells
which one. Personal fields enter a digest only as salted commitments: a later erasure puts the commitment in the place of
the field and throws its salt away. The digest stays the same, and nobody can guess the field any more.

All of it can be done again in any language:

- the salts of address, source, form_url and wording are the quarters of SHA-512(salt, 0x00), those of ip and user_agent
  the first two quarters of SHA-512(salt, 0x01); each has 16 octets;
- the commitment of a field is SHA-256(its salt, its UTF-8), 32 zero octets for an empty one;
- the digest of a line is SHA-256(J, the six commitments), J a JSON array in UTF-8 without spaces: sequence and the fields
  of PLAIN, times in microseconds since 1970;
- the hash of a seal is SHA-256("consent-relay seal 1", 0x00, hash of the seal before or 32 zero octets, number, first,
  last, at as 8 octets each, big-endian, the digests from first to last).

A field added to the ledger one day goes to the end of J, and only where it is not null, so that old lines keep their
digests.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from struct import Struct
from typing import Any, Final

#: Fields in the open, in the order in which they are hashed behind the sequence number.
PLAIN: Final = (
    "id", "kind", "brand", "stream", "at", "recorded_at", "recorder", "basis", "act", "confirmed_at", "mail_sent_at",
    "last_contact_at", "language", "live", "own_act",
)  # fmt: skip
#: Fields that name or describe a person, in the order of their commitments. wording: the hash of the words.
PERSONAL: Final = ("address", "source", "form_url", "wording", "ip", "user_agent")
#: Of the random salt of a line, and of each salt made from it.
SALT_OCTETS: Final = 16
#: Of the digest of a line.
DIGEST_OCTETS: Final = 32
#: Octets of each line's digest that stand in its seal.
MARK_OCTETS: Final = 8
#: What the first seal is chained to.
GENESIS: Final = bytes(32)

#: A line as it is read: sequence, the fields of PLAIN, those of PERSONAL, salt, erased; what follows is not hashed.
Row = Sequence[Any]

_FIRST_PERSONAL: Final = 1 + len(PLAIN)
_SALT: Final = _FIRST_PERSONAL + len(PERSONAL)
_COMMITTED: Final = 32
_NOTHING: Final = bytes(_COMMITTED)
_MAY_BE_NULL: Final = PERSONAL.index("wording")
#: Longer than the commitments of all fields as JSON.
_LONGEST_ERASED: Final = 1000
_SEAL_TAG: Final = b"consent-relay seal 1\0"
_SEAL_NUMBERS: Final = Struct(">4q")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_encode: Final = json.JSONEncoder(check_circular=False, ensure_ascii=False, separators=(",", ":")).encode


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly; how times are hashed and stored."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number)


def moment_or_last(number: int) -> datetime:
    """The same for rows that somebody may have edited: the last moment there is for what no calendar has."""
    try:
        return moment_of(number)
    except OverflowError:
        return _LAST


class UnsoundError(ValueError):
    """No line that the relay writes looks like this; the text says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line in pieces. personal: in the order of PERSONAL; "" is none (of wording: None), None is erased.

    salt: SALT_OCTETS random octets; once something is erased, the salts of the fields that are still there.
    erased: JSON of the commitments of those that are not, None without.
    """

    sequence: int
    plain: tuple[str | int | None, ...]
    personal: tuple[str | None, ...]
    salt: bytes
    erased: str | None = None

    @property
    def row(self) -> Row:
        return (self.sequence, *self.plain, *self.personal, self.salt, self.erased)

    def field(self, name: str) -> str | None:
        """A personal field."""
        return self.personal[PERSONAL.index(name)]


def line_of_row(row: Row) -> Line:
    return Line(
        row[0], tuple(row[1:_FIRST_PERSONAL]), tuple(row[_FIRST_PERSONAL:_SALT]), bytes(row[_SALT]), row[_SALT + 1]
    )


def digest(row: Row) -> bytes:
    """32 octets. Raises UnsoundError for what is no line."""
    salt = row[_SALT]
    try:
        plain = _encode(row[:_FIRST_PERSONAL]).encode()
        if row[_SALT + 1] is not None:
            return sha256(plain + b"".join(_commitments(line_of_row(row)))).digest()
        salts = sha512(salt + b"\0").digest()
        address, source, form_url, wording, ip, user_agent = row[_FIRST_PERSONAL:_SALT]
        commitments = (
            (sha256(salts[:16] + address.encode()).digest() if address != "" else _NOTHING)
            + (sha256(salts[16:32] + source.encode()).digest() if source != "" else _NOTHING)
            + (sha256(salts[32:48] + form_url.encode()).digest() if form_url != "" else _NOTHING)
            + (sha256(salts[48:] + wording.encode()).digest() if wording is not None else _NOTHING)
        )
        if ip != "" or user_agent != "":
            more = sha512(salt + b"\1").digest()
            commitments += sha256(more[:16] + ip.encode()).digest() if ip != "" else _NOTHING
            commitments += sha256(more[16:32] + user_agent.encode()).digest() if user_agent != "" else _NOTHING
        else:
            commitments += _NOTHING * 2
    except (TypeError, AttributeError, ValueError) as error:
        raise error if isinstance(error, UnsoundError) else UnsoundError(_why_unsound(row)) from None
    if len(salt) != SALT_OCTETS:
        raise UnsoundError("its salt has another length")
    if wording == "":
        raise UnsoundError("its wording is empty")
    return sha256(plain + commitments).digest()


def erase(line: Line, names: Collection[str]) -> Line:
    """The line without these personal fields: their commitments stay, their salts go. Raises UnsoundError, KeyError."""
    for name in names:
        if name not in PERSONAL:
            raise KeyError(name)
    salts, erased = _salts(line), _erased(line)
    if line.erased is None:
        digest(line.row)  # what is broken must not be made to look whole
    personal = list(line.personal)
    for place, name in enumerate(PERSONAL):
        value = personal[place]
        if name in names and value:
            erased[name] = sha256(salts.pop(name) + value.encode()).hexdigest()
            personal[place] = None
    if not erased:
        return line
    return replace(
        line,
        personal=tuple(personal),
        salt=b"".join(salts[name] for name in PERSONAL if name in salts),
        erased=_erased_text(erased),
    )


def _salts(line: Line) -> dict[str, bytes]:
    """The salts of the fields that are there."""
    there = [name for name, value in zip(PERSONAL, line.personal, strict=True) if value]
    if line.erased is None:
        every = sha512(line.salt + b"\0").digest() + sha512(line.salt + b"\1").digest()
        return {
            name: every[SALT_OCTETS * place :][:SALT_OCTETS] for place, name in enumerate(PERSONAL) if name in there
        }
    if len(line.salt) != SALT_OCTETS * len(there):
        raise UnsoundError("its salts have another length")
    return {name: line.salt[SALT_OCTETS * place :][:SALT_OCTETS] for place, name in enumerate(there)}


def _erased(line: Line) -> dict[str, str]:
    """The commitments of the erased fields, by name; only written the one way in which we write them."""
    if line.erased is None:
        return {}
    unsound = UnsoundError("the commitments of its erased fields are not as the relay writes them")
    if not isinstance(line.erased, str) or len(line.erased) > _LONGEST_ERASED:
        raise unsound
    try:
        erased = json.loads(line.erased)
        if not erased or not all(map(_is_commitment, erased.values())) or _erased_text(erased) != line.erased:
            raise unsound
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise unsound from None
    return dict(erased)


def _erased_text(erased: dict[str, str]) -> str:
    return _encode({name: erased[name] for name in PERSONAL if name in erased})


def _is_commitment(text: str) -> bool:
    return len(text) == 2 * _COMMITTED and not text.strip("0123456789abcdef")


def _commitments(line: Line) -> list[bytes]:
    """Of a line that something was erased from."""
    erased, salts = _erased(line), _salts(line)
    found = []
    for place, (name, value) in enumerate(zip(PERSONAL, line.personal, strict=True)):
        if name in erased:
            if value is not None:
                raise UnsoundError(f"its {name} was erased and stands there all the same")
            found.append(bytes.fromhex(erased[name]))
        elif value:
            found.append(sha256(salts[name] + value.encode()).digest())
        elif (value is None) is not (place == _MAY_BE_NULL):
            raise UnsoundError(f"its {name} is gone, and no commitment stands for it")
        else:
            found.append(_NOTHING)
    return found


def _why_unsound(row: Row) -> str:
    for name, value in zip(PERSONAL, row[_FIRST_PERSONAL:_SALT], strict=True):
        if value is None and name != "wording":
            return f"its {name} is gone, and no commitment stands for it"
    return "a field is not of its type, or no UTF-8"


@dataclass(frozen=True, slots=True)
class Seal:
    """A stretch of lines. at: microseconds. marks: MARK_OCTETS of each line's digest."""

    number: int
    first: int
    last: int
    at: int
    marks: bytes
    hash: bytes

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        return self.number, self.first, self.last, self.at

    def mark_of(self, sequence: int) -> bytes:
        start = (sequence - self.first) * MARK_OCTETS
        return self.marks[start : start + MARK_OCTETS]


def seal_hash(previous: bytes, numbers: tuple[int, int, int, int], digests: Sequence[bytes]) -> bytes:
    """previous: the hash of the seal before, GENESIS for the first. numbers: number, first, last, at of this one."""
    return sha256(b"".join((_SEAL_TAG, previous, _SEAL_NUMBERS.pack(*numbers), *digests))).digest()


def seal_after(previous: Seal | None, digests: Sequence[bytes], at: int) -> Seal:
    """The seal over the next lines. digests: one for each, at least one."""
    number, first, before = (
        (1, 1, GENESIS) if previous is None else (previous.number + 1, previous.last + 1, previous.hash)
    )
    last = first + len(digests) - 1
    marks = b"".join([one[:MARK_OCTETS] for one in digests])
    return Seal(number, first, last, at, marks, seal_hash(before, (number, first, last, at), digests))
