"""Takes a person out of the store: what names or describes them goes, their no stays as a keyed hash.

What was recorded happened all the same: lines of the ledger keep kind, times and commitments, so that the seals hold;
decisions keep verdict and reasons, so that counts stay true. Everything here runs inside the caller's transaction, and
may be done again: what is gone already is not there to be found.

A person who asked for it is left with a no to everything, under their tombstone: with nothing known nothing is sent, but
the next import of an old list would know something again. Only a later yes of their own frees the address.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from relay.consent.events import EventKind
from relay.consent.ledger import PERSONAL, PLAIN, SALT_OCTETS, Line, UnsoundError, erase, line_of_row, microseconds
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import new_id
from relay.store.committing import Committer, Work
from relay.store.erasing_mail import Named, erase_contents, erase_mail
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.rows import loaded
from relay.store.spellings import Spellings, everybody, find_spellings

_RANDOM_OCTETS_OF_ID: Final = 10

#: Octets of chance, as os.urandom gives them.
Randomness = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Erased:
    """What went. lines: of the ledger. contacts: watermarks of deliveries. decisions: that name nobody any more.
    noes: what still stands for them, by scope. copies: of mail that waited for them. reports: lines about mail that they
    did not get. contents: of mail to others that named them.
    """

    lines: int = 0
    contacts: int = 0
    failures: int = 0
    decisions: int = 0
    wordings: int = 0
    noes: int = 0
    copies: int = 0
    reports: int = 0
    contents: int = 0

    def __bool__(self) -> bool:
        of_mail = self.copies or self.reports or self.contents
        return bool(self.lines or self.contacts or self.failures or self.decisions or of_mail)

    def __add__(self, other: Erased) -> Erased:
        return Erased(
            self.lines + other.lines,
            self.contacts + other.contacts,
            self.failures + other.failures,
            self.decisions + other.decisions,
            self.wordings + other.wordings,
            max(self.noes, other.noes),
            self.copies + other.copies,
            self.reports + other.reports,
            self.contents + other.contents,
        )


def erased_at(connection: sqlite3.Connection, wide: str, pseudonyms: Pseudonyms) -> datetime | None:
    """When the person asked to be erased, newest time; None for who never did."""
    row = connection.execute(query("erasure_of"), (pseudonyms.tombstone(wide),)).fetchone()
    return None if row is None else loaded(row[0])


def erased_among(connection: sqlite3.Connection, wides: Collection[str], pseudonyms: Pseudonyms) -> frozenset[str]:
    """Those of these people who asked to be erased: what others bring of them (a list) is not taken in again."""
    return frozenset(wide for wide in wides if erased_at(connection, wide, pseudonyms) is not None)


def is_known(connection: sqlite3.Connection, wide: str, pseudonyms: Pseudonyms) -> bool:
    """Does the store hold anything of the person, or the keyed hash of what it held?"""
    if connection.execute("SELECT 1 FROM ledger WHERE wide = ?", (wide,)).fetchone():
        return True
    if connection.execute("SELECT 1 FROM noes WHERE wide IN (?, ?)", (wide, pseudonyms.tombstone(wide))).fetchone():
        return True
    return bool(find_spellings(connection, wide).every)


def erase_everywhere(committer: Committer, wide: str, now: datetime, reason: str = "") -> Erased:
    """Erase a person at their own wish from store, journal and WAL, while mail goes on. May be cut short and called
    again; who was erased before is looked for once more. Raises StoreUnavailableError.
    """
    total = Erased()
    while True:
        spellings = find_spellings(committer.connection, wide)
        named = Named.find(committer.connection, wide, spellings)

        def work(connection: sqlite3.Connection, spellings: Spellings = spellings, named: Named = named) -> Erased:
            return erase_person(
                connection, wide, committer.pseudonyms, spellings=spellings, now=now, reason=reason, named=named
            )

        (result,) = committer.commit([Work(work)])
        if isinstance(result, BaseException):
            raise result
        erased: Erased = result
        total += erased
        if not erased:  # nor did mail that was on its way leave anything behind
            committer.forget([wide], erased=True)
            return total


def erase_person(
    connection: sqlite3.Connection,
    wide: str,
    pseudonyms: Pseudonyms,
    *,
    spellings: Spellings,
    now: datetime,
    reason: str = "",
    randomness: Randomness = os.urandom,
    named: Named = Named(),  # noqa: B008 - a frozen value
) -> Erased:
    """At the person's own wish. spellings, named: as they were found. reason: for the ledger; names nobody."""
    lines = _lines_of(connection, wide)
    copies, reports = erase_mail(connection, wide, spellings)
    contents = erase_contents(connection, wide, named)
    erased = _erase_all(connection, wide, lines, spellings, pseudonyms) + Erased(
        copies=copies, reports=reports, contents=contents
    )
    again = not erased and erased_at(connection, wide, pseudonyms) is not None
    # A no that comes now follows every yes, even when the clock was set back in between; who asks a second time, with
    # nothing left to erase, says no to whatever they might have said since.
    at = max([microseconds(now), *(_newest_moment(line) for line, _ in lines)])
    connection.execute(query("keep_erasure"), (pseudonyms.tombstone(wide), at))
    if again:
        return erased
    _record(connection, wide, now, randomness, recorder="cli", reason=reason)
    return erased


def purge_person(
    connection: sqlite3.Connection,
    wide: str,
    pseudonyms: Pseudonyms,
    *,
    now: datetime,
    randomness: Randomness = os.urandom,
) -> Erased:
    """Because the time is over for which their data may be kept: their noes stay, and no further one is added."""
    erased = _erase_all(connection, wide, _lines_of(connection, wide), Spellings(), pseudonyms)
    if erased:
        _record(connection, wide, now, randomness, recorder="retention", reason="")
    return erased


def erase_again(
    connection: sqlite3.Connection, erasures: Mapping[str, datetime], pseudonyms: Pseudonyms, now: datetime
) -> int:
    """In a store from before some erasures (a restored backup): erase these people once more. erasures: when, by
    tombstone. A store that knows of the erasure is left alone: who stands in it has come back since. The number of
    people erased.
    """
    open_ones = {
        tombstone: microseconds(at)
        for tombstone, at in erasures.items()
        if (connection.execute(query("erasure_of"), (tombstone,)).fetchone() or (-1,))[0] < microseconds(at)
    }
    if not open_ones:
        return 0
    again = [wide for wide in everybody(connection) if pseudonyms.tombstone(wide) in open_ones]
    for wide in again:
        spellings = find_spellings(connection, wide)
        named = Named.find(connection, wide, spellings)
        erase_person(connection, wide, pseudonyms, spellings=spellings, now=now, reason="erased once more", named=named)
    # also for those of whom the store has nothing: the next list may
    connection.executemany(query("keep_erasure"), open_ones.items())
    return len(again)


def erase_fields(connection: sqlite3.Connection, line: Line, names: Collection[str]) -> bool:
    """Take fields of one line out; their commitments stay. Did that change anything? Raises UnreadableError."""
    try:
        without = erase(line, names)
    except UnsoundError as error:  # what is broken must not be made to look whole
        raise UnreadableError(f"line {line.sequence} of the ledger", str(error)) from None
    if without is line or without == line:
        return False
    connection.execute(query("erase_from_line"), (line.sequence, *without.personal, without.salt, without.erased))
    return True


def _lines_of(connection: sqlite3.Connection, wide: str) -> list[tuple[Line, int | None]]:
    """The person's lines, each with the number of its wording."""
    rows = connection.execute(query("lines_of_person"), (wide,)).fetchall()
    return [(line_of_row(row[:-1]), row[-1]) for row in rows]


def _erase_all(
    connection: sqlite3.Connection,
    wide: str,
    lines: Collection[tuple[Line, int | None]],
    spellings: Spellings,
    pseudonyms: Pseudonyms,
) -> Erased:
    pairs = {(line.plain[PLAIN.index("stream")], line.field("address")) for line, _ in lines}
    addresses = {address for _, address in pairs}
    for line, _ in lines:
        erase_fields(connection, line, PERSONAL)
    wordings = _use_less(connection, [number for _, number in lines if number is not None])
    connection.executemany("DELETE FROM facts WHERE stream = ? AND address = ?", pairs)
    connection.execute(query("forget_asks"), (wide,))
    contacts = _delete(connection, "DELETE FROM contacts WHERE stream = ? AND address = ?", pairs | spellings.contacts)
    failures = _delete(connection, "DELETE FROM failures WHERE address = ?", _each(addresses | spellings.failures))
    return Erased(
        lines=len(lines),
        contacts=contacts,
        failures=failures,
        decisions=_forget_decisions(connection, spellings),
        wordings=wordings,
        noes=_keep_noes(connection, wide, pseudonyms.tombstone(wide)),
    )


def _forget_decisions(connection: sqlite3.Connection, spellings: Spellings) -> int:
    if not spellings.recipients and not spellings.senders:
        return 0
    recipients, senders = json.dumps(sorted(spellings.recipients)), json.dumps(sorted(spellings.senders))
    connection.execute(query("forget_outcomes"), (recipients,))
    changed = connection.execute(query("forget_decisions"), (recipients,)).rowcount
    if spellings.senders:  # no index leads to them
        changed += connection.execute(query("forget_senders"), (senders,)).rowcount
    return changed


def _keep_noes(connection: sqlite3.Connection, wide: str, tombstone: str) -> int:
    kept = connection.execute(query("keep_noes"), (wide, tombstone)).rowcount
    connection.execute("DELETE FROM noes WHERE wide = ?", (wide,))
    return kept


def _use_less(connection: sqlite3.Connection, numbers: Collection[int]) -> int:
    """How many texts went with their last use."""
    uses = {number: sum(1 for one in numbers if one == number) for number in set(numbers)}
    connection.executemany(query("use_wording_less"), uses.items())
    return _delete(connection, query("drop_unused_wording"), _each(uses))


def _record(
    connection: sqlite3.Connection, wide: str, now: datetime, randomness: Randomness, *, recorder: str, reason: str
) -> None:
    """One line more: that somebody was erased. Of whom, it holds a commitment that nobody can guess."""
    (last,) = connection.execute(query("last_line")).fetchone()
    identity, at = new_id(now, randomness(_RANDOM_OCTETS_OF_ID)), microseconds(now)
    plain: dict[str, str | int] = {
        "id": identity, "kind": EventKind.ERASE.value, "brand": "", "stream": "", "at": at, "recorded_at": at,
        "recorder": recorder, "language": "", "live": 1, "own_act": 0,
    }  # fmt: skip
    line = Line(
        last + 1,
        tuple(plain.get(name) for name in PLAIN),
        (wide, reason, "", None, "", ""),
        randomness(SALT_OCTETS),
    )
    line = erase(line, ["address"])
    row = (line.sequence, identity, at, at, reason, recorder, line.salt, line.erased)
    connection.execute(query("insert_erasure"), row)


def _newest_moment(line: Line) -> int:
    """When what the line tells was said, as the fold counts it, in microseconds."""
    plain = dict(zip(PLAIN, line.plain, strict=True))
    return max(moment for name in ("at", "confirmed_at", "recorded_at") if isinstance(moment := plain[name], int))


def _each(values: Collection[object]) -> Iterator[tuple[object]]:
    return ((value,) for value in values)


def _delete(
    connection: sqlite3.Connection, sql: str, rows: Collection[tuple[object, ...]] | Iterator[tuple[object]]
) -> int:
    return sum(connection.execute(sql, row).rowcount for row in rows)
