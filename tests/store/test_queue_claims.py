"""Who is handed which copies: each once, the oldest due first, no more than were asked for; and who gives them back."""

from __future__ import annotations

from store.waiting import ANN, BOB, HOUR, NOW, Box, addresses, copy_to, failed, message_to

from relay.queued import State
from relay.reason import Reason
from relay.store import queue


def test_a_copy_is_handed_out_once(box: Box) -> None:
    box.accept(message_to(ANN))
    assert addresses(box) == [ANN]
    assert addresses(box) == []


def test_the_oldest_due_are_handed_out_first_and_no_more_than_were_asked_for(box: Box) -> None:
    box.accept(
        message_to(copy_to(ANN, due=NOW)), message_to(copy_to(BOB, due=NOW - HOUR)), message_to(copy_to(ANN, due=NOW))
    )
    assert addresses(box, most=1) == [BOB]
    assert addresses(box, most=1) == [ANN]


def test_what_is_not_due_is_left_alone(box: Box) -> None:
    box.accept(message_to(copy_to(ANN, due=NOW + HOUR)), message_to(copy_to(BOB, State.HELD)))
    assert addresses(box) == []
    assert addresses(box, now=NOW + HOUR) == [ANN]


def test_domains_can_be_chosen_and_left_out(box: Box) -> None:
    box.accept(message_to(ANN, BOB, "c@example.com"))
    assert addresses(box, only=[]) == []
    assert addresses(box, only=["example.net"]) == [BOB]
    assert addresses(box, skip=["example.com"]) == [ANN]


def test_the_end_of_a_process_frees_its_own_copies_alone(box: Box) -> None:
    box.accept(message_to(ANN), message_to(BOB))
    box.claim(most=1)
    box.lease = "other"
    box.claim()
    box.do(lambda c: queue.free(c, "other"))
    assert addresses(box) == [BOB]


def test_what_is_given_back_was_not_begun(box: Box) -> None:
    box.accept(message_to(ANN, BOB))
    first, second = box.claim()[0].copies
    box.do(lambda c: queue.give_back(c, "me", [first.number]))
    assert box.all("SELECT starts FROM messages") == [(1,)]  # the other is worked on
    box.do(lambda c: queue.give_back(c, "me", [second.number]))
    assert box.all("SELECT starts FROM messages") == [(0,)]
    assert addresses(box) == [ANN, BOB]


def test_nobody_gives_back_what_is_another_s(box: Box) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.do(lambda c: queue.give_back(c, "other", [copy.number]))
    assert addresses(box) == []


def test_only_held_copies_are_given_up_each_once_the_oldest_first_and_no_more_than_were_asked_for(box: Box) -> None:
    due = NOW - HOUR
    box.accept(
        message_to(copy_to(ANN, due=due), failed(BOB, due=due)),
        message_to(copy_to("c@example.org", State.HELD, due=due)),
        message_to(copy_to("d@example.org", State.HELD, due=due - HOUR)),
    )
    given_up = [box.do(lambda c: queue.claim_expired(c, "me", NOW, 1)).claimed for _ in range(3)]
    assert [[str(copy.recipient.address) for one in part for copy in one.copies] for part in given_up] == [
        ["d@example.org"], ["c@example.org"], []
    ]  # fmt: skip


def test_held_copies_are_handed_out_when_they_are_given_up(box: Box) -> None:
    box.accept(message_to(copy_to(ANN, State.HELD, due=NOW + HOUR)))
    at = NOW + HOUR
    assert box.do(lambda c: queue.claim_expired(c, "me", NOW, 10)).claimed == ()
    (claimed,) = box.do(lambda c: queue.claim_expired(c, "me", at, 10)).claimed
    assert claimed.copies[0].reason is Reason.STALE
    assert box.all("SELECT starts FROM messages") == [(0,)]
