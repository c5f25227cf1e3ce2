"""Writes bundles of a list: short transactions, and for each person the shortest way that is right.

Who is new and said one thing needs no folding; who said several was folded when the bundle was made; all others, known
before or erased, go through `append_events` like everything else. Never holds the write lock longer than some 50 ms: mail
waits for it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from relay.store.appending import append_events, count_wordings
from relay.store.bundles import Bundle, Group
from relay.store.committing import Committer, Work
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.told import (
    ALONE,
    AT,
    GRANT,
    ID,
    KIND,
    LANGUAGE,
    NOES,
    RECORDED_AT,
    WIDE,
    WORDING,
    Ready,
    event_told,
)

#: Rows of people with a history that one transaction takes; folding takes some 0.1 ms each.
_FOLDED_TOGETHER: Final = 300
#: And the most, however often one address stands in a list.
_MOST_TOGETHER: Final = 1000
#: Octets of the WAL above which it is copied into the database: pages that fill up in turn are then copied about once.
_CHECKPOINT_ABOVE: Final = 32 << 20
#: KiB of pages that the writing connection keeps, so that no page leaves a transaction before its end.
_CACHE: Final = 64 << 10

#: Told on which connection they can be seen, and which rows: the ones of the list whose person is not alone with it.
Judge = Callable[[sqlite3.Connection, Sequence[Ready]], None]


@dataclass(slots=True)
class Taken:
    """rows: of the list. known: of these, the ones that were there before, or stand in the list twice. events: lines added
    to the ledger. alone: what the rows of new people with nothing else come to.
    """

    rows: int = 0
    known: int = 0
    events: int = 0
    alone: Counter[int | str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Found:
    """Rows of a bundle by what is known of their people: nothing, the very same event, anything else."""

    plain: list[Ready] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    known: list[Ready] = field(default_factory=list)
    others: list[Ready] = field(default_factory=list)


class _Undone(Exception):  # noqa: N818 - no error: it carries the result of a dry run out of its transaction
    def __init__(self, result: tuple[int, int]) -> None:
        super().__init__()
        self.result = result


class Taking:
    """Use as a context manager. texts: words by their hash; may grow."""

    def __init__(self, committer: Committer, judge: Judge, texts: Mapping[str, str], *, dry_run: bool) -> None:
        self._committer = committer
        self._judge = judge
        self._texts = texts
        self._dry_run = dry_run
        self._full: StoreUnavailableError | None = None
        self._room_for_noes = True
        self._cache_before = 0
        self.taken = Taken()

    def __enter__(self) -> Self:
        connection = self._committer.connection
        (self._cache_before,) = connection.execute("PRAGMA cache_size").fetchone()
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._committer.connection.execute(f"PRAGMA cache_size = {self._cache_before}")

    def take(self, bundle: Bundle) -> None:
        """Raises StoreUnavailableError; that the disk is full only `finish` does, after the noes of all bundles."""
        if self._full is None:
            others = self._take_new(bundle)
            for rows in _by_person(others):
                if self._full is None:
                    self._take_known(rows)
        if self._full is not None and not self._dry_run:
            self._take_noes(bundle)

    def finish(self) -> None:
        if self._full is not None:
            noes = "all its withdrawals" if self._room_for_noes else "not even all of its withdrawals"
            raise StoreUnavailableError(
                f"{self._full}: {self.taken.rows:,} rows of the list were taken, and {noes}; make room and import it "
                "again, it goes on where it ended",
                full=True,
            ) from self._full

    def _take_new(self, bundle: Bundle) -> list[Ready]:
        """Write what is new; the rows that are left, of people of whom something is known."""
        if self._dry_run:
            found = self._find(self._committer.connection, [*bundle.grants, *bundle.noes], bundle.groups)
            found.others += [row for group in found.groups for row in group.rows]
            found.groups = []
            every = [found]
        else:
            calm = [group for group in bundle.groups if not group.says_no]
            noes = [group for group in bundle.groups if group.says_no]
            # Apart, because on a full disk only works that say no are done, in the room that is kept for them.
            every = self._commit(
                Work(lambda connection: self._write(connection, bundle.grants, calm)),
                Work(lambda connection: self._write(connection, bundle.noes, noes), says_no=bool(bundle.noes or noes)),
            )
        others: list[Ready] = []
        for found in every:
            self._count(found)
            others += found.others
        return others

    def _find(self, connection: sqlite3.Connection, plain: Sequence[Ready], groups: Sequence[Group]) -> _Found:
        wides = [row[WIDE] for row in plain] + [group.wide for group in groups]
        ids = _ids_of(connection, wides)
        for wide in _erased(connection, wides, self._committer.pseudonyms.tombstone):
            ids.setdefault(wide, set())
        if not ids:
            return _Found(list(plain), list(groups))
        found = _Found()
        for row in plain:
            if row[WIDE] not in ids:
                found.plain.append(row)
            elif row[ID] in ids[row[WIDE]]:
                found.known.append(row)
            else:
                found.others.append(row)
        for group in groups:
            if group.wide not in ids:
                found.groups.append(group)
            else:
                for row in group.rows:
                    (found.known if row[ID] in ids[group.wide] else found.others).append(row)
                found.known += group.repeated
        return found

    def _write(self, connection: sqlite3.Connection, plain: Sequence[Ready], groups: Sequence[Group]) -> _Found:
        found = self._find(connection, plain, groups)
        every = [*found.plain, *(row for group in found.groups for row in group.rows)]
        wordings = [
            (row[WORDING], row[LANGUAGE], row[RECORDED_AT] if row[AT] is None else row[AT])
            for row in every
            if row[WORDING]
        ]
        count_wordings(connection, wordings, self._texts)
        connection.executemany(query("insert_imported"), every)
        connection.executemany(query("put_imported_yes"), [row for row in found.plain if row[KIND] == GRANT])
        connection.executemany(query("put_imported_no"), [row for row in found.plain if row[KIND] in NOES])
        connection.executemany(query("put_facts"), [row for group in found.groups for row in group.facts])
        connection.executemany(query("put_no"), [row for group in found.groups for row in group.noes])
        return found

    def _count(self, found: _Found) -> None:
        """Of what is settled; `others` are not yet."""
        taken = self.taken
        alone = [row[ALONE] for row in found.plain if row[ALONE] is not None]
        taken.alone.update(alone)
        folded = [row for group in found.groups for row in group.rows]
        repeated = [row for group in found.groups for row in group.repeated]
        taken.events += len(found.plain) + len(folded)
        known = _standing([*repeated, *found.known])
        judged = [*_standing(folded), *known]
        taken.known += len(known)
        taken.rows += len(alone) + len(judged)
        if judged:
            self._judge(self._committer.connection, judged)

    def _take_known(self, rows: Sequence[Ready]) -> None:
        """Rows of people with a history, or of several rows in a dry run: folded with all that there is."""
        events = list(map(event_told, rows))
        standing = _standing(rows)
        pseudonyms = self._committer.pseudonyms

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            (last,) = connection.execute(query("last_line")).fetchone()
            numbers = append_events(connection, events, pseudonyms, os.urandom, self._texts)
            known = sum(number <= last and row[ALONE] is not None for row, number in zip(rows, numbers, strict=True))
            if self._dry_run:
                self._judge(connection, standing)
                raise _Undone((known, 0))
            return known, len({number for number in numbers if number > last})

        says_no = not self._dry_run and any(row[KIND] in NOES for row in rows)
        for known, events_added in self._commit(Work(work, says_no)):
            self.taken.rows += len(standing)
            self.taken.events += events_added
            self.taken.known += known
            if standing and not self._dry_run:
                self._judge(self._committer.connection, standing)

    def _take_noes(self, bundle: Bundle) -> None:
        """The disk is full: what says no is tried all the same, alone."""
        rows = [*bundle.noes, *(row for group in bundle.groups for row in group.rows if row[KIND] in NOES)]
        for start in range(0, len(rows) if self._room_for_noes else 0, _FOLDED_TOGETHER):
            events = list(map(event_told, rows[start : start + _FOLDED_TOGETHER]))
            try:
                (done,) = self._commit(Work(_Appending(events, self._committer, self._texts), says_no=True)) or (False,)
            except StoreUnavailableError:
                done = False
            if not done:
                self._room_for_noes = False
                return

    def _commit(self, *works: Work) -> list[Any]:
        """What the works returned; those that found no room are left out, and noticed."""
        results = []
        for result in self._committer.commit(works):
            if isinstance(result, _Undone):
                results.append(result.result)
            elif isinstance(result, StoreUnavailableError) and result.full:
                self._full = result
            elif isinstance(result, BaseException):
                raise result
            else:
                results.append(result)
        self._committer.checkpoint(_CHECKPOINT_ABOVE)
        return results


@dataclass(frozen=True, slots=True)
class _Appending:
    events: Sequence[Any]
    committer: Committer
    texts: Mapping[str, str]

    def __call__(self, connection: sqlite3.Connection) -> bool:
        append_events(connection, self.events, self.committer.pseudonyms, os.urandom, self.texts)
        return True


def _by_person(rows: Sequence[Ready]) -> Iterator[list[Ready]]:
    """Rows in the order of people, in lists of some _FOLDED_TOGETHER; nobody in two of them, but for monsters."""
    together: list[Ready] = []
    for row in rows:
        enough = len(together) >= _FOLDED_TOGETHER and row[WIDE] != together[-1][WIDE]
        if enough or len(together) >= _MOST_TOGETHER:
            yield together
            together = []
        together.append(row)
    if together:
        yield together


def _standing(rows: Iterable[Ready]) -> list[Ready]:
    """Those that stand for a row of the list."""
    return [row for row in rows if row[ALONE] is not None]


def _ids_of(connection: sqlite3.Connection, wides: Sequence[str]) -> dict[str, set[str]]:
    """The ids of events of those of these people who are known."""
    if not wides:
        return {}
    (any_of_them,) = connection.execute(query("anyone_between"), (min(wides), max(wides))).fetchone()
    if not any_of_them:
        return {}
    ids: dict[str, set[str]] = {}
    for wide, identity in connection.execute(query("ids_of_people"), (json.dumps(wides),)):
        ids.setdefault(wide, set()).add(identity)
    return ids


def _erased(connection: sqlite3.Connection, wides: Sequence[str], tombstone: Callable[[str], str]) -> list[str]:
    """Those of these people who were erased and whose no was kept."""
    (any_at_all,) = connection.execute(query("any_tombstone")).fetchone()
    if not any_at_all:
        return []
    by_tombstone = {tombstone(wide): wide for wide in wides}
    rows = connection.execute(query("noes_of_people"), (json.dumps(list(by_tombstone)),))
    return list({by_tombstone[row[1]] for row in rows})
