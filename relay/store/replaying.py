"""Brings a store that is behind withdrawals.journal up to it: after a backup was restored, or a machine rolled back.

Adds only noes and erasures; nothing here can bring somebody back. Mail that waits goes aside: it may have gone out since.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.erasing import erase_again
from relay.store.journal_lines import Entry
from relay.store.rows import no_row
from relay.store.standing_noes import keep_without_line
from relay.store.uncertain import set_all_aside

#: Lines of the journal that are replayed in one transaction.
_TOGETHER: Final = 1000


@dataclass(frozen=True, slots=True)
class Replayed:
    """noes: withdrawals and complaints that were added. erased: people who were erased once more."""

    noes: int
    erased: int


def replay(committer: Committer, now: datetime, on_progress: Callable[[int], None] = lambda _: None) -> Replayed:
    """Add what only the journal has. on_progress: called with the number of lines done since the last call.

    May be cut short and called again. Raises StoreUnavailableError, JournalDamagedError among them.
    """
    journal = committer.journal
    if journal.is_ahead_of(committer.connection):  # the store is older than what was sent
        (result,) = committer.commit([Work(lambda connection: set_all_aside(connection, now))])
        if isinstance(result, BaseException):
            raise result
    # Erasures first: the no that an erasure leaves would tell that the store knows of it, and the journal's last line,
    # by which a replay that was cut short is known, may be a no.
    missing = journal.missing_in(committer.connection)
    erasures = {one.tombstone: one.recorded_at for one in missing if not one.says_no and one.recorded_at}
    (erased,) = committer.commit(
        [Work(lambda connection: erase_again(connection, erasures, committer.pseudonyms, now))]
    )
    if isinstance(erased, BaseException):
        raise erased
    missing = journal.missing_in(committer.connection)
    noes = 0
    while group := list(islice(missing, _TOGETHER)):
        noes += _commit(committer, [one for one in group if one.says_no])
        on_progress(len(group))
    # A replay that was cut short may have left nothing to add but this.
    if noes or erasures or journal.is_ahead_of(committer.connection):
        # Noes of erased people have no line in this ledger: by them the same backup is known for old when it comes again.
        committer.commit([Work(journal.mark, says_no=True)])
    return Replayed(noes, int(erased))


def _commit(committer: Committer, noes: list[Entry]) -> int:
    """How many were added."""
    events = [entry.event() for entry in noes if entry.address]
    # One may stand there several times: since a replay, or twice on a full disk.
    rows = list(dict.fromkeys(no_row(entry.no()) for entry in noes if entry.tombstone))

    def add(connection: sqlite3.Connection) -> None:
        append_events(connection, events, committer.pseudonyms, os.urandom)
        keep_without_line(connection, rows)

    # Not as a no of its own: the journal has it already.
    (result,) = committer.commit([Work(add)])
    if isinstance(result, BaseException):
        raise result
    return len(events) + len(rows)
