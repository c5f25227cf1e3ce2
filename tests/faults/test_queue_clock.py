"""A clock that jumps while mail waits: nothing is tried, given up or told by it; then everything goes on."""

from __future__ import annotations

import time

import pytest
from faults.chaos import chaos_hop
from faults.experiment import under_way
from faults.staging import make_people, staged
from faults.test_disk import Mailer, findings
from faults.test_faults import eventually
from integration.test_clock import _LIBRARY, Clock, clock

__all__ = ["clock"]

pytestmark = pytest.mark.skipif(_LIBRARY is None, reason="faketime is missing")


@pytest.mark.parametrize("offset", ["+400d", "-400d"])
def test_mail_that_waits_outlives_a_jump_of_the_clock(offset: str, clock: Clock) -> None:
    people, began = make_people(3, 0, 0), time.monotonic()
    with chaos_hop(1) as hop, staged(hop.port, people) as relay:
        relay.start()
        hop.busy(now=True)
        mailer = Mailer(relay, "impatient")
        assert mailer.send(*people.readers).final.accepts
        eventually(lambda: len(hop.seen()[0]) >= 3)
        clock.set(offset)
        eventually(lambda: any(line["event"] == "clock-wrong" for line in relay.log()))
        time.sleep(1)  # what was under way
        tried = len(hop.seen()[0])
        hop.busy(now=False)
        time.sleep(4)  # twice the longest wait between attempts
        assert len(hop.seen()[0]) == tried
        assert under_way(relay.folder) == 3
        clock.set("+0")
        eventually(lambda: under_way(relay.folder) == 0)
        assert sum(one.taken for one in hop.seen()[0]) == 3
        assert findings(relay, hop, people, sent=mailer.sent, acts=[], began=began) == []
