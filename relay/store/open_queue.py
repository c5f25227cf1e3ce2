"""The queue as one process works on it: its lease, its caps, and what it tells the log. Everything here runs on the
writing thread, save `look`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from relay.consent.ledger import microseconds
from relay.log import get_logger
from relay.queued import Origin, State, Step
from relay.store import queue
from relay.store.committing import Committer, Work
from relay.store.connection import errors_of_the_store
from relay.store.holds import keep_release_rate
from relay.store.learning import Lessons
from relay.store.leases import Lease, clear, ended, folder_of
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.queue import Caps, Done, Handed, Unfit
from relay.store.settling import Learn

#: Seconds between two looks at whose processes are no more.
_LOOK_EVERY: Final = 2.0
#: Seconds for which the file of a lease has to be missing: a process that lives makes it again sooner.
_MISSING_FOR: Final = 4.0
#: Seconds from the facts that a decision is made of to the step that is made of the decision, at the most.
_LONGEST_STEP: Final = 60.0
#: The look at whether a copy of a state is to be claimed, where that is more than its being due.
_ANY: Final = {State.FAILED: "any_failed_ready", State.HELD: "any_hold_ends"}


@dataclass(slots=True)
class Told:
    """The result of a work, and what the log is told once it is committed."""

    answer: Any
    lost: list[int] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    aside: tuple[str, ...] = ()
    lessons: Lessons = field(default_factory=Lessons)

    def tell(self) -> None:
        logger = get_logger()
        self.lessons.tell()
        for copy in self.lost:
            logger.warning("lease-lost", copy=copy)
        for decision in self.replaced:
            logger.info("hold-replaced", id=decision)
        for message in self.aside:
            logger.error(
                "message-set-aside", message=message, why="every worker that touched it failed, or nobody can read it"
            )


@dataclass(slots=True)
class Claiming:
    """A claim that may be taken back. claim: called inside the transaction. holders: by copy, which claim of this process
    has it. line: the last of the ledger when it was made.
    """

    claim: Callable[[sqlite3.Connection], Handed]
    lease: str
    holders: dict[int, Claiming]
    copies: list[int] = field(default_factory=list)
    line: int = 0

    def run(self, connection: sqlite3.Connection) -> Told:
        self.copies = []
        handed = self.claim(connection)
        self.copies = [copy.number for one in handed.claimed for copy in one.copies]
        if self.copies:
            ((self.line,),) = connection.execute(query("last_line")).fetchall()
            self.holders.update(dict.fromkeys(self.copies, self))
        return Told(handed.claimed, aside=handed.aside)

    def undo(self, connection: sqlite3.Connection) -> None:
        # This may come late, after an outage in which nothing of the claim was kept: another has its copies then.
        ours = [copy for copy in self.copies if self.holders.get(copy) is self]
        queue.give_back(connection, self.lease, ours)


class OpenQueue:
    """Opening makes the lease of this process and frees what processes that are no more had. Raises
    StoreUnavailableError.
    """

    def __init__(self, committer: Committer, caps: Caps, learn: Learn) -> None:
        self._committer = committer
        self._learn = learn
        self._caps = caps
        self._look_from = 0.0
        # Since when files of leases are missing.
        self._missing: dict[str, float] = {}
        # When which line was the last of the ledger; the first is older than any decision that a step can rest on.
        self._lines: deque[tuple[float, int]] = deque()
        # Whoever decides anew on a copy reads the facts after it was claimed.
        self._holders: dict[int, Claiming] = {}
        with errors_of_the_store():
            self._note_line(committer.connection)
            self._lease = Lease(committer.path, os.urandom(12).hex())
        try:
            self._run(self._begin)
            with errors_of_the_store():
                clear(committer.path)
        except StoreUnavailableError as error:
            if not error.full:  # what cannot be freed now is freed later; withdrawals are taken meanwhile
                self._lease.close()
                raise
        except BaseException:
            self._lease.close()
            raise

    def work_of(self, step: Step) -> Callable[[sqlite3.Connection], Told | Unfit | StoreUnavailableError]:
        seen = self._lines[0][1]
        octets = sum(len(new.content) for new in step.messages if new.origin is Origin.CLIENT)

        def run(connection: sqlite3.Connection) -> Told | Unfit | StoreUnavailableError:
            if octets and not self._committer.has_room_for(octets):
                return StoreUnavailableError("no space left on the disk", full=True)
            done = queue.take_step(
                connection,
                step,
                self._lease.name,
                self._caps,
                self._committer.pseudonyms,
                seen=seen,
                seen_by={one.copy: self._holders[one.copy].line for one in step.moves if one.copy in self._holders},
                learn=self._learn,
            )
            for one in step.moves:
                self._holders.pop(one.copy, None)
            return Told(None, done.lost, done.replaced, lessons=done.lessons) if isinstance(done, Done) else done

        return run

    def claim(self, now: datetime, most: int, only: Collection[str] | None, skip: Collection[str]) -> Claiming:
        lease = self._lease.name
        return Claiming(
            lambda connection: queue.claim(connection, lease, now, most, only=only, skip=skip), lease, self._holders
        )

    def claim_failed(self, now: datetime, most: int) -> Claiming:
        lease = self._lease.name
        return Claiming(lambda connection: queue.claim_failed(connection, lease, now, most), lease, self._holders)

    def claim_expired(self, now: datetime, most: int) -> Claiming:
        lease = self._lease.name
        return Claiming(lambda connection: queue.claim_expired(connection, lease, now, most), lease, self._holders)

    def give_back(self, copies: Collection[int]) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: queue.give_back(connection, self._lease.name, copies)

    def look(self, connection: sqlite3.Connection, now: datetime, state: State) -> tuple[bool, bool]:
        """Is anything in this state to be claimed, and are there copies of processes that are no more? On the reading thread."""
        with errors_of_the_store():
            self._lease.keep()
            values = {"state": state.value, "now": microseconds(now)}
            ((due,),) = connection.execute(query(_ANY.get(state, "any_due")), values).fetchall()
            if time.monotonic() < self._look_from:
                return bool(due), False
            self._look_from = time.monotonic() + _LOOK_EVERY
            self._note_line(connection)
            return bool(due), any(self._has_ended(name) for name in self._others(connection))

    def free(self, connection: sqlite3.Connection) -> None:
        """What processes that are no more had can be claimed again."""
        for name in self._others(connection):
            if self._may_come_back(name):
                continue
            with ended(self._committer.path, name) as is_so:
                if is_so:
                    queue.free(connection, name)

    def close(self) -> None:
        """Whatever this process still had is as if it had not been claimed."""
        with contextlib.suppress(StoreUnavailableError):  # then it is as after a crash
            self._run(lambda connection: queue.give_back(connection, self._lease.name))
        self._lease.close()

    def _begin(self, connection: sqlite3.Connection) -> None:
        keep_release_rate(connection, self._caps.release)
        self.free(connection)

    def _note_line(self, connection: sqlite3.Connection) -> None:
        now = time.monotonic()
        ((last,),) = connection.execute(query("last_line")).fetchall()
        self._lines.append((now, last))
        while len(self._lines) > 1 and self._lines[1][0] <= now - _LONGEST_STEP:
            self._lines.popleft()

    def _run(self, run: Callable[[sqlite3.Connection], object]) -> None:
        (result,) = self._committer.commit([Work(run)])
        if isinstance(result, BaseException):
            raise result

    def _others(self, connection: sqlite3.Connection) -> list[str]:
        rows = connection.execute(query("lease_owners")).fetchall()
        return [name for (name,) in rows if name != self._lease.name]

    def _may_come_back(self, name: str) -> bool:
        """Is its file missing since a moment ago only? Somebody may have removed it from under a process that lives."""
        if (folder_of(self._committer.path) / name).exists():
            self._missing.pop(name, None)
            return False
        now = time.monotonic()
        return now - self._missing.setdefault(name, now) < _MISSING_FOR

    def _has_ended(self, name: str) -> bool:
        if self._may_come_back(name):
            return False
        # Only a look: the rows are freed under the lock of the file once more, inside the transaction.
        with ended(self._committer.path, name, keep=True) as is_so:
            return is_so
