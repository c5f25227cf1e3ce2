from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faulty_hop import say
from workers.yard import Yard, in_yard

from relay.address import address_from_text
from relay.consent.events import EventKind
from relay.consent.ledger import microseconds
from relay.queued import State
from relay.reason import Reason
from relay.store.committing import Committer, Work
from relay.store.connection import open_for_reading
from relay.workers.questions import Questions

ANN = "ann@example.org"
PEOPLE = [f"reader{number}@example.org" for number in range(30)]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _the_yeses_are_of_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else mail is not held at all, because they could have been said while it was decided on."""
    monkeypatch.setattr("relay.store.open_queue._LONGEST_STEP", 0.0)
    monkeypatch.setattr("relay.store.open_queue._LOOK_EVERY", 0.0)


async def put(there: Yard, *addresses: str) -> None:
    """Questions that are queued, and not sent yet."""
    await there.yes(*addresses, days_ago=400)
    await there.store.next_due(there.clock())
    for address in addresses:
        await there.queue(address, state=State.HELD, reason=Reason.STALE, due_in=30 * DAY)
    assert await asyncio.to_thread(there.asker().ask_who_waits) == len(addresses)


async def look(there: Yard, work: Callable[[Questions, sqlite3.Connection, Callable[..., Any]], None]) -> int:
    """Do it with connections of its own; in how many transactions."""
    asker = there.asker()
    done = 0

    def all_of_it() -> None:
        nonlocal done
        committer = Committer(asker.store, asker.journal, asker.pseudonyms)

        def write(one: Callable[[sqlite3.Connection], Any]) -> Any:
            nonlocal done
            done += 1
            (result,) = committer.commit([Work(one)])
            assert not isinstance(result, BaseException), result
            return result

        with closing(committer), closing(open_for_reading(asker.store)) as reading:
            work(Questions(asker.own, asker.pseudonyms, there.clock()), reading, write)

    await asyncio.to_thread(all_of_it)
    return done


async def settle(there: Yard, go_on: Callable[[], bool] = lambda: True) -> int:
    return await look(there, lambda questions, reading, write: questions.settle(reading, write, go_on))


def left(there: Yard) -> list[tuple[str, int, int]]:
    """Address, when it was asked and when the mail had left, of questions of which the ledger says that it has."""
    return there.rows(
        "SELECT address, at, mail_sent_at FROM ledger "
        "WHERE kind = 'request' AND mail_sent_at IS NOT NULL ORDER BY sequence"
    )


def results(there: Yard) -> list[tuple[str]]:
    return there.rows("SELECT DISTINCT result FROM asks")


def test_a_question_that_is_put_now_has_not_left(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        asker, now = there.asker(), there.clock()
        questions = Questions(asker.own, asker.pseudonyms, now)
        line = questions.line("brand", "newsletter", address_from_text(ANN), "asked again: stale")
        assert (line.kind, line.at, line.recorded_at, line.mail_sent_at) == (EventKind.REQUEST, now, now, None)
        assert line.live
        assert line.id != questions.line("brand", "newsletter", line.address, line.source).id

    in_yard(tmp_path, story)


def test_a_mail_that_still_waits_is_not_settled(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await put(there, ANN)
        assert await there.deliver_due() == 1
        assert await settle(there) == 0
        assert results(there) == [("",)]

    in_yard(tmp_path, story, rcpt=say("450 4.2.1 full"))


def test_that_a_mail_has_left_is_written_down_once_with_its_moment(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await put(there, ANN)
        before = microseconds(there.clock())
        assert await there.deliver_due() == 1
        after = microseconds(there.clock())
        there.later = DAY
        assert await settle(there) == 1
        assert await settle(there) == 0
        ((address, at, sent_at),) = left(there)
        assert address == ANN
        assert at < before < sent_at < after
        assert results(there) == [("delivered",)]

    in_yard(tmp_path, story)


def test_a_mail_that_was_refused_is_no_question_of_the_ledger(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await put(there, ANN)
        await there.deliver_due()
        assert await settle(there) == 1
        assert results(there) == [("failed",)]
        assert left(there) == []

    in_yard(tmp_path, story, rcpt=say("550 5.1.1 nobody"))


def test_many_are_settled_in_several_transactions_and_the_rest_another_time(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await put(there, *PEOPLE)
        await there.deliver_due()
        assert await settle(there, go_on=lambda: False) == 1
        assert len(left(there)) == 20
        assert await settle(there) == 1
        assert [address for address, *_ in left(there)] == PEOPLE

    in_yard(tmp_path, story)


def test_two_who_settle_the_same_write_it_down_once(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await put(there, ANN)
        await there.deliver_due()

        def both(questions: Questions, reading: sqlite3.Connection, write: Callable[..., Any]) -> None:
            def twice(work: Callable[[sqlite3.Connection], Any]) -> None:
                write(work)
                write(work)

            questions.settle(reading, twice, lambda: True)

        assert await look(there, both) == 2
        assert len(left(there)) == 1

    in_yard(tmp_path, story)


@pytest.mark.parametrize(("every", "days", "known"), [(30, 89.5, True), (30, 90.5, False), (120, 119.5, True)])
def test_who_was_asked_is_remembered_ninety_days_and_as_long_as_nobody_may_be_asked_anew(
    tmp_path: Path, every: int, days: float, known: bool
) -> None:
    async def story(there: Yard) -> None:
        await put(there, ANN)
        await there.deliver_due()
        await settle(there)
        there.later = days * DAY
        done = await look(there, lambda questions, reading, write: questions.forget(reading, write, every * DAY))
        assert done == (0 if known else 1)
        assert there.rows("SELECT count(*) FROM asks") == [(int(known),)]

    in_yard(tmp_path, story)
