"""The hash chain of the ledger: each line carries a hash over itself and the line before. Pure.

Whoever changes, drops or inserts a line breaks every hash after it. Personal fields enter the hash only as salted
commitments: a later erasure puts the commitment in the place of the field and throws its salt away, and the chain still
verifies, although nobody can guess the field any more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from relay.consent.events import Event

#: Fields that name or describe a person, in the order of their salts.
PERSONAL: Final = ("address", "source", "form_url", "wording", "ip", "user_agent")
SALT_OCTETS: Final = 16
#: How many octets of randomness `line_of` takes.
RANDOMNESS_OCTETS: Final = SALT_OCTETS * len(PERSONAL)
#: What the first line is linked to.
GENESIS: Final = bytes(32)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly; how times are hashed and stored."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is hashed. plain: fields in the open, JSON values. personal: fields that are still there; "" is
    none. salts: of those that are not "". erased: commitments of the fields that were taken out.
    """

    sequence: int
    plain: Mapping[str, str | int | None]
    personal: Mapping[str, str]
    salts: Mapping[str, bytes]
    erased: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first line at which the chain does not hold."""

    sequence: int
    wrong: str


def line_of(sequence: int, event: Event, randomness: bytes) -> Line:
    """The line for an event. randomness: RANDOMNESS_OCTETS fresh octets."""
    if len(randomness) < RANDOMNESS_OCTETS:
        raise ValueError(f"a line takes {RANDOMNESS_OCTETS} octets of randomness")
    evidence = event.evidence
    personal = {
        "address": str(event.address),
        "source": event.source,
        "form_url": evidence.form_url,
        "wording": evidence.wording,
        "ip": evidence.ip,
        "user_agent": evidence.user_agent,
    }
    plain: dict[str, str | int | None] = {
        "id": event.id,
        "kind": event.kind.value,
        "brand": event.brand,
        "stream": event.stream,
        "at": _number(event.at),
        "recorded_at": microseconds(event.recorded_at),
        "recorder": event.recorder,
        "basis": None if event.basis is None else event.basis.value,
        "act": None if event.act is None else event.act.value,
        "confirmed_at": _number(event.confirmed_at),
        "last_contact_at": _number(event.last_contact_at),
        "language": evidence.language,
        "live": int(event.live),
        "own_act": int(event.own_act),
    }
    return Line(sequence, plain, personal, read_salts(randomness, personal))


def read_salts(octets: bytes, personal: Mapping[str, str]) -> dict[str, bytes]:
    """The salts of the fields that are there, from `octets`: SALT_OCTETS each, in the order of PERSONAL."""
    there = [name for name in PERSONAL if personal.get(name)]
    return {name: octets[start * SALT_OCTETS : (start + 1) * SALT_OCTETS] for start, name in enumerate(there)}


def write_salts(line: Line) -> bytes:
    return b"".join(line.salts[name] for name in PERSONAL if name in line.salts)


def link(previous: bytes, line: Line) -> bytes:
    """The hash of a line after the line with the hash `previous`."""
    committed = {name: _committed(line, name) for name in PERSONAL}
    content = json.dumps([line.sequence, line.plain, committed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + content.encode("ascii")).digest()


def commitment(name: str, value: str, salt: bytes) -> str:
    """What stands for a personal field in the hash, and in its place once it is erased."""
    return hashlib.sha256(salt + name.encode() + b"\0" + value.encode()).hexdigest() if value else ""


def erase(line: Line, names: Iterable[str]) -> Line:
    """The line without these personal fields: their commitments stay, their salts go."""
    names = set(names)
    return Line(
        line.sequence,
        line.plain,
        {name: value for name, value in line.personal.items() if name not in names},
        {name: salt for name, salt in line.salts.items() if name not in names},
        {**line.erased, **{name: _committed(line, name) for name in names}},
    )


def verify(lines: Iterable[tuple[Line, bytes]], previous: bytes = GENESIS, sequence: int = 0) -> Flaw | None:
    """Check lines with their stored hashes in ascending order; None when all hold.

    previous, sequence: hash and number of the line before the first one.
    """
    for line, stored in lines:
        if line.sequence != sequence + 1:
            return Flaw(sequence + 1, f"missing: the next line has the number {line.sequence}")
        if link(previous, line) != stored:
            return Flaw(line.sequence, "changed: its content or its predecessor is not what was recorded")
        previous, sequence = stored, line.sequence
    return None


def _committed(line: Line, name: str) -> str:
    if name in line.erased:
        return line.erased[name]
    value = line.personal.get(name, "")
    return commitment(name, value, line.salts.get(name, b""))


def _number(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)
