"""Reads what was accepted and did not go out (the table `reports`): for the daily report and for `log report`.

Never writes: lines come with the step that ends their copy, and are told by the step that queues the mail telling them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.consent.ledger import microseconds, moment_of
from relay.decision import Result
from relay.message.report import Kind
from relay.queued import Fate, ReportLine
from relay.reason import Reason
from relay.store.connection import errors_of_the_store
from relay.store.queries import query


@dataclass(frozen=True, slots=True)
class Reported:
    """A line as it stands in the store. told_at, told_in: when the mail that tells it was queued, and that mail's id.
    became: what its last attempt came to, None where nobody knows (any more). waits: is it still in the queue?
    """

    number: int
    line: ReportLine
    told_at: datetime | None
    told_in: str
    became: Result | None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class WantedLines:
    """Which lines; "" and None do not choose. since, until: aware. told: only those told, or only those not."""

    client: str = ""
    stream: str = ""
    fate: Fate | None = None
    recipient: str = ""
    message: str = ""
    since: datetime | None = None
    until: datetime | None = None
    told: bool | None = None


@dataclass(frozen=True, slots=True)
class Untold:
    """What one mail can tell: its lines by kind, their numbers, when the first happened, and the newest of them."""

    numbers: tuple[int, ...]
    since: datetime
    kinds: tuple[Kind, ...]
    newest: tuple[ReportLine, ...]


def untold(connection: sqlite3.Connection, client: str, before: datetime, most: int, listed: int) -> Untold | None:
    """The oldest `most` lines of a client from before then that no mail tells; None when there are none. listed: how
    many of them are shown, the newest.
    """
    rows = _all(connection, query("untold_lines"), client, microseconds(before), most)
    if not rows:
        return None
    counts: dict[tuple[str, str, str], int] = {}
    for _, _, fate, reason, stream in rows:
        counts[fate, reason, stream] = counts.get((fate, reason, stream), 0) + 1
    kinds = tuple(Kind(Fate(fate), Reason(reason), stream, count) for (fate, reason, stream), count in counts.items())
    numbers = tuple(row[0] for row in rows)
    newest = [
        _line(row).line for row in _all(connection, query("report_lines_numbered"), json.dumps(numbers[-listed:]))
    ]
    return Untold(numbers, moment_of(rows[0][1]), kinds, tuple(newest))


def count_untold(connection: sqlite3.Connection) -> dict[str, int]:
    """Lines that no mail tells, by client."""
    return dict(_all(connection, query("untold_counts")))


def kinds_of(connection: sqlite3.Connection, wanted: WantedLines) -> list[Kind]:
    """How many of the wanted lines are alike, most first."""
    where, values = _conditions(wanted)
    sql = f"{query('report_kinds')} WHERE {where} GROUP BY fate, reason, stream ORDER BY 4 DESC, 1, 2, 3"
    rows = _all(connection, sql, *values)
    return [Kind(Fate(fate), Reason(reason), stream, count) for fate, reason, stream, count in rows]


def lines(connection: sqlite3.Connection, wanted: WantedLines, limit: int) -> list[Reported]:
    """The newest `limit` that are wanted, the oldest of them first."""
    where, values = _conditions(wanted)
    sql = f"{query('report_lines')} WHERE {where} ORDER BY at DESC, number DESC LIMIT ?"
    return [_line(row) for row in reversed(_all(connection, sql, *values, limit))]


def _conditions(wanted: WantedLines) -> tuple[str, list[object]]:
    """A WHERE clause made of fixed words, and its values."""
    choices: tuple[tuple[str, object], ...] = (
        ("client = ?", wanted.client),
        ("stream = ?", wanted.stream),
        ("fate = ?", wanted.fate and wanted.fate.value),
        ("recipient = ?", wanted.recipient),
        ("message = ?", wanted.message),
        ("at >= ?", wanted.since and microseconds(wanted.since)),
        ("at < ?", wanted.until and microseconds(wanted.until)),
        ("(told_at IS NOT NULL) = ?", None if wanted.told is None else int(wanted.told)),
    )
    chosen = [(condition, value) for condition, value in choices if value is not None and value != ""]
    return " AND ".join(["1", *(condition for condition, _ in chosen)]), [value for _, value in chosen]


def _line(row: Sequence[Any]) -> Reported:
    (
        number, at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply, told_at, told_in,
        became, waits,
    ) = row  # fmt: skip
    line = ReportLine(
        at=moment_of(at),
        client=client,
        brand=brand,
        stream=stream,
        message=message,
        decision=decision,
        sender=sender,
        recipient=recipient,
        fate=Fate(fate),
        reason=Reason(reason),
        reply=reply,
    )
    told = None if told_at is None else moment_of(told_at)
    return Reported(number, line, told, told_in, Result(became) if became else None, bool(waits))


def _all(connection: sqlite3.Connection, sql: str, *values: object) -> list[Any]:
    with errors_of_the_store():
        return connection.execute(sql, values).fetchall()
