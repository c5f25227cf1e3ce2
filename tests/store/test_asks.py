from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, decision, event, outcome, withdraw
from store.test_appending import database

from relay.config.settings import AskingSettings
from relay.consent.events import EventKind
from relay.decision import Result
from relay.policy.waves import Tally, first_wave, stopped
from relay.store.appending import append_events
from relay.store.asks import (
    Ask,
    Became,
    any_old_ask,
    ended_asks,
    forget_old_asks,
    put_ask,
    put_wave,
    read_asking,
    resume,
    settle_ask,
    tally_of,
    was_asked,
    wave_of,
)
from relay.store.queries import query
from relay.store.rows import decision_row, outcome_row

RULES = AskingSettings()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with database() as opened:
        yield opened


def ask(
    connection: sqlite3.Connection, address: object = ANN, *, days: float = 1, message: str = "m", wave: int = 1
) -> None:
    put_ask(
        connection,
        Ask(
            "brand",
            "newsletter",
            address,
            message,
            "asked again: stale",
            ago(days),
            wave,
            ago(days) + timedelta(days=14),
        ),  # type: ignore[arg-type]
    )


def test_who_was_asked_was_under_every_spelling_and_for_that_brand_alone(connection: sqlite3.Connection) -> None:
    ask(connection, TAGGED, days=10)
    assert was_asked(connection, "brand", ANN.wide, ago(10))
    assert not was_asked(connection, "brand", ANN.wide, ago(9))
    assert not was_asked(connection, "other", ANN.wide, ago(30))
    assert not was_asked(connection, "brand", BOB.wide, ago(30))


@pytest.mark.parametrize(
    ("results", "became"),
    [
        ([], Became.DROPPED),
        ([Result.DELIVERED], Became.DELIVERED),
        ([Result.DEFERRED, Result.DELIVERED], Became.DELIVERED),
        ([Result.REFUSED], Became.FAILED),
        ([Result.DEFERRED, Result.DEFERRED], Became.FAILED),
        ([Result.UNKNOWN], Became.FAILED),
        ([Result.WITHHELD], Became.DROPPED),
    ],
)
def test_what_became_of_a_mail_that_asked_is_what_its_last_attempt_came_to(
    connection: sqlite3.Connection, results: list[Result], became: Became
) -> None:
    ask(connection, message="m")
    for number, result in enumerate(results):
        one = decision(message="m")
        connection.execute(query("insert_decision"), decision_row(one))
        connection.execute(
            query("insert_outcome"), outcome_row(outcome(one, result=result, at=NOW + timedelta(minutes=number)))
        )
    (ended,) = ended_asks(connection, 10)
    assert (ended.became, ended.address, ended.stream) == (became, ANN, "newsletter")
    assert ended.ended_at == (NOW + timedelta(minutes=len(results) - 1) if results else None)
    assert settle_ask(connection, ended, NOW)
    assert not settle_ask(connection, ended, NOW)
    assert ended_asks(connection, 10) == []


def test_what_an_operator_took_out_is_no_bounce(connection: sqlite3.Connection) -> None:
    ask(connection, message="m")
    one = decision(message="m")
    connection.execute(query("insert_decision"), decision_row(one))
    connection.execute(query("insert_outcome"), outcome_row(outcome(one, result=Result.DEFERRED, at=NOW)))
    connection.execute(
        "INSERT INTO reports (at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply) "
        "VALUES (0, 'relay', '', 'relay-notices', 'm', ?, '', ?, 'dropped', 'transactional', '')",
        (one.id, str(ANN)),
    )
    (ended,) = ended_asks(connection, 10)
    assert ended.became is Became.DROPPED


def settled(connection: sqlite3.Connection, address: object, result: str, *, days: float = 1, wave: int = 1) -> None:
    ask(connection, address, days=days, wave=wave, message=os.urandom(8).hex())
    connection.execute("UPDATE asks SET result = ? WHERE number = (SELECT max(number) FROM asks)", (result,))


def test_a_wave_is_judged_by_refusals_by_mailboxes_found_dead_since_and_by_complaints_since(
    connection: sqlite3.Connection,
) -> None:
    wave = first_wave("brand", RULES)
    settled(connection, ANN, "delivered", days=3)
    settled(connection, BOB, "failed", days=2)
    ask(connection, ANN, days=1)
    assert tally_of(connection, wave) == Tally(3, 1, ago(1), judged=2, bounced=1)
    long_ago = [event(EventKind.COMPLAIN, TAGGED, at=ago(4)), event(EventKind.UNDELIVERABLE, ANN, at=ago(4), stream="")]
    append_events(connection, long_ago, PSEUDONYMS, os.urandom)
    assert tally_of(connection, wave) == Tally(3, 1, ago(1), judged=2, bounced=1)
    since = [event(EventKind.COMPLAIN, TAGGED, at=ago(2)), event(EventKind.UNDELIVERABLE, ANN, at=ago(2), stream="")]
    append_events(connection, since, PSEUDONYMS, os.urandom)
    assert tally_of(connection, wave) == Tally(3, 1, ago(1), judged=2, bounced=2, complained=1)
    append_events(connection, [withdraw(BOB, at=ago(1))], PSEUDONYMS, os.urandom)
    assert tally_of(connection, wave).complained == 1


def test_a_small_wave_is_judged_together_with_those_before_but_for_what_an_operator_has_seen(
    connection: sqlite3.Connection,
) -> None:
    for number in range(80):
        settled(connection, BOB, "failed" if number < 40 else "delivered", wave=1 + number // 10)
    wave = wave_of(connection, "brand", RULES)
    put_wave(connection, wave)
    last = wave.__class__("brand", 8, 10)
    assert tally_of(connection, last) == Tally(10, 0, ago(1), judged=50, bounced=10)
    put_wave(connection, stopped(last, "why", NOW))
    assert [one.wave.why for one in read_asking(connection, RULES)] == ["why"]
    assert resume(connection, "brand", RULES)
    assert not resume(connection, "brand", RULES)
    assert not resume(connection, "other", RULES)
    again = wave_of(connection, "brand", RULES)
    assert (again.number, again.size, again.since) == (9, RULES.wave, 80)
    assert tally_of(connection, again) == Tally()


def test_what_was_asked_long_ago_goes_unless_its_end_is_not_known(connection: sqlite3.Connection) -> None:
    settled(connection, ANN, "delivered", days=100)
    ask(connection, BOB, days=100)
    settled(connection, ANN, "delivered", days=80)
    assert any_old_ask(connection, ago(90))
    assert forget_old_asks(connection, ago(90), 10) == 1
    assert not any_old_ask(connection, ago(90))
    assert connection.execute("SELECT count(*) FROM asks").fetchone() == (2,)


def test_a_store_where_nobody_waits_has_nothing_to_tell(connection: sqlite3.Connection) -> None:
    assert read_asking(connection, RULES) == []
