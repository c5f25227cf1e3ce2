"""Copies that failed: when their sender is told of them, of how many at once, and never of one twice."""

from __future__ import annotations

from store.waiting import ANN, BOB, HOUR, NOW, Box, copy_to, failed, failures, message_to

from relay.consent.ledger import microseconds
from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.store import queue
from relay.store.queries import query


def test_a_sender_is_told_when_nothing_of_the_message_waits_for_the_next_hop(box: Box) -> None:
    box.accept(message_to(failed(ANN), BOB, failed("c@example.org"), copy_to("d@example.org", State.HELD)))
    assert failures(box) == []
    (copy,) = box.claim()[0].copies
    assert failures(box) == []  # it may fail as well
    box.step(Step(moves=(Move(copy.number, NOW),)))
    assert failures(box) == [[ANN, "c@example.org"]]
    assert failures(box) == []
    assert box.all("SELECT starts FROM messages") == [(0,)]


def test_a_sender_is_told_at_the_latest_when_it_is_due(box: Box) -> None:
    box.accept(message_to(failed(ANN), BOB))
    assert failures(box, at=NOW + HOUR) == [[ANN]]


def test_whole_messages_are_told_of_up_to_the_limit(box: Box) -> None:
    for _ in range(3):
        box.accept(message_to(failed(ANN), failed(BOB)))
    assert failures(box, most=1) == [[ANN, BOB]]
    assert failures(box, most=4) == [[ANN, BOB], [ANN, BOB]]


def test_what_fails_while_a_sender_is_being_told_waits_for_its_own_notice(box: Box) -> None:
    box.accept(message_to(failed(ANN, due=NOW), BOB))
    ((other,),) = [one.copies for one in box.claim()]
    assert failures(box) == [[ANN]]
    box.step(Step(moves=(Move(other.number, NOW, State.FAILED, Reason.NEXT_HOP_REFUSED, NOW),)))
    assert failures(box) == []
    box.do(lambda c: queue.give_back(c, "me"))
    assert failures(box) == [[ANN, BOB]]


def test_only_so_many_messages_are_looked_at_and_the_copies_of_each_are_in_order(box: Box) -> None:
    box.accept(*[message_to(failed(ANN), failed(BOB)) for _ in range(3)])
    values = {"now": microseconds(NOW), "most": 2}
    rows = box.do(lambda c: c.execute(query("failed_copies"), values).fetchall())
    assert rows == [(1, 1), (2, 1), (3, 2), (4, 2)]
