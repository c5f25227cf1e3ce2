"""Messages on which a process died: tried alone, three times, then set aside, and no other message with them."""

from __future__ import annotations

import pytest
from store.waiting import ANN, BOB, HOUR, NOW, Box, addresses, copy_to, failed, failures, message_to

from relay.consent.ledger import microseconds
from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.store import queue


def test_a_message_that_was_begun_and_not_ended_is_handed_out_alone(box: Box) -> None:
    box.accept(message_to(ANN), message_to(BOB))
    box.claim(most=1)
    box.do(lambda c: queue.free(c, "me"))  # its process is no more
    assert addresses(box) == [ANN]
    assert addresses(box) == [BOB]


def test_one_that_stands_behind_others_waits_for_its_turn_alone(box: Box) -> None:
    box.accept(message_to(ANN, at=NOW), message_to(BOB, at=NOW - HOUR))
    box.do(lambda c: c.execute("UPDATE messages SET starts = 1 WHERE number = 1"))
    assert addresses(box) == [BOB]
    assert addresses(box) == [ANN]


def test_one_that_was_begun_three_times_goes_aside(box: Box) -> None:
    box.accept(message_to(ANN, BOB))
    for start in range(3):
        ((claimed,),) = [box.claim()]
        assert claimed.message.starts == start + 1
        box.do(lambda c: queue.free(c, "me"))
    handed = box.do(lambda c: queue.claim(c, "me", NOW + HOUR, 10))
    assert handed.claimed == ()
    assert handed.aside == (claimed.message.tx.id,)
    assert box.states() == [(ANN, "aside"), (BOB, "aside")]
    assert box.all("SELECT DISTINCT reason, since, due_at FROM copies") == [
        ("internal-error", microseconds(NOW + HOUR), None)
    ]


def test_only_what_waits_for_the_next_hop_goes_aside_and_of_that_message_alone(box: Box) -> None:
    box.accept(message_to(ANN))
    assert addresses(box) == [ANN]  # who works on another message keeps nobody from setting it aside
    box.accept(
        message_to(BOB, copy_to("c@example.org", State.HELD), failed("d@example.org")),
        message_to(copy_to("e@example.org", due=NOW + HOUR)),
    )
    box.do(lambda c: c.execute("UPDATE messages SET starts = 3 WHERE number = 2"))
    assert addresses(box) == []
    assert [state for _, state in box.states()] == ["queued", "aside", "held", "failed", "queued"]


def test_a_sender_who_is_being_told_keeps_no_other_copy_from_its_next_start(box: Box) -> None:
    box.accept(message_to(failed(ANN, due=NOW), BOB))
    box.do(lambda c: c.execute("UPDATE messages SET starts = 2"))
    assert failures(box) == [[ANN]]
    ((claimed,),) = [box.claim()]
    assert claimed.message.starts == 3


def test_the_end_of_one_message_says_nothing_of_another(box: Box) -> None:
    box.accept(message_to(ANN), message_to(BOB), message_to("c@example.org"))
    box.do(lambda c: c.execute("UPDATE messages SET starts = 2 WHERE number = 3"))
    first, second = (one.copies[0] for one in box.claim())
    box.step(Step(moves=(Move(first.number, NOW, State.QUEUED, Reason.NEXT_HOP_DEFERRED, NOW + HOUR),)))
    box.do(lambda c: queue.give_back(c, "me", [second.number]))
    assert box.all("SELECT starts FROM messages ORDER BY number") == [(0,), (0,), (2,)]


@pytest.mark.parametrize(("most", "starts"), [(1, 3), (2, 0)])
def test_a_message_is_harmless_when_all_of_it_that_waits_is_in_one_hand(box: Box, most: int, starts: int) -> None:
    box.accept(message_to(ANN, BOB, copy_to("c@example.org", State.HELD)), message_to("d@example.org"))
    box.do(lambda c: c.execute("UPDATE messages SET starts = 2"))
    box.claim(most=most)
    box.step(Step(harmless=(1,)))
    assert box.all("SELECT starts FROM messages ORDER BY number") == [(starts,), (2,)]


def test_one_on_which_our_own_code_failed_stays_begun(box: Box) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.step(Step(moves=(Move(copy.number, NOW, State.QUEUED, Reason.INTERNAL_ERROR, NOW),)))
    assert box.all("SELECT starts FROM messages") == [(1,)]


def test_one_that_came_to_an_end_begins_with_a_clean_slate(box: Box) -> None:
    box.accept(message_to(ANN))
    for _ in range(5):
        (copy,) = box.claim()[0].copies
        box.step(Step(moves=(Move(copy.number, NOW, State.QUEUED, Reason.NEXT_HOP_DEFERRED, NOW, counts=True),)))
    assert box.all("SELECT starts, (SELECT attempts FROM copies) FROM messages") == [(0, 5)]


def test_a_message_that_is_handed_out_in_parts_was_begun_once(box: Box) -> None:
    box.accept(message_to(*[f"p{number}@example.org" for number in range(6)]))
    parts = [box.claim(most=1)[0] for _ in range(6)]
    assert box.all("SELECT starts FROM messages") == [(1,)]
    for part in parts:
        assert box.all("SELECT starts FROM messages") == [(1,)]
        box.step(Step(moves=(Move(part.copies[0].number, NOW, State.QUEUED, Reason.NEXT_HOP_DEFERRED, NOW),)))
    assert box.all("SELECT starts FROM messages") == [(0,)]


def test_while_one_tries_a_suspicious_message_alone_nobody_else_gets_a_part_of_it(box: Box) -> None:
    box.accept(message_to(ANN, BOB))
    box.do(lambda c: c.execute("UPDATE messages SET starts = 1"))
    box.claim(most=1)
    assert box.claim() == ()


def test_what_cannot_be_read_goes_aside_alone(box: Box) -> None:
    box.accept(message_to(ANN, BOB), message_to("c@example.org"))
    box.do(lambda c: c.execute("UPDATE copies SET address = 'nobody' WHERE number = 1"))
    assert addresses(box, now=NOW + HOUR) == [BOB, "c@example.org"]
    assert [state for _, state in box.states()] == ["aside", "queued", "queued"]
    assert box.all("SELECT reason, since, due_at, lease FROM copies WHERE number = 1") == [
        ("internal-error", microseconds(NOW + HOUR), None, None)
    ]
