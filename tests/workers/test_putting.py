"""A question is put only to whom it is still open, whatever comes in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journey import NEWSLETTER
from workers.asked import ANN, BEN, CAT, DAY, ask, hold, requests, stale
from workers.yard import Yard, in_yard

from relay.address import address_from_text
from relay.store.committing import Committer, Work
from relay.store.connection import open_for_reading
from relay.workers.putting import Putting
from relay.workers.questions import Questions

pytestmark = pytest.mark.usefixtures("yeses_of_long_ago")


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


def test_no_more_are_asked_than_the_wave_has_room_for_when_its_turn_to_write_comes(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN, BEN)
        asker, now = there.asker(wave=1), there.clock()
        questions = Questions(asker.own, asker.pseudonyms, now)
        putting = Putting(asker.write, asker.own, asker.pseudonyms, asker.rules, questions, now)
        stream = there.policies.by_id["newsletter"]
        with contextlib.closing(open_for_reading(there.path)) as connection:
            written = [putting.written(connection, stream, address_from_text(text)) for text in (ANN, BEN)]
        both = [one for one in written if one is not None]
        assert len(both) == 2
        committer = Committer(there.path, asker.journal, asker.pseudonyms)
        ((asked, number),) = committer.commit([Work(lambda connection: putting.put("brand", both, connection))])
        committer.close()
        assert ([str(one.address) for one in asked], number) == ([ANN], 1)
        assert there.rows("SELECT address FROM asks") == [(ANN,)]

    in_yard(tmp_path, story)
