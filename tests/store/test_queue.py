"""What one step writes: whole, once, counted, and of copies that are still in the hands of who moves them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from store.samples import contact, decision, grant, outcome
from store.waiting import (
    ANN,
    BOB,
    CONTENT,
    HOUR,
    NOW,
    Box,
    copy_to,
    line,
    message_to,
    transaction,
)

from relay.consent.ledger import microseconds
from relay.queued import Move, Origin, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store import queue
from relay.store.port import AlreadyToldError


def test_a_step_is_written_whole(box: Box) -> None:
    judged = decision()
    box.step(
        Step((judged,), (message_to(ANN),), outcomes=(outcome(judged),), reports=(line(),), events=(grant(),)),
    )
    tables = ("decisions", "messages", "outcomes", "reports", "ledger")
    counts = [box.all(f"SELECT count(*) FROM {table}") for table in tables]
    assert counts == [[(1,)]] * 5


def test_content_is_stored_once_and_goes_with_the_last_copy(box: Box) -> None:
    box.accept(message_to(ANN, BOB))
    assert box.all("SELECT content FROM contents") == [(CONTENT,)]
    first, second = box.claim()[0].copies
    box.step(Step(moves=(Move(first.number, NOW),)))
    assert box.all("SELECT count(*) FROM contents") == [(1,)]
    box.step(Step(moves=(Move(second.number, NOW),)))
    assert box.all("SELECT (SELECT count(*) FROM contents) + (SELECT count(*) FROM messages)") == [(0,)]
    assert box.all("SELECT messages, octets FROM stock") == [(0, 0)]


def test_tallies_follow_every_move(box: Box) -> None:
    box.accept(message_to(ANN, BOB))
    first, second = box.claim()[0].copies
    box.step(Step(moves=(Move(first.number, NOW, State.HELD, Reason.STALE, NOW + HOUR), Move(second.number, NOW))))
    tallies = box.all("SELECT state, stream, copies, octets FROM tallies WHERE copies > 0")
    assert tallies == [("held", "newsletter", 1, len(CONTENT))]


def test_the_end_of_one_message_leaves_all_others_whole_and_is_counted_where_it_was(box: Box) -> None:
    box.accept(message_to(ANN), message_to(BOB, content=b"other"), message_to(ANN, stream="offers", content=b"offers"))
    box.accept(message_to(BOB, content=b"second"), message_to(copy_to(BOB, State.HELD), content=b"held"))
    ended, moved = (one.copies[0] for one in box.claim(most=2))
    box.step(Step(moves=(Move(ended.number, NOW), Move(moved.number, NOW, State.FAILED, Reason.STALE, NOW + HOUR))))
    assert box.all("SELECT number FROM messages ORDER BY number") == [(2,), (3,), (4,), (5,)]
    assert box.all("SELECT content FROM contents ORDER BY message") == [
        (b"other",),
        (b"offers",),
        (b"second",),
        (b"held",),
    ]
    assert box.all("SELECT messages, octets FROM stock") == [(4, 5 + 6 + 6 + 4)]
    assert box.all("SELECT * FROM tallies WHERE copies <> 0 OR octets <> 0 ORDER BY state, stream") == [
        ("failed", "newsletter", 1, 5), ("held", "newsletter", 1, 4),
        ("queued", "newsletter", 1, 6), ("queued", "offers", 1, 6),
    ]  # fmt: skip


def test_what_comes_is_counted_in_copies_and_octets(box: Box) -> None:
    box.accept(message_to(ANN, BOB), message_to(ANN))
    assert box.all("SELECT * FROM tallies") == [("queued", "newsletter", 3, 3 * len(CONTENT))]
    assert box.all("SELECT messages, octets FROM stock") == [(2, 2 * len(CONTENT))]


def test_a_move_without_the_lease_changes_nothing_and_says_so(box: Box) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.do(lambda c: queue.free(c, "me"))
    box.lease = "other"
    box.claim()
    box.lease = "me"
    done = box.step(
        Step(moves=(Move(copy.number, NOW),), messages=(message_to(BOB),), reports=(line(),), decisions=(decision(),))
    )
    assert done.lost == [copy.number]
    assert box.states() == [(ANN, "queued")]
    assert box.reports() == []  # nothing that it would have told is so
    assert box.all("SELECT count(*) FROM decisions") == [(1,)]


@pytest.mark.parametrize("state", [State.QUEUED, State.HELD, State.FAILED])
def test_whoever_lost_a_copy_puts_it_nowhere(box: Box, state: State) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.do(lambda c: queue.free(c, "me"))
    moving = Step(moves=(Move(copy.number, NOW, state, Reason.STALE, NOW + HOUR),))
    assert box.step(moving).lost == [copy.number]  # nobody has it
    box.lease = "other"
    ((again,),) = [one.copies for one in box.claim()]
    box.lease = "me"
    assert box.step(moving).lost == [copy.number]
    assert box.copies() == [(ANN, "queued", microseconds(NOW))]
    box.lease = "other"
    assert box.step(Step(moves=(Move(again.number, NOW),))).lost == []


def test_what_the_next_hop_said_is_kept_once_although_its_copy_was_lost(box: Box) -> None:
    judged = decision()
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.do(lambda c: queue.free(c, "me"))
    told = Step(moves=(Move(copy.number, NOW),), outcomes=(outcome(judged),))
    for _ in range(2):
        assert box.step(told).lost == [copy.number]
    assert box.all("SELECT count(*) FROM outcomes") == [(1,)]
    assert box.states() == [(ANN, "queued")]


def test_a_step_of_which_some_moves_are_possible_is_written(box: Box) -> None:
    box.accept(message_to(ANN, BOB))
    first, second = box.claim()[0].copies
    box.do(lambda c: c.execute("DELETE FROM copies WHERE number = ?", (first.number,)))
    done = box.step(Step(moves=(Move(first.number, NOW), Move(second.number, NOW)), reports=(line(),)))
    assert done.lost == [first.number]
    assert box.states() == []
    assert len(box.reports()) == 1


def test_the_same_step_twice_is_once(box: Box) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    step = Step(
        decisions=(decision(),), moves=(Move(copy.number, NOW),), messages=(message_to(BOB),), reports=(line(),)
    )
    box.step(step)
    box.step(step)
    assert box.states() == [(BOB, "queued")]
    assert len(box.reports()) == 1


def test_a_number_is_never_given_twice(box: Box) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.step(Step(moves=(Move(copy.number, NOW),)))
    box.accept(message_to(BOB))
    (other,) = box.claim()[0].copies
    assert other.number != copy.number
    assert other.message != copy.message


def test_a_contact_moves_the_watermark(box: Box) -> None:
    judged = decision()
    box.step(Step((judged,), outcomes=(contact(judged),)))
    assert box.all("SELECT count(*) FROM contacts") == [(1,)]


def test_what_is_told_is_told_once(box: Box) -> None:
    box.step(Step(reports=(line(), line(recipient=BOB))))
    tx = transaction()
    box.step(Step(messages=(message_to("owner@brand.example", tx=tx, origin=Origin.REPORT),), told=(1, 2)))
    assert box.all("SELECT DISTINCT told_in FROM reports") == [(tx.id,)]
    again = Step(messages=(message_to("owner@brand.example", origin=Origin.REPORT),), told=(2,))
    with pytest.raises(AlreadyToldError):
        box.step(again)
    assert len(box.states()) == 1


def test_a_copy_waits_since_it_came_into_its_state_whatever_is_tried_in_it(box: Box) -> None:
    box.accept(message_to(ANN))
    last = Reply(451, "4.2.0", "busy")
    for hours in range(1, 4):
        at = NOW + timedelta(hours=hours)
        (copy,) = box.claim(at)[0].copies
        box.step(
            Step(moves=(Move(copy.number, at, State.QUEUED, Reason.NEXT_HOP_DEFERRED, at, counts=True, last=last),))
        )
    (copy,) = box.claim(at)[0].copies
    assert (copy.since, copy.attempts, copy.last) == (NOW, 3, last)


def test_a_move_brings_what_it_says_and_keeps_the_rest(box: Box) -> None:
    box.accept(message_to(ANN))
    last = Reply(451, "4.2.0", "busy")
    for said in (
        Move(1, NOW, State.QUEUED, Reason.NEXT_HOP_DEFERRED, NOW, "01NEW", counts=True, last=last, next_hop="hop:25"),
        Move(1, NOW, State.QUEUED, Reason.STORE_UNAVAILABLE, NOW),
    ):
        box.claim()
        box.step(Step(moves=(said,)))
        (copy,) = box.claim()[0].copies
        assert (copy.decision, copy.attempts, copy.last, copy.next_hop) == ("01NEW", 1, last, "hop:25")
        box.do(lambda c: queue.give_back(c, "me"))


def test_in_another_state_it_waits_since_it_came_there(box: Box) -> None:
    box.accept(message_to(ANN))
    (copy,) = box.claim()[0].copies
    box.step(Step(moves=(Move(copy.number, NOW + HOUR, State.FAILED, Reason.NEXT_HOP_REFUSED, NOW + HOUR),)))
    ((told,),) = [one.copies for one in box.do(lambda c: queue.claim_failed(c, "me", NOW + HOUR, 9)).claimed]
    assert (told.at, told.since) == (NOW, NOW + HOUR)
