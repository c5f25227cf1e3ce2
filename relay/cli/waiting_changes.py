"""Does what an operator wants to copies that wait: in the store, beside a relay that runs or without one, and with a
line a copy in the log where that is a file. Decides nothing about mail.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from relay import log
from relay.cli import CommandError
from relay.cli.bar import bar
from relay.cli.stored import committer_of
from relay.cli.waiting_words import copies
from relay.config.settings import Settings
from relay.store.committing import Committer, Work
from relay.store.interventions import Done, free_ended
from relay.store.waiting import Waiting, WaitingMail, WantedCopies

#: Copies changed in one transaction: mail goes on between two.
_TOGETHER: Final = 500

#: What is done to copies, by their numbers, inside a transaction.
Act = Callable[[sqlite3.Connection, Sequence[int]], Done]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Copies that an operator means. `change` does it to them and to no other."""

    settings: Settings
    committer: Committer
    found: Mapping[int, Waiting]

    @property
    def mail(self) -> WaitingMail:
        return WaitingMail(self.committer.connection, self.settings.store.path)

    def change(self, act: Act) -> Done:
        """Raises StoreUnavailableError; what was done until then stays."""
        numbers = list(self.found)
        done = Done()
        with bar("changing copies", len(numbers)) as on_more:
            for start in range(0, len(numbers), _TOGETHER):
                some = numbers[start : start + _TOGETHER]
                done += _committed(self.committer, partial(_act, act, some))
                on_more(len(some))
        return done

    def tell_log(self, event: str, done: Done, **more: Any) -> None:
        """A line a copy, without an address. The log on standard output belongs to the relay."""
        if self.settings.log.path == "-" or not done.numbers:
            return
        with contextlib.suppress(OSError):
            log.configure(self.settings.log.path)
            logger = log.get_logger()
            for number in done.numbers:
                one = self.found[number]
                fields = {"message": one.message.tx.id, "id": one.copy.decision, "reason": one.copy.reason, **more}
                if event == "dropped":
                    logger.info("dropped", **fields)
                else:
                    logger.info("released", **fields)


@contextlib.contextmanager
def choosing(settings: Settings, wanted: WantedCopies) -> Iterator[Chosen]:
    """A Chosen of the wanted copies; what a process had that is no more is free."""
    with committer_of(settings) as committer:
        _committed(committer, lambda connection: free_ended(connection, settings.store.path))
        found = WaitingMail(committer.connection, settings.store.path).copies(wanted)
        yield Chosen(settings, committer, {one.copy.number: one for one in found})


def ask(question: str, count: int, *, yes: bool) -> None:
    """More than one copy is only changed for good when that is meant."""
    if yes or count <= 1:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{copies(count)} would go; say --yes, or answer at a terminal", exit_code=2)
    print(question, file=sys.stderr)
    if input(f"Type {count} to go on: ").strip() != str(count):
        raise CommandError("nothing was changed")


def _act(act: Act, numbers: Sequence[int], connection: sqlite3.Connection) -> Done:
    return act(connection, numbers)


def _committed(committer: Committer, run: Callable[[sqlite3.Connection], Any]) -> Any:
    (result,) = committer.commit([Work(run)])
    if isinstance(result, BaseException):
        raise result
    return result
