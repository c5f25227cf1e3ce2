"""People are asked in waves, which stop by themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from workers.asked import ask, refusing, stale
from workers.yard import Yard, in_yard

from relay.consent.events import EventKind
from relay.store.asks import resume
from relay.store.committing import Committer, Work

pytestmark = pytest.mark.usefixtures("yeses_of_long_ago")


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


def test_one_who_bounces_stops_nothing(tmp_path: Path) -> None:
    people = [f"reader{number}@example.org" for number in range(30)]

    async def story(there: Yard) -> None:
        await stale(there, *people)
        assert await ask(there, wave=20, pause=timedelta(seconds=1)) == 20
        await there.deliver_due()
        there.later = timedelta(hours=1)
        assert await ask(there, wave=20, pause=timedelta(seconds=1)) == 10

    in_yard(tmp_path, story, rcpt=refusing(*people[:10]))
