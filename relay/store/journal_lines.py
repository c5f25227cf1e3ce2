"""How the lines of withdrawals.journal are written and read back. Opens nothing, looks at no store.

One JSON object a line, each with a checksum of its own, so that a line that was edited or torn is known for one:

    {"sequence":7,"id":"01J...","kind":"withdraw","address":"ann@example.com","brand":"b","stream":"newsletter",
     "at":null,"recorded_at":"2026-03-01T12:00:00+00:00","source":"one-click","recorder":"web","check":"5e1f0a2b"}

Instead of address and source, a person who was erased has a tombstone; a no that came later and that only a tombstone
keeps stands in no line of the ledger, and says so ("lineless":true). Two kinds are no noes: `erase` says that a person
without any no was erased, `mark` that nothing is missing up to a line of the ledger. The first versions wrote neither
sequence nor checksum.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any, Final

from relay.consent.events import NOES, Event, EventKind
from relay.consent.fold import No, fold_noes
from relay.consent.ledger import moment_or_last
from relay.store.rows import address_of

MARK: Final = "mark"
_KINDS: Final = NOES | {EventKind.ERASE.value, MARK}
_CHECK: Final = b',"check":"'
_CHECKED_END: Final = len(b'01234567"}')


#: An address in which nothing is escaped.
_PLAIN_ADDRESS: Final = re.compile(rb'"address":"([!-~]+?)@([!-~]+?)"')
_ERASE: Final = b'"kind":"erase"'
#: What some providers ignore in a local part.
_FILLERS: Final = b".-_"


class LineError(ValueError):
    """What is wrong with a line, in words that fit behind "this line"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. sequence, id: the line of the ledger that it stands for, or (erase, mark, lineless) the last one at that
    time; sequence is None in lines of the first versions. One of address and tombstone is "", in a mark both are.
    lineless: a no that has no line of the ledger.
    """

    kind: str
    sequence: int | None
    id: str
    address: str = ""
    tombstone: str = ""
    brand: str = ""
    stream: str = ""
    at: datetime | None = None
    recorded_at: datetime | None = None
    source: str = ""
    recorder: str = ""
    lineless: bool = False

    @property
    def says_no(self) -> bool:
        return self.kind in NOES

    @property
    def has_line(self) -> bool:
        """Is it the no of one line of the ledger, by whose id it is known for ever?"""
        return self.says_no and not self.lineless and bool(self.id)

    def event(self) -> Event:
        """Of a no that has its address still."""
        if not self.address or self.recorded_at is None:
            raise ValueError("only a no with an address is an event")
        return Event(
            id=self.id,
            kind=EventKind(self.kind),
            address=address_of(self.address),
            brand=self.brand,
            stream=self.stream,
            at=self.at,
            recorded_at=self.recorded_at,
            source=self.source,
            recorder=self.recorder,
        )

    def forgotten(self, tombstone: str) -> Entry:
        """The same no without the person. What it covers is settled now: nobody can fold it anew without the address."""
        (no,) = fold_noes([self.event()])
        return replace(
            self, address="", source="", tombstone=tombstone, brand=no.brand, stream=no.stream, at=self.at or no.at
        )

    def no(self) -> No:
        """Of a no whose person was erased: the row that keeps it."""
        at = self.at or self.recorded_at
        if not self.tombstone or at is None:
            raise ValueError("only a no with a tombstone is kept without its event")
        return No(EventKind(self.kind), self.tombstone, "", self.brand, self.stream, at)


def write_row(row: Sequence[Any]) -> bytes:
    """As `write` of the entry in a row of journal_noes, in a third of the time: lists of a million withdrawals are
    imported.
    """
    sequence, identity, kind, address, brand, stream, at, recorded_at, source, recorder = row
    said = "null" if at is None else f'"{_iso(at)}"'
    octets = (
        f'{{"sequence":{sequence},"id":{_quoted(identity)},"kind":{_quoted(kind)},"address":{_quoted(address)},'
        f'"brand":{_quoted(brand)},"stream":{_quoted(stream)},"at":{said},"recorded_at":"{_iso(recorded_at)}",'
        f'"source":{_quoted(source or "")},"recorder":{_quoted(recorder)}'
    ).encode("utf-8", "backslashreplace")
    return b'%s,"check":"%08x"}\n' % (octets, zlib.crc32(octets))


def write(entry: Entry) -> bytes:
    values: dict[str, object] = {"sequence": entry.sequence, "id": entry.id, "kind": entry.kind}
    if entry.address:
        values["address"] = entry.address
    if entry.tombstone:
        values["tombstone"] = entry.tombstone
    if entry.says_no:
        values |= {"brand": entry.brand, "stream": entry.stream, "at": _text(entry.at)}
    if entry.kind != MARK:
        values["recorded_at"] = _text(entry.recorded_at)
    if entry.address:
        values |= {"source": entry.source, "recorder": entry.recorder}
    if entry.lineless:
        values["lineless"] = True
    octets = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")[:-1]
    return b'%s,"check":"%08x"}\n' % (octets, zlib.crc32(octets))


def read(line: bytes) -> Entry:
    """Raises LineError."""
    octets, checked, end = line.rstrip(b"\n").rpartition(_CHECK)
    if checked and (len(end) != _CHECKED_END or end != b'%08x"}' % zlib.crc32(octets)):
        raise LineError("is not as it was written: its checksum is another")
    try:
        return _entry(json.loads(line), checked=bool(checked))
    except LineError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LineError("is no line of this journal") from None


def _entry(values: dict[str, Any], *, checked: bool) -> Entry:
    if "sequence" in values and not checked:
        raise LineError("is not as it was written: its checksum is missing")
    if values["kind"] not in _KINDS:
        raise LineError(f"is of a kind that this version does not know: {str(values['kind'])[:20]!r}")
    sequence = values.get("sequence")
    if sequence is not None and not isinstance(sequence, int):
        raise LineError("has a sequence that is no number")
    entry = Entry(
        kind=values["kind"],
        sequence=sequence,
        id=str(values["id"]),
        address=values.get("address", ""),
        tombstone=values.get("tombstone", ""),
        brand=values.get("brand", ""),
        stream=values.get("stream", ""),
        at=_moment(values.get("at")),
        recorded_at=_moment(values.get("recorded_at")),
        source=values.get("source", ""),
        recorder=values.get("recorder", ""),
        lineless=values.get("lineless", False) is True,
    )
    if entry.kind != MARK and bool(entry.address) == bool(entry.tombstone):
        raise LineError("names nobody")
    if entry.says_no and entry.recorded_at is None:
        raise LineError("does not say when")
    return entry


@lru_cache(1024)
def _iso(microseconds: int) -> str:
    return moment_or_last(microseconds).isoformat()


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def may_name(wides: Collection[str]) -> Callable[[bytes], bool]:
    """Whether a line is worth reading when these people (wide keys) are looked for: one in a million is, and reading
    all of them would hold up the mail. True for everything that is not plain.
    """
    locals_ = {_bare(wide.rpartition("@")[0].encode()) for wide in wides}
    # name.domain reaches the same mailbox at some providers
    below = tuple({f".{wide.rpartition('@')[2]}".encode() for wide in wides})

    def is_worth_reading(line: bytes) -> bool:
        plain = _PLAIN_ADDRESS.search(line)
        if plain is None:
            return b'"address"' in line or _ERASE in line
        local, domain = plain.groups()
        return b"\\" in local or _bare(local) in locals_ or domain.endswith(below)

    return is_worth_reading


def _bare(local: bytes) -> bytes:
    """What no folding of a plain local part takes away."""
    plus = local.find(b"+")
    return (local[:plus] if plus > 0 else local).translate(None, _FILLERS).lower()
