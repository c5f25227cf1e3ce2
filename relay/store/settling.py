"""Writes what became of attempts: outcomes, contacts, and what they teach of addresses. Runs inside the caller's
transaction.

An outcome may come after its person was erased: then it is counted, and names nobody.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from relay.decision import Outcome
from relay.reply import Reply
from relay.store.learning import Lessons, tells_of_address
from relay.store.queries import query
from relay.store.rows import outcome_row, watermark_row

_ERASED: Final = "(erased)"

#: `Learning.learn_from`
Learn = Callable[[sqlite3.Connection, Sequence[Outcome]], Lessons]


def settle(connection: sqlite3.Connection, outcomes: Sequence[Outcome], learn: Learn) -> Lessons:
    outcomes = _without_the_erased(connection, outcomes)
    connection.executemany(query("insert_outcome"), [outcome_row(outcome) for outcome in outcomes])
    contacts = [watermark_row(outcome) for outcome in outcomes if outcome.contact]
    connection.executemany(query("move_watermark"), contacts)
    about_addresses = [outcome for outcome in outcomes if tells_of_address(outcome)]
    return learn(connection, about_addresses) if about_addresses else Lessons()


def unknown_among(connection: sqlite3.Connection, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Those that the store does not have yet: a step may be committed twice."""
    known = set(connection.execute(query("results_of"), (_ids(outcomes),)).fetchall())
    return tuple(
        one for one, row in ((one, outcome_row(one)) for one in outcomes) if (row[0], row[1], row[2]) not in known
    )


def _without_the_erased(connection: sqlite3.Connection, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    if not outcomes:
        return outcomes
    nameless = {identity for (identity,) in connection.execute(query("nameless_decisions"), (_ids(outcomes),))}
    return [
        replace(one, reply=Reply(one.reply.code, one.reply.enhanced, _ERASED), contact=False, address=None)
        if one.decision in nameless
        else one
        for one in outcomes
    ]


def _ids(outcomes: Sequence[Outcome]) -> str:
    return json.dumps([one.decision for one in outcomes])
