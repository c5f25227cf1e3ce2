"""A clock that jumps while mail waits: nothing is tried, given up or told by it; then everything goes on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from faults.chaos import chaos_hop
from faults.experiment import under_way
from faults.staging import make_people, staged
from faults.test_disk import Mailer, findings
from integration.test_clock import _LIBRARY, Clock, clock
from patience import until

__all__ = ["clock"]

pytestmark = pytest.mark.skipif(_LIBRARY is None, reason="faketime is missing")


def in_hand(folder: Path) -> int:
    """Copies that a process works on."""
    with closing(sqlite3.connect(f"file:{folder}/var/relay.db?mode=ro", uri=True)) as store:
        (found,) = store.execute("SELECT count(*) FROM copies WHERE lease IS NOT NULL").fetchone()
        return int(found)


@pytest.mark.parametrize("offset", ["+400d", "-400d"])
def test_mail_that_waits_outlives_a_jump_of_the_clock(offset: str, clock: Clock) -> None:
    people, began = make_people(3, 0, 0), time.monotonic()
    with chaos_hop(1) as hop, staged(hop.port, people, patient=True) as relay:
        relay.start()
        hop.busy(now=True)
        mailer = Mailer(relay, "impatient")
        assert mailer.send(*people.readers).final.accepts
        until(lambda: len(hop.seen()[0]) >= 3)
        clock.set(offset)
        until(lambda: any(line["event"] == "clock-wrong" for line in relay.log()))
        until(lambda: in_hand(relay.folder) == 0)  # what was under way
        tried = len(hop.seen()[0])
        hop.busy(now=False)
        time.sleep(4)  # twice the longest wait between attempts
        assert len(hop.seen()[0]) == tried
        assert under_way(relay.folder) == 3
        clock.set("+0")
        until(lambda: under_way(relay.folder) == 0)
        assert sum(one.taken for one in hop.seen()[0]) == 3
        assert findings(relay, hop, people, sent=mailer.sent, acts=[], began=began) == []
