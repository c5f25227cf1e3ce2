"""Takes a whole list into the ledger: read in pieces, put into the order of people, written in short transactions.

The same comes out as if each event had been appended alone. A list that was cut short can be taken again: what is there
already is skipped. How the reading is shared out among processes, `relay.store.crew` knows; how a bundle is written,
`relay.store.taking`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final

from relay.store.committing import Committer
from relay.store.crew import Crew
from relay.store.taking import Judge, Taken, Taking
from relay.store.told import Block, Parsed

__all__ = ["Block", "Judge", "Parsed", "Taken", "import_bulk"]

#: Octets of a list that are not worth the start of other processes.
_SMALL: Final = 1 << 20

#: While they read, the writer waits; while they merge, they wait for the writer.
_PROCESSES: Final = min(4, os.cpu_count() or 1)

#: Told the phase ("reading", "writing"), what is done (octets, rows) and of how much, 0 where nobody knows.
Progress = Callable[[str, int, int], None]


def import_bulk(
    committer: Committer,
    blocks: Iterable[Block],
    parse: Callable[[Block], Parsed],
    *,
    on_parsed: Callable[[Parsed], None],
    judge: Judge,
    progress: Progress = lambda *_: None,
    dry_run: bool = False,
    processes: int | None = None,
) -> Taken:
    """Take all that `parse` makes of the blocks (number of the first line, octets of whole records).

    parse: has to be picklable, it may run in another process. on_parsed: called in the order of the list. judge: called
    with rows that stand for a row of the list and whose person is not alone with it, as soon as the ledger has them.
    processes: how many read a long list, by default as the machine has processors; 0 does everything here.

    dry_run: counts and judges the same, and leaves the store as it was. Raises StoreUnavailableError; when the disk is
    full, the withdrawals of the list have been taken as far as the reserve goes.
    """
    texts: dict[str, str] = {}
    octets = 0

    def parsed(length: int, one: Parsed) -> None:
        nonlocal octets
        octets += length
        texts.update(one.texts)
        on_parsed(one)
        progress("reading", octets, 0)

    with Crew(parse, committer.path.parent, _PROCESSES if processes is None else processes, small=_SMALL) as crew:
        total = crew.read(blocks, parsed)
        done = 0
        with Taking(committer, judge, texts, dry_run=dry_run) as taking:
            for bundle in crew.bundles():
                taking.take(bundle)
                done += len(bundle)
                progress("writing", done, total)
            taking.finish()
    return taking.taken
