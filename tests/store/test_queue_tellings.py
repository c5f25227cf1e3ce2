"""Whoever dies while a sender is told of a failure is counted, apart from whoever dies of delivering the message."""

from __future__ import annotations

import pytest
from store.waiting import ANN, BOB, HOUR, NOW, Box, copy_to, failed, message_to

from relay.queued import Claimed, Move, State, Step
from relay.store import queue

CID = "cid@example.org"


def told(box: Box, most: int = 100) -> list[Claimed]:
    return list(box.do(lambda c: queue.claim_failed(c, box.lease, NOW + HOUR, most)).claimed)


def people(claimed: list[Claimed]) -> list[list[str]]:
    return [[str(copy.recipient.address) for copy in one.copies] for one in claimed]


def dies(box: Box) -> None:
    box.do(lambda c: queue.free(c, box.lease))


def counts(box: Box) -> list[tuple[int, int]]:
    return box.all("SELECT tellings, starts FROM messages ORDER BY number")


def test_a_telling_is_counted_before_anybody_sees_the_message(box: Box) -> None:
    box.accept(message_to(failed(ANN), failed(BOB)))
    for died in range(1, 6):
        (one,) = told(box)
        assert one.message.tellings == died
        assert counts(box) == [(died, 0)]
        dies(box)


def test_a_message_whose_telling_did_not_come_to_an_end_is_told_of_alone(box: Box) -> None:
    box.accept(message_to(failed(ANN)), message_to(failed(BOB)))
    assert people(told(box)) == [[ANN], [BOB]]
    dies(box)
    box.accept(message_to(failed(CID)))
    assert people(told(box)) == [[ANN]]
    assert people(told(box)) == [[BOB]]
    assert people(told(box)) == [[CID]]
    assert counts(box) == [(2, 0), (2, 0), (1, 0)]


def test_one_behind_others_waits_for_a_turn_of_its_own(box: Box) -> None:
    box.accept(message_to(failed(ANN)), message_to(failed(BOB)), message_to(failed(CID)))
    box.do(lambda c: c.execute("UPDATE messages SET tellings = 1 WHERE number = 2"))
    assert people(told(box)) == [[ANN], [CID]]
    assert people(told(box)) == [[BOB]]


@pytest.mark.parametrize("by", ["given back", "stopped"])
def test_what_was_not_begun_is_not_counted(box: Box, by: str) -> None:
    box.accept(message_to(failed(ANN), failed(BOB)))
    (one,) = told(box)
    numbers = [copy.number for copy in one.copies] if by == "given back" else None
    box.do(lambda c: queue.give_back(c, box.lease, numbers))
    assert counts(box) == [(0, 0)]


def test_once_the_sender_was_told_what_fails_later_is_told_anew(box: Box) -> None:
    box.accept(message_to(failed(ANN), copy_to(BOB, State.HELD, due=NOW + 2 * HOUR)))
    told(box)
    dies(box)
    (one,) = told(box)
    box.step(Step(moves=tuple(Move(copy.number, NOW) for copy in one.copies)))
    assert counts(box) == [(0, 0)]


def test_a_delivery_meanwhile_does_not_forget_who_died_of_telling(box: Box) -> None:
    box.accept(message_to(failed(ANN), copy_to(BOB)))
    told(box)
    dies(box)
    (copy,) = box.claim()[0].copies
    box.step(Step(moves=(Move(copy.number, NOW),)))
    assert counts(box) == [(1, 0)]
    assert people(told(box)) == [[ANN]]
