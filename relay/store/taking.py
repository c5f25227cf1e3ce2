"""Writes bundles of a list: short transactions, and for each person the shortest way that is right.

Who is new and said one thing needs no folding; who said several was folded when the bundle was made; of who was known
before, the history is read and folded quickly ahead of the transaction, which only has to see that nothing came in between;
whatever is unusual goes through `append_events` like everything else. Never holds the write lock longer than some 50 ms:
mail waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from relay.consent.events import NOES
from relay.consent.fold import is_active_yes
from relay.store.appending import append_events
from relay.store.bundles import Bundle, Part, by_person
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store
from relay.store.holds import any_held, look_again, look_again_at_staged, release, release_staged
from relay.store.known_people import Folded, fold_ahead, ids_of, others_met, write_folded
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.rows import Row
from relay.store.standing_noes import keep_without_line, kept_noes, nothing_new
from relay.store.told import (
    ADDRESS,
    ALONE,
    ID,
    KIND,
    SHAPE,
    STREAM,
    TOLD_ALONE,
    TOLD_KIND,
    WIDE,
    WORDING,
    Ready,
    Told,
    event_told,
)

#: Rows of people with a history that one transaction takes and folds; that takes some 0.1 ms each.
_FOLDED_TOGETHER: Final = 300
#: The same where they were folded before.
_WRITTEN_TOGETHER: Final = 1500
#: Octets of the WAL above which it is copied into the database; what is left to a running relay, its mail waits for.
_CHECKPOINT_ABOVE: Final = 8 << 20
#: KiB of pages that the writing connection keeps, so that no page leaves a transaction before its end.
_CACHE: Final = 64 << 10

#: Told on which connection they can be seen, and which rows: the ones of the list whose person is not alone with it.
Judge = Callable[[sqlite3.Connection, Sequence[Told]], None]


@dataclass(slots=True)
class Taken:
    """rows: of the list. known: of these, the ones that were there before, or stand in the list twice. events: lines added
    to the ledger. erased: rows that were left out, because their people asked to be erased and have not come back. alone:
    what the rows of new people with nothing else come to.
    """

    rows: int = 0
    known: int = 0
    events: int = 0
    erased: int = 0
    alone: Counter[int | str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Found:
    """Rows of a part by what is known of their people. new: nothing, and it is their only one. folded: nothing either, but
    they have several. same: the very same, and nothing else ever. known: the very same. erased: they asked to be erased,
    and the list would only bring their yes back. others: anything else. tombstoned: people who were erased, ever. to_keep:
    noes of erased people that name a stream which only a wider no covers so far: rows under their tombstones.
    """

    new: list[Ready] = field(default_factory=list)
    folded: list[Ready] = field(default_factory=list)
    same: list[Ready] = field(default_factory=list)
    known: list[Ready] = field(default_factory=list)
    erased: list[Ready] = field(default_factory=list)
    others: list[Ready] = field(default_factory=list)
    tombstoned: set[str] = field(default_factory=set)
    to_keep: list[Row] = field(default_factory=list)


class _Undone(Exception):  # noqa: N818 - no error: it carries the result of a dry run out of its transaction
    def __init__(self, result: tuple[int, int]) -> None:
        super().__init__()
        self.result = result


class Taking:
    """Use as a context manager. texts: words by their hash; may grow."""

    def __init__(self, committer: Committer, judge: Judge, texts: Mapping[str, str], *, dry_run: bool) -> None:
        self._committer = committer
        self._clock = _now
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
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.executescript(query("staging_tables"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._committer.connection
        with contextlib.suppress(sqlite3.Error):  # it may be why we are here
            connection.executescript("DROP TABLE temp.told; DROP TABLE temp.shapes")
            connection.execute(f"PRAGMA cache_size = {self._cache_before}")

    def take(self, bundle: Bundle) -> None:
        """Raises StoreUnavailableError; that the disk is full only `finish` does, after the noes of all bundles."""
        for part, says_no in ((bundle.yeses, False), (bundle.noes, True)):
            if not part.rows or (self._full is not None and not (says_no and self._room_for_noes)):
                continue
            try:
                with errors_of_the_store():
                    self._take(part, says_no=says_no and not self._dry_run)
            except StoreUnavailableError as error:
                if not error.full:
                    raise
                self._full = error
                self._room_for_noes = self._room_for_noes and not says_no

    def finish(self) -> None:
        if self._full is not None:
            noes = "all its withdrawals" if self._room_for_noes else "not even all of its withdrawals"
            raise StoreUnavailableError(
                f"{self._full}: {self.taken.rows:,} rows of the list were taken, and {noes}; make room and import it "
                "again, it goes on where it ended",
                full=True,
            ) from self._full

    def _take(self, part: Part, *, says_no: bool) -> None:
        connection = self._committer.connection
        (last,) = connection.execute(query("last_line")).fetchone()
        found = self._find(connection, part, part.rows)
        if self._dry_run:
            found.others += found.folded
            found.folded = []
        elif found.new or found.folded:
            several = found.same or found.known or found.others or found.erased
            self._stage(part, [*found.new, *found.folded] if several else part.rows)
            done = self._commit(Work(lambda connection: self._write(connection, part, found, last), says_no))
            if not done:
                return
            ((found, last),) = done
        if found.to_keep and not self._dry_run:
            rows = found.to_keep
            self._commit(Work(lambda connection: keep_without_line(connection, rows), says_no=True))
        self._count(found, part)
        for rows in by_person(self._add_quickly(found, part, last), _FOLDED_TOGETHER):
            told = [part.told(row) for row in rows]
            if self._full is not None:
                told = [one for one in told if one[TOLD_KIND] in NOES]
            if told:
                self._fold(told)

    def _stage(self, part: Part, rows: Sequence[Ready]) -> None:
        """Outside of the transaction, because nobody has to wait for it."""
        connection = self._committer.connection
        connection.execute("BEGIN")
        connection.execute("DELETE FROM temp.told")
        connection.execute("DELETE FROM temp.shapes")
        connection.executemany(query("stage_told"), rows)
        connection.executemany(query("stage_shape"), part.shapes)
        connection.execute("COMMIT")

    def _find(self, connection: sqlite3.Connection, part: Part, rows: Sequence[Ready]) -> _Found:
        wides = [row[WIDE] for row in rows]
        ids = ids_of(connection, wides)
        tombstoned = kept_noes(connection, wides, self._committer.pseudonyms)
        strangers = {wide: noes for wide, noes in tombstoned.items() if wide not in ids}
        theirs = [row for row in rows if row[WIDE] in strangers]
        old = nothing_new(connection, part, theirs, strangers, self._committer.pseudonyms)
        for wide in tombstoned:
            ids.setdefault(wide, set())
        several = {wide for wide, _, _ in part.folded}
        found = _Found(tombstoned=set(tombstoned), to_keep=list(old.to_keep))
        if not ids and not several:
            found.new += rows
            return found
        for row in rows:
            wide = row[WIDE]
            if wide in old.covered and part.shape(row)[KIND] in NOES:
                found.known.append(row)
            elif wide in old.gone:
                found.erased.append(row)
            elif wide not in ids:
                (found.folded if wide in several else found.new).append(row)
            elif row[ID] not in ids[wide]:
                found.others.append(row)
            elif wide in several or wide in tombstoned or len(ids[wide]) > 1:
                found.known.append(row)
            else:
                found.same.append(row)
        return found

    def _write(
        self, connection: sqlite3.Connection, part: Part, before: _Found, last: int
    ) -> tuple[_Found, int | None]:
        """Of what is staged. before: as it was when the last line of the ledger had the number `last`. The last line
        now; None where others have added some.
        """
        found = before
        alone = connection.execute(query("last_line")).fetchone() == (last,)
        if not alone:
            found = self._find(connection, part, [*before.new, *before.folded])
            known_now = {row[WIDE] for row in (*found.same, *found.known, *found.others, *found.erased)}
            connection.execute(query("unstage_people"), (json.dumps(list(known_now)),))
            found.same += before.same
            found.known += before.known
            found.others += before.others
            found.erased += before.erased
            found.tombstoned |= before.tombstoned
            found.to_keep += before.to_keep
        history = {row[WIDE] for row in (*found.same, *found.known, *found.others, *found.erased)}
        if any(shape[2 + WORDING] for shape in part.shapes):
            _count_staged(connection, self._texts)
        connection.execute(query("take_staged"))
        connection.execute(query("take_staged_yeses"))
        connection.execute(query("take_staged_noes"))
        now = self._clock()
        release_staged(connection, now)
        look_again_at_staged(connection, now)
        folded = [(facts, noes) for wide, facts, noes in part.folded if wide not in history]
        connection.executemany(query("put_facts"), [row for facts, _ in folded for row in facts])
        connection.executemany(query("put_no"), [row for _, noes in folded for row in noes])
        return found, connection.execute(query("last_line")).fetchone()[0] if alone else None

    def _count(self, found: _Found, part: Part) -> None:
        """Of what is settled; `others` are not yet."""
        taken = self.taken
        alone = [shape[2 + ALONE] for shape in part.shapes]
        same, met = self._contacted(found.same, part)
        known_alone = sum(alone[row[SHAPE]] is not None for row in same)
        counted = Counter([row[SHAPE] for row in (*found.new, *same)])
        for number, count in counted.items():
            if alone[number] is not None:
                taken.alone[alone[number]] += count
                taken.rows += count
        taken.known += known_alone
        taken.events += len(found.new) + len(found.folded)
        gone = {row[WIDE] for row in found.erased}
        left_out = [*found.erased, *(row for row in part.repeated if row[WIDE] in gone)]
        taken.erased += sum(alone[row[SHAPE]] is not None for row in left_out)
        repeated = [row for row in part.repeated if row[WIDE] not in gone]
        known = [part.told(row) for row in (*found.known, *met, *repeated) if alone[row[SHAPE]] is not None]
        judged = [part.told(row) for row in found.folded if alone[row[SHAPE]] is not None] + known
        taken.known += len(known)
        taken.rows += len(judged)
        if judged:
            self._judge(self._committer.connection, judged)

    def _contacted(self, rows: Sequence[Ready], part: Part) -> tuple[list[Ready], list[Ready]]:
        """Those that got no mail since, so that the one thing that they said is still all there is, and the others."""
        if not rows:
            return [], []
        asked = json.dumps([(part.shape(row)[STREAM], row[ADDRESS]) for row in rows])
        places = {place for (place,) in self._committer.connection.execute(query("contacts_among"), (asked,))}
        met = [row for place, row in enumerate(rows) if place in places]
        return [row for place, row in enumerate(rows) if place not in places] if met else list(rows), met

    def _add_quickly(self, found: _Found, part: Part, last: int | None) -> Iterator[Ready]:
        """Of people with a history; what is left for the long way. last: line of the ledger when they were found, None
        where that is not known.
        """
        for rows in by_person(found.others, _WRITTEN_TOGETHER):
            if last is None or self._full is not None:
                yield from rows
                continue
            folded = fold_ahead(self._committer.connection, part, rows, found.tombstoned)
            yield from folded.left
            if folded.told:
                last = self._write_folded(folded, last)
                if last is None:
                    yield from folded.rows

    def _write_folded(self, folded: Folded, last: int) -> int | None:
        """The last line of the ledger now; None when nothing was written."""
        standing = [told for told in folded.told if told[TOLD_ALONE] is not None]

        def work(connection: sqlite3.Connection) -> int | None:
            (now_last,) = connection.execute(query("last_line")).fetchone()
            if now_last != last and others_met(connection, last, folded.rows):
                return None
            write_folded(connection, folded, self._texts)
            self._release(connection, folded.told)
            if self._dry_run:
                self._judge(connection, standing)
                raise _Undone((0, 0))
            return int(now_last) + len(folded.lines)

        says_no = not self._dry_run and any(told[TOLD_KIND] in NOES for told in folded.told)
        try:
            done = self._commit(Work(work, says_no))
        except StoreUnavailableError as error:
            if not error.full or not says_no:
                raise
            self._full = error  # fewer at once may still have room
            return None
        if not done:
            return None
        (now_last,) = done
        if now_last is None:
            return None
        self.taken.rows += len(standing)
        if self._dry_run:
            return last
        self.taken.events += len(folded.told)
        if standing:
            self._judge(self._committer.connection, standing)
        return int(now_last)

    def _release(self, connection: sqlite3.Connection, rows: Iterable[Told]) -> None:
        if any_held(connection):
            events = list(map(event_told, rows))
            look_again(connection, events)
            yeses = [event for event in events if is_active_yes(event)]
            release(connection, [(event.stream, event.address) for event in yeses], self._clock())

    def _fold(self, rows: Sequence[Told]) -> None:
        """Rows of people with a history, or of several rows in a dry run: folded with all that there is."""
        events = list(map(event_told, rows))
        standing = [row for row in rows if row[TOLD_ALONE] is not None]
        pseudonyms = self._committer.pseudonyms

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            (last,) = connection.execute(query("last_line")).fetchone()
            numbers = append_events(connection, events, pseudonyms, os.urandom, self._texts)
            known = sum(
                number <= last for row, number in zip(rows, numbers, strict=True) if row[TOLD_ALONE] is not None
            )
            if self._dry_run:
                self._judge(connection, standing)
                raise _Undone((known, 0))
            return known, len({number for number in numbers if number > last})

        says_no = not self._dry_run and any(row[TOLD_KIND] in NOES for row in rows)
        for known, added in self._commit(Work(work, says_no)):
            self.taken.rows += len(standing)
            self.taken.known += known
            self.taken.events += added
            if standing and not self._dry_run:
                self._judge(self._committer.connection, standing)

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
        # On a full disk the WAL begins anew after each time, because it cannot grow.
        self._committer.checkpoint(_CHECKPOINT_ABOVE if self._full is None else 0)
        return results


def _now() -> datetime:
    """When held mail is let go: now, and not when the list was begun."""
    return datetime.now(UTC)


def _count_staged(connection: sqlite3.Connection, texts: Mapping[str, str]) -> None:
    for wording, language, first_at, last_at, uses in connection.execute(query("staged_wordings")).fetchall():
        values = (wording, texts.get(wording), language, first_at, last_at, uses)
        connection.execute(query("put_wording"), values).fetchall()
