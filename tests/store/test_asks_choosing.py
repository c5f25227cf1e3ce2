"""Who can be asked next, and where the asking of each brand stands."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, decision, event, grant, outcome, withdraw
from store.test_appending import database
from store.waiting import copy_to, message_to

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.consent.events import EventKind
from relay.consent.ledger import microseconds
from relay.policy.waves import Tally, Wave, first_wave, stopped
from relay.queued import State, Step
from relay.reason import Reason
from relay.store import queue
from relay.store.appending import append_events
from relay.store.asks import (
    Ask,
    Asking,
    EndingYeses,
    any_old_ask,
    ended_asks,
    forget_old_asks,
    put_ask,
    put_wave,
    read_asking,
    resume,
    tally_of,
    unasked,
    wave_of,
)
from relay.store.queries import query
from relay.store.rows import decision_row, outcome_row

RULES = AskingSettings()
MOMENT = timedelta(microseconds=1)
CAT = Address("cat", "example.com")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with database() as opened:
        yield opened


def hold(
    connection: sqlite3.Connection, *addresses: Address, stream: str = "newsletter", state: State = State.HELD
) -> None:
    for address in addresses:
        new = message_to(copy_to(str(address), state, reason=Reason.STALE), stream=stream)
        queue.take_step(connection, Step(messages=(new,)), "me", queue.Caps(), PSEUDONYMS)


def ask(connection: sqlite3.Connection, address: Address = ANN, at: datetime = NOW, **more: object) -> Ask:
    fields: dict[str, object] = {"brand": "brand", "stream": "newsletter", "message": "m", "source": "stale", "wave": 1}
    one = Ask(address=address, at=at, give_up_at=at + timedelta(days=14), **(fields | more))  # type: ignore[arg-type]
    put_ask(connection, one)
    return one


def waits(connection: sqlite3.Connection) -> list[tuple[str, str, bool, bool]]:
    """Copies: address, stream, was the person asked just now, are they given up in two weeks?"""
    rows = connection.execute("SELECT address, stream, asked_at, due_at FROM copies ORDER BY number")
    later = microseconds(NOW + timedelta(days=14))
    return [(address, stream, asked == microseconds(NOW), due == later) for address, stream, asked, due in rows]


def test_who_is_asked_has_the_held_mail_of_that_stream_wait_for_the_answer(connection: sqlite3.Connection) -> None:
    hold(connection, TAGGED, BOB)
    hold(connection, ANN, stream="offers")
    hold(connection, ANN, state=State.QUEUED)
    ask(connection, ANN)
    others = [
        (str(BOB), "newsletter", False, False),
        (str(ANN), "offers", False, False),
        (str(ANN), "newsletter", False, False),
    ]
    assert waits(connection) == [(str(TAGGED), "newsletter", False, False), *others]
    hold(connection, ANN)  # takes the place of the one of the other spelling
    ask(connection, ANN, message="n")
    assert waits(connection) == [*others, (str(ANN), "newsletter", True, True)]


def test_held_mail_of_people_who_were_not_asked_since_comes_in_pages(connection: sqlite3.Connection) -> None:
    hold(connection, BOB, TAGGED, CAT)
    hold(connection, CAT, stream="offers")
    hold(connection, CAT, state=State.QUEUED)

    def found(after: int = 0, since: datetime = NOW, most: int = 9, brand: str = "brand") -> list[object]:
        return [
            (number, str(address), stream) for number, address, stream in unasked(connection, brand, after, since, most)
        ]

    bob, ann = (1, str(BOB), "newsletter"), (2, str(TAGGED), "newsletter")
    cat, also = (3, str(CAT), "newsletter"), (4, str(CAT), "offers")
    assert found() == [bob, ann, cat, also]
    assert found(most=2) == [bob, ann]
    assert found(after=2) == [cat, also]
    assert found(brand="other") == []
    ask(connection, ANN, message="by another spelling")
    assert found() == [bob, cat, also]
    assert found(since=NOW + MOMENT) == [bob, ann, cat, also]
    ask(connection, BOB, message="of another brand", brand="other", stream="theirs")
    assert found() == [bob, cat, also]
    connection.execute("UPDATE copies SET at = ?", (microseconds(ago(100)),))
    ask(connection, CAT, message="of one stream", at=ago(90))
    assert found(since=ago(30)) == [bob, also]


def test_mail_that_came_after_a_question_can_be_asked_about_and_what_was_held_then_cannot(
    connection: sqlite3.Connection,
) -> None:
    ask(connection, ANN, at=ago(40))
    hold(connection, ANN)  # came after it, of the sample's time
    hold(connection, BOB)
    connection.execute("UPDATE copies SET at = ?", (microseconds(NOW - MOMENT),))
    ask(connection, BOB, message="n", at=NOW)
    assert [asked for (asked,) in connection.execute("SELECT asked_at FROM copies ORDER BY number")] == [
        microseconds(ago(40)),
        microseconds(NOW),
    ]
    found = unasked(connection, "brand", 0, NOW + MOMENT, 9)
    assert [(number, address) for number, address, _ in found] == [(1, ANN)]
    assert unasked(connection, "brand", 0, ago(40), 9) == []


def test_the_look_for_mail_that_nobody_was_asked_about_goes_by_its_index(connection: sqlite3.Connection) -> None:
    plan = connection.execute(f"EXPLAIN QUERY PLAN {query('unasked')}", ("brand", 0, 0, 9)).fetchall()
    assert "copies_unasked" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def yes(connection: sqlite3.Connection, address: Address, at: datetime, mailed: datetime | None = None) -> None:
    append_events(connection, [grant(address, at=at, recorded_at=at)], PSEUDONYMS, os.urandom)
    if mailed is not None:
        connection.execute(query("move_watermark"), ("newsletter", str(address), microseconds(mailed)))


def test_an_old_yes_is_found_while_mail_of_the_stream_reaches_its_person(connection: sqlite3.Connection) -> None:
    old, lately = ago(700), ago(20)
    yes(connection, ANN, old, lately)
    yes(connection, BOB, old, lately - MOMENT)
    yes(connection, CAT, old + MOMENT, lately)
    yes(connection, Address("dan", "example.com"), old)
    connection.execute(query("move_watermark"), ("offers", "dan@example.com", microseconds(lately)))
    yes(connection, Address("eve", "example.com"), old - MOMENT, NOW)
    yes(connection, Address("fay", "example.com"), old, lately)
    connection.execute("UPDATE facts SET renewed_at = ? WHERE address LIKE 'fay%'", (microseconds(ago(30)),))
    yes(connection, Address("gus", "example.com"), old, lately)
    connection.execute("UPDATE facts SET asked = 2 WHERE address LIKE 'gus%'")
    yes(connection, Address("ham", "example.com"), old, lately)
    connection.execute("UPDATE facts SET asked = 1 WHERE address LIKE 'ham%'")

    def page(after: str = "", most: int = 9, stream: str = "newsletter") -> list[str]:
        return [str(one) for one in EndingYeses(stream, old, lately).page(connection, after, most)]

    assert page() == ["ann@example.com", "eve@example.com", "ham@example.com"]
    assert page(most=2) == ["ann@example.com", "eve@example.com"]
    assert page(after="ann@example.com") == ["eve@example.com", "ham@example.com"]
    assert page(stream="offers") == []


def test_each_brand_has_its_own_wave_and_each_comes_back_as_it_was_put(connection: sqlite3.Connection) -> None:
    ours, theirs = Wave("brand", 3, 400, 17, ago(2), "2 of 50 bounced"), Wave("other", 2, 200)
    put_wave(connection, theirs)
    put_wave(connection, first_wave("brand", RULES))
    put_wave(connection, ours)
    assert wave_of(connection, "brand", RULES) == ours
    assert wave_of(connection, "other", RULES) == theirs
    assert wave_of(connection, "third", RULES) == first_wave("third", RULES)
    assert [one.wave for one in read_asking(connection, RULES)] == [ours, theirs]


def test_people_with_held_mail_are_counted_once_and_those_who_were_asked_apart(connection: sqlite3.Connection) -> None:
    hold(connection, ANN, TAGGED, BOB, CAT)
    hold(connection, BOB, stream="offers")
    hold(connection, Address("dan", "example.com"), state=State.QUEUED)
    connection.execute("UPDATE copies SET reason = 'unconfirmed' WHERE address = ?", (str(CAT),))
    assert read_asking(connection, RULES) == [Asking(first_wave("brand", RULES), Tally(), waiting=2, asked=0)]
    ask(connection, ANN)
    ask(connection, TAGGED, message="n")
    put_wave(connection, Wave("another", 2, 200))
    assert read_asking(connection, RULES) == [
        Asking(Wave("another", 2, 200), Tally(), waiting=0, asked=0),
        Asking(first_wave("brand", RULES), Tally(2, 2, NOW), waiting=1, asked=1),
    ]


def test_a_wave_is_tallied_by_what_its_brand_asked_in_it(connection: sqlite3.Connection) -> None:
    ask(connection, ANN, at=ago(3))
    ask(connection, BOB, at=ago(1))
    ask(connection, CAT, brand="other")
    ask(connection, CAT, wave=2)
    connection.execute("UPDATE asks SET result = 'delivered' WHERE number IN (1, 3)")
    assert tally_of(connection, Wave("brand", 1, 100)) == Tally(2, 1, ago(1), judged=1)
    connection.execute("UPDATE asks SET result = 'dropped' WHERE number = 1")
    assert tally_of(connection, Wave("brand", 1, 100)) == Tally(2, 1, ago(1), judged=0)


def test_a_large_wave_is_judged_by_its_newest_thousand(connection: sqlite3.Connection) -> None:
    rows = [("brand", "w", "w@example.com", "s", str(number), "stale", 0, 1, None) for number in range(1002)]
    connection.executemany(query("insert_ask"), rows)
    connection.execute("UPDATE asks SET result = iif(number <= 2, 'failed', 'delivered')")
    assert tally_of(connection, Wave("brand", 1, 5000)) == Tally(1002, 0, moment(0), judged=1000, bounced=0)


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, NOW.tzinfo)


def test_asking_goes_on_from_what_its_own_brand_has_asked(connection: sqlite3.Connection) -> None:
    put_wave(connection, stopped(first_wave("brand", RULES), "why", NOW))
    ask(connection, ANN)
    ask(connection, BOB, brand="other")
    assert resume(connection, "brand", RULES)
    assert wave_of(connection, "brand", RULES).since == 1


def test_a_question_that_still_waits_in_the_queue_has_not_ended(connection: sqlite3.Connection) -> None:
    new = message_to("owner@example.com")
    queue.take_step(connection, Step(messages=(new,)), "me", queue.Caps(), PSEUDONYMS)
    ask(connection, ANN, message=new.tx.id)
    ask(connection, BOB, message="gone")
    ask(connection, CAT, message="gone too", brand="other", stream="offers", source="renewal", at=ago(1))
    bob, cat = ended_asks(connection, 9)
    assert (bob.number, bob.address) == (2, BOB)
    assert (cat.number, cat.brand, cat.stream, cat.address, cat.source, cat.at) == (
        3, "other", "offers", CAT, "renewal", ago(1),
    )  # fmt: skip
    assert [one.number for one in ended_asks(connection, 1)] == [2]


def test_what_came_of_other_mail_and_what_was_dropped_of_it_says_nothing_of_a_question(
    connection: sqlite3.Connection,
) -> None:
    ask(connection, ANN, message="m")
    ours, other = decision(message="m"), decision(message="another")
    connection.executemany(query("insert_decision"), [decision_row(ours), decision_row(other)])
    connection.executemany(
        query("insert_outcome"), [outcome_row(outcome(ours)), outcome_row(outcome(other, at=ago(-1)))]
    )
    drop = (
        "INSERT INTO reports (at, client, brand, stream, message, decision, sender, recipient, fate, reason, reply) "
        "VALUES (0, 'relay', '', 'relay-notices', ?, 'D', '', ?, ?, 'transactional', '')"
    )
    connection.executemany(
        drop, [("another", str(ANN), "dropped"), ("m", str(BOB), "dropped"), ("m", str(ANN), "expired")]
    )
    ((one),) = ended_asks(connection, 9)
    assert (one.became.value, one.ended_at) == ("delivered", NOW)


def test_of_what_was_asked_long_ago_the_oldest_goes_first_and_what_is_just_young_enough_stays(
    connection: sqlite3.Connection,
) -> None:
    for days, message in ((92, "young"), (95, "oldest"), (90, "limit")):
        ask(connection, ANN, at=ago(days), message=message)
    connection.execute("UPDATE asks SET result = 'delivered'")
    assert forget_old_asks(connection, ago(90), 1) == 1
    assert [text for (text,) in connection.execute("SELECT message FROM asks ORDER BY number")] == ["young", "limit"]
    assert forget_old_asks(connection, ago(90), 9) == 1
    assert not any_old_ask(connection, ago(90))


def test_asking_that_was_stopped_before_anybody_was_asked_can_go_on(connection: sqlite3.Connection) -> None:
    put_wave(connection, stopped(first_wave("brand", RULES), "why", NOW))
    assert resume(connection, "brand", RULES)
    assert wave_of(connection, "brand", RULES).since == 0


@pytest.mark.parametrize("reason", [Reason.STALE, Reason.RENEWAL_DUE, Reason.FIRST_MAIL_LATE])
def test_people_are_counted_for_each_reason_for_which_one_asks(connection: sqlite3.Connection, reason: Reason) -> None:
    hold(connection, ANN)
    connection.execute("UPDATE copies SET reason = ?", (reason.value,))
    assert [one.waiting for one in read_asking(connection, RULES)] == [1]


def test_who_stops_the_mail_after_a_question_is_neither_a_bounce_nor_a_complaint(
    connection: sqlite3.Connection,
) -> None:
    ask(connection, ANN, at=ago(3))
    connection.execute("UPDATE asks SET result = 'delivered'")
    append_events(connection, [withdraw(ANN, at=ago(1))], PSEUDONYMS, os.urandom)
    assert tally_of(connection, first_wave("brand", RULES)) == Tally(1, 0, ago(3), judged=1)


def test_a_complaint_about_another_brand_stops_no_wave(connection: sqlite3.Connection) -> None:
    ask(connection, ANN, at=ago(3))
    connection.execute("UPDATE asks SET result = 'delivered'")
    theirs = event(EventKind.COMPLAIN, ANN, at=ago(1), brand="other", stream="theirs")
    append_events(connection, [theirs], PSEUDONYMS, os.urandom)
    assert tally_of(connection, first_wave("brand", RULES)).complained == 0
