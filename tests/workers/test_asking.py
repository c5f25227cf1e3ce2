"""People whose mail is held are asked for a new yes by one mail."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faulty_hop import say
from workers.asked import ANN, BEN, DAY, ask, held, hold, refusing, requests, stale
from workers.yard import Yard, in_yard

from relay.address import address_from_text
from relay.config.settings import AskingSettings
from relay.store.asks import Asking, read_asking
from relay.store.connection import open_for_reading
from relay.workers.asking import keep_asking
from relay.workers.asking_mail import AskingMail

pytestmark = pytest.mark.usefixtures("yeses_of_long_ago")


def test_somebody_whose_mail_is_held_is_asked_by_one_mail_and_the_ledger_can_prove_it(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        assert await ask(there) == 1
        assert requests(there) == [(ANN, "asked again: stale", False)]
        assert held(there) == [(ANN, True, 14.0)]
        assert await there.deliver_due() == 1
        assert there.got() == [ANN]
        (message,) = there.hop.messages
        assert b"/c/" in message.content
        there.later = timedelta(hours=1)
        assert await ask(there) == 0
        assert requests(there) == [(ANN, "asked again: stale", False), (ANN, "asked again: stale", True)]
        assert there.rows("SELECT address, result FROM asks") == [(ANN, "delivered")]
        facts = await there.store.facts("brand", "newsletter", [address_from_text(ANN)])
        assert facts[address_from_text(ANN)].asked == 1
        assert facts[address_from_text(ANN)].requested_at is None
        # No contact: what the relay itself sends keeps no yes alive.
        assert facts[address_from_text(ANN)].last_contact_at is None

    in_yard(tmp_path, story)


def test_a_question_that_nobody_was_asked_in_the_end_is_no_bounce(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        await ask(there)
        assert await there.deliver_due() == 1
        await there.no(ANN)
        there.later = timedelta(hours=1)
        assert await there.deliver_due() == 1
        await ask(there)
        assert there.rows("SELECT address, result FROM asks") == [(ANN, "dropped")]
        assert [result for result, _ in there.outcomes()] == ["deferred", "withheld"]

    in_yard(tmp_path, story, rcpt=say("450 4.2.1 full"))


def test_a_question_that_waits_is_not_put_to_somebody_who_has_said_yes(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        await ask(there)
        await there.yes(ANN, days_ago=0)
        await there.deliver_due()
        assert all(b"/c/" not in message.content for message in there.hop.messages)

    in_yard(tmp_path, story)


def test_two_questions_without_an_answer_end_the_yes_and_nobody_is_asked_a_third_time(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        for later in (0, 31):
            there.later = later * DAY
            if later:
                await hold(there, ANN)
            assert await ask(there) == 1
            await there.deliver_due()
            await ask(there)
        there.later = 37 * DAY
        await there.queue(ANN)
        await there.deliver_due()
        assert there.states()[-1] == (ANN, "held", "stale")
        there.later = 39 * DAY
        await there.queue(ANN)
        await there.deliver_due()
        assert there.states()[-1] == (ANN, "failed", "no-consent")
        there.later = 70 * DAY
        await hold(there, ANN)
        assert await ask(there) == 0
        assert len([one for one in requests(there) if one[2]]) == 2

    in_yard(tmp_path, story)


def test_a_question_that_never_left_takes_nobodys_yes_away(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        for later in (0, 31, 62):
            there.later = later * DAY
            await hold(there, ANN)
            assert await ask(there) == 1
            await there.deliver_due()
            assert await ask(there) == 0
        assert there.rows("SELECT DISTINCT result FROM asks") == [("failed",)]
        facts = await there.store.facts("brand", "newsletter", [address_from_text(ANN)])
        assert facts[address_from_text(ANN)].asked == 0

    in_yard(tmp_path, story, rcpt=refusing(ANN))


def test_one_to_whom_nothing_can_be_written_keeps_nobody_else_from_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = AskingMail.write

    def fail(mail: AskingMail, stream: Any, facts: Any, reason: Any, to: Any, *more: Any, **named: Any) -> bytes:
        if str(to) == ANN:
            raise ValueError("a word that no line can hold")
        return write(mail, stream, facts, reason, to, *more, **named)

    monkeypatch.setattr(AskingMail, "write", fail)

    async def story(there: Yard) -> None:
        await stale(there, ANN, BEN)
        assert await ask(there) == 1
        assert [address for address, *_ in requests(there)] == [BEN]
        assert capsys.readouterr().out.count("] internal-error ") == 1

    in_yard(tmp_path, story)


def test_of_two_processes_one_asks(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, *[f"reader{number}@example.org" for number in range(40)])
        asked = await asyncio.gather(*(asyncio.to_thread(there.asker().ask_who_waits) for _ in range(2)))
        assert sorted(asked) in ([0, 40], [40])
        assert there.rows("SELECT count(*), count(DISTINCT wide) FROM asks") == [(40, 40)]

    in_yard(tmp_path, story)


def test_nobody_is_asked_while_the_clock_is_wrong(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        asker = there.asker()
        asker.trouble = lambda: "the clock is behind"
        assert await asyncio.to_thread(asker.ask_who_waits) == 0

    in_yard(tmp_path, story)


def test_the_loop_asks_until_it_is_cancelled_and_outlives_an_outage(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        asker = there.asker()
        store, asker.store = asker.store, tmp_path / "gone" / "relay.db"
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                asker.store = store
            if len(waits) == 4:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await keep_asking(asker, sleep=sleep)
        assert waits == [1.0, 30.0, 30.0, 1.0]
        assert [address for address, *_ in requests(there)] == [ANN]

    in_yard(tmp_path, story)


def test_newer_mail_of_who_was_asked_waits_for_that_answer_and_is_let_go_by_it(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        assert await ask(there) == 1
        there.later = DAY / 2
        await there.queue(ANN)  # the question is under way
        await in_queue(there)
        assert held(there) == [(ANN, True, 14.0)]
        await there.deliver_due()
        await ask(there)
        for later in (3, 13):
            there.later = later * DAY
            await there.queue(ANN)
            await in_queue(there)
            assert held(there) == [(ANN, True, 14.0)]
        (brand,) = await asking(there)
        assert (brand.waiting, brand.asked) == (0, 1)
        there.later = 14 * DAY
        await there.yes(ANN, days_ago=-14)
        assert await there.deliver_due() == 1
        assert there.states() == []

    in_yard(tmp_path, story)


def test_once_the_time_to_answer_is_over_newer_mail_waits_for_the_second_question(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        await ask(there)
        await there.deliver_due()
        await ask(there)
        there.later = 20 * DAY
        await there.queue(ANN)
        await in_queue(there)
        assert held(there) == [(ANN, True, 30.0)]
        (brand,) = await asking(there)
        assert (brand.waiting, brand.asked) == (0, 1)
        assert await ask(there) == 0
        there.later = 31 * DAY
        assert await ask(there) == 1
        assert held(there) == [(ANN, True, 14.0)]
        await there.deliver_due()
        await ask(there)
        there.later = 33 * DAY
        await there.queue(ANN)
        await in_queue(there)
        assert held(there) == [(ANN, True, 14.0)]
        assert await ask(there) == 0

    in_yard(tmp_path, story)


async def in_queue(there: Yard) -> None:
    """Mail that came into the queue is decided on."""
    for one in await there.store.claim(there.clock(), 1000):
        if one.message.stream == "newsletter":
            await there.deliveries.deliver(one, there.go_on)
        else:
            await there.store.give_back([copy.number for copy in one.copies])
    await there.store.flush()


async def asking(there: Yard) -> list[Asking]:
    with contextlib.closing(open_for_reading(there.path)) as connection:
        return read_asking(connection, AskingSettings())
