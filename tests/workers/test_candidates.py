"""Who may have to be asked, and in which order they are looked at."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from workers.asked import ANN, BEN, CAT, DAY, ask, requests, stale
from workers.yard import Yard, in_yard

from relay.config.settings import AskingSettings
from relay.consent.events import Basis, EventKind
from relay.policy.model import Stream
from relay.store.connection import open_for_reading
from relay.workers.candidates import Candidates, Place

pytestmark = pytest.mark.usefixtures("yeses_of_long_ago")


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


def looked_through(there: Yard, place: Place, *streams: str, **rules: Any) -> list[str]:
    """Who is found beyond that place now."""
    with contextlib.closing(open_for_reading(there.path)) as connection:
        asks: dict[str, Stream] = {name: there.policies.by_id[name] for name in streams or ("newsletter",)}
        found = Candidates(connection, "brand", asks, AskingSettings(**rules), there.clock())
        return [str(address) for _, address in found.beyond(place)]


def test_whose_mail_has_waited_longest_comes_first_and_nobody_twice(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, BEN, ANN)
        place = Place()
        assert looked_through(there, place) == [BEN, ANN]
        assert looked_through(there, place) == []
        await stale(there, CAT)
        assert looked_through(there, place) == [CAT]

    in_yard(tmp_path, story)


def test_after_a_while_everybody_is_looked_at_again(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        place = Place()
        for later, found in ((timedelta(0), [ANN]), (timedelta(minutes=9), []), (timedelta(minutes=11), [ANN])):
            there.later = later
            assert looked_through(there, place) == found

    in_yard(tmp_path, story)


def test_a_place_that_a_wrong_clock_has_set_far_ahead_keeps_nobody_waiting(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        there.later = 30 * DAY
        place = Place()
        assert looked_through(there, place) == [ANN]
        there.later = timedelta(0)
        assert looked_through(there, place) == [ANN]

    in_yard(tmp_path, story)


def test_a_stream_that_asks_nobody_is_passed_over(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await stale(there, ANN)
        assert looked_through(there, Place(), "receipts") == []

    in_yard(tmp_path, story)
