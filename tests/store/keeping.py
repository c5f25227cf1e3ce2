"""A store with people of every age, and the periods by which they go."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from store.samples import NOW, PSEUDONYMS, ago, committer, contact, decision, grant, outcome, withdraw

from relay.address import Address
from relay.consent.events import NOES, Event
from relay.consent.evidence import Evidence
from relay.consent.retention import Retention
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.connection import open_for_reading
from relay.store.due import Periods
from relay.store.queries import query
from relay.store.retention import Purged, purge
from relay.store.rows import decision_row, outcome_row, watermark_row

SHIPPED = Path(__file__).parents[2] / "policies"
TRACES = Evidence(form_url="https://form.example", ip="192.0.2.9", user_agent="Browser/9")


def periods(
    now: datetime = NOW, *, evidence: int | None = 1096, technical: int | None = 365, decisions: int = 90
) -> Periods:
    """By the shipped newsletter, kept so many days."""
    stream = next(one for one in load_policies(SHIPPED).streams if one.id == "newsletter")
    kept = Retention(*(None if days is None else timedelta(days) for days in (evidence, technical)))
    return Periods(Policies((replace(stream, retention=kept),), ""), timedelta(decisions), now)


class Keeping:
    """The store in a folder; every time is in days before NOW."""

    def __init__(self, folder: Path, opened: Committer) -> None:
        self.folder, self.committer = folder, opened

    def yes(self, person: Address, days: float, **more: Any) -> None:
        at = ago(days)
        self.add(grant(person, **({"at": at, "recorded_at": at, "evidence": TRACES, "live": False} | more)))

    def no(self, person: Address, days: float, **more: Any) -> None:
        self.add(withdraw(person, **({"at": ago(days), "recorded_at": ago(days)} | more)))

    def add(self, *events: Event) -> None:
        says_no = any(one.kind in NOES for one in events)
        self._do(lambda c: append_events(c, events, PSEUDONYMS, os.urandom), says_no)

    def mail(self, person: Address, days: float, stream: str = "newsletter") -> None:
        one = decision(person, at=ago(days), stream=stream)
        told = [contact(one, person, ago(days), stream), outcome(one, at=ago(days))]

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(query("insert_decision"), decision_row(one))
            connection.executemany(query("insert_outcome"), [outcome_row(each) for each in told])
            connection.execute(query("move_watermark"), watermark_row(told[0]))

        self._do(work)

    def failure(self, person: Address, days: float) -> None:
        at = int(ago(days).timestamp() * 1_000_000)
        self._do(lambda c: c.execute(query("put_failure"), (str(person), at, "5.1.1")))

    def purge(self, by: Periods | None = None, *, dry: bool = False, **more: Any) -> Purged:
        with closing(open_for_reading(self.folder / "relay.db")) as reading:
            return purge(reading, None if dry else self.committer, PSEUDONYMS, by or periods(), **more)

    def rows(self, sql: str, *values: object) -> Sequence[Any]:
        return self.committer.connection.execute(sql, values).fetchall()

    def names(self) -> set[str]:
        """Addresses that the ledger still has."""
        return {text for (text,) in self.rows("SELECT address FROM ledger WHERE address IS NOT NULL")}

    def _do(self, work: Any, says_no: bool = False) -> Any:
        (result,) = self.committer.commit([Work(work, says_no)])
        if isinstance(result, BaseException):
            raise result
        return result


@contextmanager
def keeping(folder: Path) -> Iterator[Keeping]:
    with committer(folder) as opened:
        yield Keeping(folder, opened)
