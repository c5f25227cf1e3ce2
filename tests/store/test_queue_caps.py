"""How much may wait: octets in all, held copies in all and of each stream, and what makes room under either cap."""

from __future__ import annotations

import pytest
from store.waiting import ANN, BOB, CONTENT, PSEUDONYMS, Box, copy_to, message_to

from relay.queued import NewMessage, Origin, State, Step
from relay.store import queue
from relay.store.port import QueueFullError
from relay.store.queue import Caps


def full(box: Box, caps: Caps, *messages: NewMessage) -> str:
    try:
        box.do(lambda c: queue.take_step(c, Step(messages=messages), "me", caps, PSEUDONYMS))
    except QueueFullError as error:
        return error.what
    return ""


def test_the_octets_of_all_that_waits_are_capped_each_content_once(box: Box) -> None:
    caps = Caps(octets=2 * len(CONTENT))
    assert full(box, caps, message_to(ANN, BOB, "c@example.org")) == ""
    assert full(box, caps, message_to(ANN)) == ""
    assert "[queue] octets" in full(box, caps, message_to(copy_to(ANN, State.HELD)))
    assert len(box.states()) == 4


def test_the_relay_s_own_mail_is_let_in_when_the_queue_is_full(box: Box) -> None:
    assert full(box, Caps(octets=1), message_to(ANN, origin=Origin.BOUNCE)) == ""


def test_held_copies_are_capped_in_all_and_of_each_stream(box: Box) -> None:
    caps = Caps(copies=3, stream_copies=2)
    held = [message_to(copy_to(f"p{number}@example.org", State.HELD)) for number in range(3)]
    assert full(box, caps, *held[:2]) == ""
    assert '"newsletter"' in full(box, caps, held[2])
    assert full(box, caps, message_to(copy_to(ANN, State.HELD), stream="offers")) == ""
    assert "[hold] copies" in full(box, caps, message_to(copy_to(BOB, State.HELD), stream="offers"))
    assert full(box, caps, message_to(BOB)) == ""  # the queue has no such cap


def test_a_newer_held_message_has_room_where_it_takes_the_place_of_another(box: Box) -> None:
    caps = Caps(copies=1, stream_copies=1)
    assert full(box, caps, message_to(copy_to(ANN, State.HELD))) == ""
    assert full(box, caps, message_to(copy_to(ANN, State.HELD))) == ""
    assert full(box, caps, message_to(copy_to(BOB, State.HELD)))
    assert box.reports() == [(ANN, "replaced", "stale")]


@pytest.mark.parametrize("caps", [Caps(copies=1, stream_copies=9), Caps(copies=9, stream_copies=1)])
def test_what_a_newer_one_replaces_makes_room_under_either_cap(box: Box, caps: Caps) -> None:
    for _ in range(2):
        assert full(box, caps, message_to(copy_to(ANN, State.HELD))) == ""
    assert len(box.states()) == 1


def test_only_what_makes_way_for_the_newer_one_makes_room_for_it(box: Box) -> None:
    caps = Caps(copies=9, stream_copies=1)
    assert full(box, caps, message_to(copy_to(ANN, State.HELD), stream="offers")) == ""
    assert full(box, caps, message_to(ANN)) == ""
    assert full(box, caps, message_to(copy_to(BOB, State.HELD))) == ""
    assert full(box, caps, message_to(copy_to(ANN, State.HELD)))
    box.do(lambda c: c.execute("UPDATE copies SET lease = 'other' WHERE address = ?", (BOB,)))
    assert full(box, caps, message_to(copy_to(BOB, State.HELD)))  # somebody ends it just now
    both = message_to(ANN, copy_to("c@example.org", State.HELD))
    assert full(box, Caps(copies=2, stream_copies=9), both)  # a queued copy takes nobody's place
    assert box.reports() == []
