from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from faulty_hop import Action, Session, say
from journey import NEWSLETTER
from workers.yard import Yard, in_yard

from relay.address import address_from_text
from relay.consent.events import RELAY, Basis, EventKind
from relay.queued import State
from relay.reason import Reason
from relay.store.asks import resume
from relay.store.committing import Committer, Work
from relay.workers.asking import keep_asking
from relay.workers.asking_mail import AskingMail

ANN, BEN, CAT = "ann@example.org", "ben@example.org", "cat@example.org"
STALE = {"state": State.HELD, "reason": Reason.STALE, "due_in": timedelta(days=30)}
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _the_yeses_are_of_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else mail is not held at all, because they could have been said while it was decided on."""
    monkeypatch.setattr("relay.store.open_queue._LONGEST_STEP", 0.0)
    monkeypatch.setattr("relay.store.open_queue._LOOK_EVERY", 0.0)


def refusing(*addresses: str) -> Action:
    async def action(session: Session) -> None:
        refused = any(f"<{address}>".encode() in session.commands[-1] for address in addresses)
        session.say(b"550 5.7.1 not from you\r\n" if refused else b"250 2.1.5 ok\r\n")

    return action


async def ask(there: Yard, **rules: Any) -> int:
    return await asyncio.to_thread(there.asker(**rules).ask_who_waits)


def requests(there: Yard) -> list[tuple[str, str, bool]]:
    """Address, source and whether the mail has left, in the order of the ledger."""
    rows = there.rows("SELECT address, source, mail_sent_at, recorder, live FROM ledger WHERE kind = 'request'")
    assert all(recorder == RELAY and live for *_, recorder, live in rows)
    return [(address, source, sent is not None) for address, source, sent, *_ in rows]


def held(there: Yard) -> list[tuple[str, bool, float]]:
    """Address, whether its person was asked, and days until it is given up."""
    epoch = (there.clock().timestamp()) * 1e6
    rows = there.rows("SELECT address, asked_at, due_at FROM copies WHERE state = 'held' ORDER BY number")
    return [(address, asked is not None, round((due - epoch) / 86_400e6, 1)) for address, asked, due in rows]


async def hold(there: Yard, *addresses: str, stream: str = "newsletter") -> None:
    await there.store.next_due(there.clock())
    for address in addresses:
        await there.queue(address, stream=stream, **STALE)


async def stale(there: Yard, *addresses: str) -> None:
    await there.yes(*addresses, days_ago=400)
    await hold(there, *addresses)


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


def test_nobody_is_asked_who_has_said_no_or_has_answered_meanwhile(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN, BEN, CAT)
        await there.no(ANN)
        await there.no("Ben+other@example.org")
        assert await ask(there) == 1
        # The mail waits, and what is true of its reader changes.
        await there.no(CAT)
        assert await there.deliver_due() == 1
        assert there.got() == []
        assert there.rows("SELECT count(*) FROM messages WHERE origin = 'ask'") == [(0,)]
        await ask(there)
        assert there.rows("SELECT address, result FROM asks") == [(CAT, "dropped")]
        assert requests(there) == [(CAT, "asked again: stale", False)]

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


def test_a_complaint_while_the_mail_is_written_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN, BEN)
        asker = there.asker()
        loop = asyncio.get_running_loop()
        take = asker.__class__.ask_who_waits
        written = asker.write.__class__.write

        def write(self: Any, *args: Any, **more: Any) -> bytes:
            content = written(self, *args, **more)
            if str(args[3]) == ANN:
                asyncio.run_coroutine_threadsafe(there.no(ANN), loop).result()
            return content

        monkeypatch.setattr(asker.write.__class__, "write", write)
        assert await asyncio.to_thread(take, asker) == 1
        assert [address for address, *_ in requests(there)] == [BEN]

    in_yard(tmp_path, story)


def test_one_person_is_asked_once_in_thirty_days_over_all_streams_and_spellings_of_a_brand(tmp_path: Path) -> None:
    offers = NEWSLETTER.replace('id = "newsletter"', 'id = "offers"').replace(
        'list_id = "newsletter', 'list_id = "offers'
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "offers.toml").write_text(offers.replace("news@news", "offers@news"))

    async def story(there: Yard) -> None:
        await stale(there, ANN)
        await there.yes(ANN, "Ann+x@example.org", days_ago=400, stream="offers")
        await hold(there, ANN, "Ann+x@example.org", stream="offers")
        assert await ask(there) == 1
        await there.deliver_due()
        there.later = 29 * DAY
        assert await ask(there) == 0
        there.later = 31 * DAY
        assert await ask(there) == 1
        assert there.rows("SELECT stream FROM asks") == [("newsletter",), ("offers",)]

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


def test_with_regular_mail_people_are_asked_before_their_yes_ends(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        for address, days in ((ANN, 705), (BEN, 500), (CAT, 705)):
            said = there.clock() - timedelta(days=days)
            await there._append(
                EventKind.GRANT,
                address,
                said,
                stream="newsletter",
                basis=Basis.DOUBLE_OPT_IN,
                last_contact_at=there.clock() - timedelta(days=100),
            )
        for address in (ANN, BEN):
            await there.queue(address)
        assert await there.deliver_due() == 2
        assert there.got() == [ANN, BEN]
        # Cat had mail long ago: the stream sends her nothing, so nobody asks her.
        assert await ask(there) == 1
        assert requests(there) == [(ANN, "asked again: confirmed", False)]
        assert await ask(there) == 0

    in_yard(tmp_path, story)


def test_a_wave_has_its_size_and_the_next_is_twice_as_large_after_its_pause(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        people = [f"reader{number}@example.org" for number in range(20)]
        await stale(there, *people)
        rules: dict[str, Any] = {"wave": 3, "rate": 7, "pause": timedelta(hours=1)}
        asker = there.asker(**rules)
        asked = []
        for step in range(6):
            there.later = timedelta(hours=step, minutes=step)
            asked.append(await asyncio.to_thread(asker.ask_who_waits))
            assert await asyncio.to_thread(asker.ask_who_waits) == 0
            await there.deliver_due()
        assert asked == [3, 6, 7, 4, 0, 0]
        assert [address for address, *_ in there.rows("SELECT address FROM asks ORDER BY number")] == people

    in_yard(tmp_path, story)


def test_the_next_wave_waits_until_it_is_known_what_became_of_the_last(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, *[f"reader{number}@example.org" for number in range(9)])
        rules: dict[str, Any] = {"wave": 3, "pause": timedelta(hours=1)}
        assert await ask(there, **rules) == 3
        there.later = timedelta(hours=5)
        assert await ask(there, **rules) == 0
        await there.deliver_due()
        assert await ask(there, **rules) == 6

    in_yard(tmp_path, story)


@pytest.mark.parametrize("complain", [False, True])
def test_asking_stops_where_too_many_bounce_or_complain_and_goes_on_when_an_operator_says_so(
    tmp_path: Path, complain: bool
) -> None:
    people = [f"reader{number}@example.org" for number in range(60)]

    async def story(there: Yard) -> None:
        await stale(there, *people)
        rules: dict[str, Any] = {"wave": 50, "pause": timedelta(seconds=1)}
        assert await ask(there, **rules) == 50
        await there.deliver_due()
        there.later = timedelta(hours=1)
        if complain:
            for address in people[:2]:
                await there._append(EventKind.COMPLAIN, address, there.clock(), stream="newsletter")
        with structlog.testing.capture_logs() as logs:
            assert await ask(there, **rules) == 0
            assert await ask(there, **rules) == 0
        (told,) = [one for one in logs if one["event"] == "asking-stopped"]
        assert (told["log_level"], told["brand"]) == ("critical", "brand")
        assert ("complaints" if complain else "bounces") in told["why"]
        asker = there.asker(**rules)
        committer = Committer(there.path, asker.journal, asker.pseudonyms)
        assert committer.commit([Work(lambda c: resume(c, "brand", asker.rules))]) == [True]
        assert committer.commit([Work(lambda c: resume(c, "brand", asker.rules))]) == [False]
        committer.close()
        there.later = timedelta(hours=2)
        assert await ask(there, **rules) == 10

    in_yard(tmp_path, story, rcpt=refusing(*([] if complain else people[:2])))


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


def test_one_who_bounces_stops_nothing(tmp_path: Path) -> None:
    people = [f"reader{number}@example.org" for number in range(30)]

    async def story(there: Yard) -> None:
        await stale(there, *people)
        assert await ask(there, wave=20, pause=timedelta(seconds=1)) == 20
        await there.deliver_due()
        there.later = timedelta(hours=1)
        assert await ask(there, wave=20, pause=timedelta(seconds=1)) == 10

    in_yard(tmp_path, story, rcpt=refusing(*people[:10]))


def test_of_two_processes_one_asks(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, *[f"reader{number}@example.org" for number in range(40)])
        asked = await asyncio.gather(*(asyncio.to_thread(there.asker().ask_who_waits) for _ in range(2)))
        assert sorted(asked) in ([0, 40], [40])
        assert there.rows("SELECT count(*), count(DISTINCT wide) FROM asks") == [(40, 40)]

    in_yard(tmp_path, story)


def test_processes_that_do_not_know_of_each_other_ask_nobody_twice_and_no_more_than_a_wave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def everybody(_: Path) -> Iterator[bool]:
        yield True

    monkeypatch.setattr("relay.workers.asking._only_one", everybody)

    async def story(there: Yard) -> None:
        await stale(there, *[f"reader{number}@example.org" for number in range(40)])
        askers = [there.asker(wave=30) for _ in range(3)]
        asked = await asyncio.gather(*(asyncio.to_thread(one.ask_who_waits) for one in askers))
        assert sum(asked) == 30
        assert there.rows("SELECT count(*), count(DISTINCT wide) FROM asks") == [(30, 30)]
        assert there.rows("SELECT count(*) FROM messages WHERE origin = 'ask'") == [(30,)]

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
