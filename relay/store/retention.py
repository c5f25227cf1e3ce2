"""Takes out of the store what may no longer be kept (`relay.store.due`): old decisions, technical evidence, and people
without a consent long after their last mail. Small transactions, so that mail does not wait.

A no never goes: it becomes a tombstone. Nothing here looks at a clock; a caller who doubts it does not call.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial
from typing import Any, Final

from relay.address import Address
from relay.consent.ledger import microseconds
from relay.consent.pseudonyms import Pseudonyms
from relay.consent.retention import strictest
from relay.store.committing import Committer, Work
from relay.store.due import Periods, due_lines, due_people
from relay.store.erasing import erase_fields, purge_person
from relay.store.queries import query
from relay.store.rows import address_of

#: Lines of the ledger that are looked at together; rows and people that go in one transaction (some 20 ms).
_STRETCH: Final = 1000
_TOGETHER: Final = 500
_PEOPLE_TOGETHER: Final = 100
#: People whose lines are taken out of the journal at once: each time, it is written anew.
_JOURNAL_TOGETHER: Final = 10_000
#: Where a pass through the ledger has come to.
_PLACE: Final = "retention"
_TECHNICAL: Final = ("ip", "user_agent")


@dataclass(slots=True)
class Purged:
    """How many. technical: lines that lost IP address and browser. contacts, failures: of people not in the ledger.
    reports: lines about mail that did not go out.
    """

    decisions: int = 0
    outcomes: int = 0
    technical: int = 0
    people: int = 0
    lines: int = 0
    contacts: int = 0
    failures: int = 0
    reports: int = 0

    def __bool__(self) -> bool:
        return any(astuple(self))


def purge(
    reading: sqlite3.Connection,
    committer: Committer | None,
    pseudonyms: Pseudonyms,
    periods: Periods,
    *,
    most_lines: int | None = None,
    go_on: Callable[[], bool] = lambda: True,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Purged:
    """Take out what is due. May be cut short and called again.

    reading: a connection of its own. committer: None only counts. most_lines: of the ledger to look through for people,
    None for all; the next call goes on there. go_on: asked between two transactions. on_progress: told of rows done.
    Raises StoreUnavailableError.
    """
    one = _Pass(reading, committer, pseudonyms, periods, go_on, on_progress)
    one.drop_decisions()
    one.drop_reports()
    if periods.policies.streams:  # without a policy nobody says how long evidence is needed
        place = _place(reading, periods.figures, everybody=most_lines is None)
        one.drop_technical(place)
        one.drop_people(place, most_lines)
        one.drop_strangers()
        one.keep(place)
    if committer is not None and one.purged:
        committer.forget([], erased=False)  # old pages in the WAL
    return one.purged


@dataclass(slots=True)
class _Place:
    """Lines up to which technical evidence and people are done, by the periods with these figures."""

    figures: str
    technical: int = 0
    evidence: int = 0


@dataclass(slots=True)
class _Pass:
    reading: sqlite3.Connection
    committer: Committer | None
    pseudonyms: Pseudonyms
    periods: Periods
    go_on: Callable[[], bool]
    on_progress: Callable[[int], None]
    purged: Purged = field(default_factory=Purged)

    def drop_decisions(self) -> None:
        before = microseconds(self.periods.now - self.periods.decisions)
        if self.committer is None:
            rows = self.reading.execute(query("old_decisions"), (before, -1)).fetchall()
            ids = json.dumps([identity for _, identity in rows])
            counted = "SELECT count(*) FROM outcomes WHERE decision IN (SELECT value FROM json_each(?))"
            (outcomes,) = self.reading.execute(counted, (ids,)).fetchone()
            self.purged.decisions, self.purged.outcomes = len(rows), outcomes
            return
        while self.go_on():
            decisions, outcomes = self._done(lambda connection: _drop_decisions(connection, before), (0, 0))
            self.purged.decisions += decisions
            self.purged.outcomes += outcomes
            self.on_progress(decisions)
            if decisions < _TOGETHER:
                return

    def drop_reports(self) -> None:
        """Lines about mail that did not go out, as decisions where a mail has told them. That of a client without an
        owner stays twice as long: only who asks for it (`log report`) sees it.
        """
        now, period = self.periods.now, self.periods.decisions
        before = (microseconds(now - period), microseconds(now - 2 * period))
        if self.committer is None:
            (self.purged.reports,) = self.reading.execute(query("count_old_reports"), before).fetchone()
            return
        while self.go_on():
            count = self._done(lambda c: c.execute(query("drop_old_reports"), (*before, _TOGETHER)).rowcount, 0)
            self.purged.reports += count
            self.on_progress(count)
            if count < _TOGETHER:
                return

    def drop_technical(self, place: _Place) -> None:
        before = self.periods.technical_before
        if before is None:
            return
        all_done = True
        for stretch in self._stretches(place.technical, microseconds(before)):
            due, waiting = due_lines(self.reading, stretch, self.periods)
            if due:
                self.purged.technical += self._done(partial(self._erase_technical, stretch), len(due))
            all_done = all_done and not waiting
            if all_done:
                place.technical = stretch[1]

    def _erase_technical(self, stretch: tuple[int, int], connection: sqlite3.Connection) -> int:
        due, _ = due_lines(connection, stretch, self.periods)
        return sum(erase_fields(connection, line, _TECHNICAL) for line in due)

    def drop_people(self, place: _Place, most_lines: int | None) -> None:
        before = self.periods.evidence_before
        if before is None:
            return
        due: set[str] = set()
        seen = 0
        for first, last in self._stretches(place.evidence, microseconds(before)):
            rows = self.reading.execute(query("people_of_stretch"), (first, last, microseconds(before))).fetchall()
            due |= due_people(self.reading, [wide for (wide,) in rows], self.pseudonyms, self.periods)
            seen += last - first
            place.evidence = last
            if len(due) >= _JOURNAL_TOGETHER:
                self._drop(due)
                due = set()
            if most_lines is not None and seen >= most_lines:
                break
        else:
            if self.go_on():
                place.evidence = 0  # those who were not due are looked at again in the next pass
        self._drop(due)

    def _drop(self, due: set[str]) -> None:
        if self.committer is None:
            self.purged.people += len(due)
            return
        # The journal first: when it ends in between, the store has the people still, and they are found again.
        kept = "SELECT 1 FROM noes WHERE wide = ? AND kind IN ('withdraw', 'complain')"
        with_noes = [wide for wide in due if self.reading.execute(kept, (wide,)).fetchone()]
        if with_noes:
            self.committer.forget(with_noes, erased=False)
        people = sorted(due)
        for start in range(0, len(people), _PEOPLE_TOGETHER):
            if not self.go_on():
                return
            lines: list[int] = self._done(partial(self._purge_group, people[start : start + _PEOPLE_TOGETHER]), [])
            self.purged.people += len(lines)
            self.purged.lines += sum(lines)
            self.on_progress(len(lines))

    def _purge_group(self, group: Sequence[str], connection: sqlite3.Connection) -> list[int]:
        still = due_people(connection, group, self.pseudonyms, self.periods)  # somebody may have come back meanwhile
        now = self.periods.now
        return [purge_person(connection, wide, self.pseudonyms, now=now).lines for wide in group if wide in still]

    def drop_strangers(self) -> None:
        """Mail was sent to them and nothing more is known: receipts, most often."""
        for (stream,) in self.reading.execute("SELECT DISTINCT stream FROM contacts").fetchall():
            period = self.periods.of(stream, "").evidence
            if period is not None:
                before = microseconds(self.periods.now - period)
                sql = "DELETE FROM contacts WHERE address = ? AND stream = ? AND at < ?"
                pages = self._pages("old_contacts", (stream,), before)
                self.purged.contacts += sum(self._drop_rows(page, sql, (stream, before)) for page in pages)
        period = strictest([stream.retention for stream in self.periods.policies.streams]).evidence
        if period is not None:
            before = microseconds(self.periods.now - period)
            sql = "DELETE FROM failures WHERE address = ? AND at < ?"
            pages = self._pages("old_failures", (), before)
            self.purged.failures += sum(self._drop_rows(page, sql, (before,)) for page in pages)

    def _drop_rows(self, page: Sequence[str], sql: str, more: tuple[object, ...]) -> int:
        rows = [(text, *more) for text in page if not self._is_in_ledger(address_of(text))]
        self.on_progress(len(page))
        if not rows:
            return 0
        return int(self._done(lambda c: sum(c.execute(sql, row).rowcount for row in rows), len(rows)))

    def keep(self, place: _Place) -> None:
        kept = json.dumps({"figures": place.figures, "technical": place.technical, "evidence": place.evidence})
        sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
        self._done(lambda connection: connection.execute(sql, (_PLACE, kept)).rowcount, 0)

    def _stretches(self, after: int, before: int) -> Iterator[tuple[int, int]]:
        """Stretches of the ledger (first excluded, last included) up to those recorded later than `before`."""
        while self.go_on():
            oldest, last = self.reading.execute(query("oldest_of_stretch"), (after, after + _STRETCH)).fetchone()
            if last is None or oldest >= before:
                return
            yield after, last
            self.on_progress(last - after)
            after = last

    def _pages(self, name: str, of: tuple[object, ...], before: int) -> Iterator[list[str]]:
        last = ""
        while self.go_on():
            rows = self.reading.execute(query(name), (*of, last, before, _TOGETHER)).fetchall()
            if not rows:
                return
            yield [text for (text,) in rows]
            (last,) = rows[-1]

    def _is_in_ledger(self, address: Address) -> bool:
        return self.reading.execute("SELECT 1 FROM ledger WHERE wide = ?", (address.wide,)).fetchone() is not None

    def _done(self, work: Callable[[sqlite3.Connection], Any], counted: Any) -> Any:
        """What the work came to; `counted` where nothing is to be changed."""
        if self.committer is None:
            return counted
        (result,) = self.committer.commit([Work(work)])
        self.committer.checkpoint()
        if isinstance(result, BaseException):
            raise result
        return result


def _drop_decisions(connection: sqlite3.Connection, before: int) -> tuple[int, int]:
    rows = connection.execute(query("old_decisions"), (before, _TOGETHER)).fetchall()
    outcomes = sum(connection.execute("DELETE FROM outcomes WHERE decision = ?", row[1:]).rowcount for row in rows)
    connection.executemany("DELETE FROM decisions WHERE sequence = ?", [row[:1] for row in rows])
    connection.executemany("DELETE FROM notices WHERE decision = ?", [row[1:] for row in rows])
    return len(rows), outcomes


def _place(connection: sqlite3.Connection, figures: str, *, everybody: bool) -> _Place:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_PLACE,)).fetchone()
    kept: Mapping[str, Any] = json.loads(row[0]) if row else {}
    if kept.get("figures") != figures:
        return _Place(figures)
    return _Place(figures, kept["technical"], 0 if everybody else kept["evidence"])
