from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from store.samples import contact, decision, grant, outcome
from store.waiting import CONTENT, HOUR, NOW, PSEUDONYMS, Box, copy_to, message_to, transaction

from relay.consent.ledger import microseconds
from relay.queued import Fate, Move, NewMessage, Origin, ReportLine, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store import queue
from relay.store.port import AlreadyToldError, QueueFullError
from relay.store.queries import query
from relay.store.queue import Caps

ANN, BOB = "ann@example.org", "bob@example.net"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def line(**more: object) -> ReportLine:
    fields: dict[str, object] = {
        "at": NOW, "client": "shop", "brand": "brand", "stream": "newsletter", "message": "M", "decision": "D",
        "sender": "news@brand.example", "recipient": ANN, "fate": Fate.DISCARDED, "reason": Reason.WITHDRAWN,
    }  # fmt: skip
    return ReportLine(**(fields | more))  # type: ignore[arg-type]


def addresses(box: Box, **more: object) -> list[str]:
    return [str(copy.recipient.address) for one in box.claim(**more) for copy in one.copies]  # type: ignore[arg-type]


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


def test_the_end_of_a_process_frees_its_own_copies_alone(box: Box) -> None:
    box.accept(message_to(ANN), message_to(BOB))
    box.claim(most=1)
    box.lease = "other"
    box.claim()
    box.do(lambda c: queue.free(c, "other"))
    assert addresses(box) == [BOB]


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
        message_to(BOB, copy_to("c@example.org", State.HELD), failed("d@example.org")),  # type: ignore[arg-type]
        message_to(copy_to("e@example.org", due=NOW + HOUR)),
    )
    box.do(lambda c: c.execute("UPDATE messages SET starts = 3 WHERE number = 2"))
    assert addresses(box) == []
    assert [state for _, state in box.states()] == ["queued", "aside", "held", "failed", "queued"]


def test_a_sender_who_is_being_told_keeps_no_other_copy_from_its_next_start(box: Box) -> None:
    box.accept(message_to(failed(ANN, due=NOW), BOB))  # type: ignore[arg-type]
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


def test_what_cannot_be_read_goes_aside_alone(box: Box) -> None:
    box.accept(message_to(ANN, BOB), message_to("c@example.org"))
    box.do(lambda c: c.execute("UPDATE copies SET address = 'nobody' WHERE number = 1"))
    assert addresses(box, now=NOW + HOUR) == [BOB, "c@example.org"]
    assert [state for _, state in box.states()] == ["aside", "queued", "queued"]
    assert box.all("SELECT reason, since, due_at, lease FROM copies WHERE number = 1") == [
        ("internal-error", microseconds(NOW + HOUR), None, None)
    ]


def failed(address: str, *, due: object = NOW + HOUR) -> object:
    return copy_to(address, State.FAILED, due=due, reason=Reason.NEXT_HOP_REFUSED)  # type: ignore[arg-type]


def failures(box: Box, most: int = 100, at: object = NOW) -> list[list[str]]:
    handed = box.do(lambda c: queue.claim_failed(c, "me", at, most))  # type: ignore[arg-type]
    return [[str(copy.recipient.address) for copy in one.copies] for one in handed.claimed]


def test_a_sender_is_told_when_nothing_of_the_message_waits_for_the_next_hop(box: Box) -> None:
    box.accept(message_to(failed(ANN), BOB, failed("c@example.org"), copy_to("d@example.org", State.HELD)))  # type: ignore[arg-type]
    assert failures(box) == []
    (copy,) = box.claim()[0].copies
    assert failures(box) == []  # it may fail as well
    box.step(Step(moves=(Move(copy.number, NOW),)))
    assert failures(box) == [[ANN, "c@example.org"]]
    assert failures(box) == []
    assert box.all("SELECT starts FROM messages") == [(0,)]


def test_a_sender_is_told_at_the_latest_when_it_is_due(box: Box) -> None:
    box.accept(message_to(failed(ANN), BOB))  # type: ignore[arg-type]
    assert failures(box, at=NOW + HOUR) == [[ANN]]


def test_whole_messages_are_told_of_up_to_the_limit(box: Box) -> None:
    for _ in range(3):
        box.accept(message_to(failed(ANN), failed(BOB)))  # type: ignore[arg-type]
    assert failures(box, most=1) == [[ANN, BOB]]
    assert failures(box, most=4) == [[ANN, BOB], [ANN, BOB]]


def test_what_fails_while_a_sender_is_being_told_waits_for_its_own_notice(box: Box) -> None:
    box.accept(message_to(failed(ANN, due=NOW), BOB))  # type: ignore[arg-type]
    ((other,),) = [one.copies for one in box.claim()]
    assert failures(box) == [[ANN]]
    box.step(Step(moves=(Move(other.number, NOW, State.FAILED, Reason.NEXT_HOP_REFUSED, NOW),)))
    assert failures(box) == []
    box.do(lambda c: queue.give_back(c, "me"))
    assert failures(box) == [[ANN, BOB]]


def test_only_so_many_messages_are_looked_at_and_the_copies_of_each_are_in_order(box: Box) -> None:
    box.accept(*[message_to(failed(ANN), failed(BOB)) for _ in range(3)])  # type: ignore[arg-type]
    values = {"now": microseconds(NOW), "most": 2}
    rows = box.do(lambda c: c.execute(query("failed_copies"), values).fetchall())
    assert rows == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_only_held_copies_are_given_up_each_once_the_oldest_first_and_no_more_than_were_asked_for(box: Box) -> None:
    due = NOW - HOUR
    box.accept(
        message_to(copy_to(ANN, due=due), failed(BOB, due=due)),  # type: ignore[arg-type]
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
