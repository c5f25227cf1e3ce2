from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from store.waiting import HOUR, NOW, PSEUDONYMS, Box, copy_to, message_to

from relay.address import address_from_text
from relay.consent.events import Act, Basis, EventKind
from relay.consent.ledger import microseconds
from relay.queued import Move, NewMessage, State, Step
from relay.reason import Reason
from relay.store.asks import Ask, Became, EndedAsk, put_ask, settle_ask
from relay.store.holds import keep_release_rate, release, release_copies
from relay.store.queries import query
from relay.store.queue import Caps, claim, claim_expired, take_step

ANN = "ann@example.org"
BOB = "bob@example.org"


def held(who: str = ANN, **more: object) -> NewMessage:
    return message_to(copy_to(who, State.HELD, due=NOW + HOUR), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW])
def test_a_yes_lets_go_what_is_held_for_its_address_and_stream(box: Box, kind: EventKind) -> None:
    box.accept(held(), held(BOB), held(stream="offers"))
    box.says(kind, basis=Basis.DOUBLE_OPT_IN)
    assert box.states() == [(ANN, "queued"), (BOB, "held"), (ANN, "held")]
    assert box.copies()[0][2] == microseconds(NOW)


def test_a_yes_of_another_spelling_lets_nothing_go(box: Box) -> None:
    box.accept(held())
    box.says(EventKind.GRANT, "Ann+news@example.org", basis=Basis.SINGLE_OPT_IN, act=Act.TICKED)
    assert box.states() == [(ANN, "held")]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (EventKind.GRANT, {"basis": Basis.SINGLE_OPT_IN, "act": Act.PRETICKED}),
        (EventKind.GRANT, {"basis": Basis.CUSTOMER}),
        (EventKind.WITHDRAW, {}),
        (EventKind.REQUEST, {}),
    ],
)
def test_what_is_no_yes_by_an_act_lets_nothing_go(box: Box, kind: EventKind, more: dict[str, object]) -> None:
    box.accept(held())
    box.says(kind, **more)
    assert box.states() == [(ANN, "held")]


def test_that_a_mailbox_works_lets_go_what_is_held_for_it_in_every_stream(box: Box) -> None:
    box.accept(held(), held(stream="offers"), held(BOB))
    box.says(EventKind.DELIVERABLE, brand="", stream="")
    assert box.states() == [(ANN, "queued"), (ANN, "queued"), (BOB, "held")]


def test_what_is_let_go_at_once_is_spread_over_time(box: Box) -> None:
    box.do(lambda c: keep_release_rate(c, 2))
    people = [f"p{number}@example.org" for number in range(5)]
    box.accept(*[held(who) for who in people])
    box.do(lambda c: release(c, [("newsletter", address_from_text(who)) for who in people[:4]], NOW))
    box.do(lambda c: release(c, [("newsletter", address_from_text(people[4]))], NOW + timedelta(seconds=1)))
    slots = [due - microseconds(NOW) for _, _, due in box.copies()]
    assert slots == [0, 500_000, 1_000_000, 1_500_000, 2_000_000]


def test_after_a_pause_the_slots_begin_now(box: Box) -> None:
    box.accept(held(), held(BOB))
    box.do(lambda c: release(c, [("newsletter", address_from_text(ANN))], NOW))
    box.do(lambda c: release(c, [("newsletter", address_from_text(BOB))], NOW + HOUR))
    assert box.copies()[1][2] == microseconds(NOW + HOUR)


def test_a_cursor_from_a_wrong_clock_is_put_right(box: Box) -> None:
    box.accept(held(), held(BOB))
    box.do(lambda c: release(c, [("newsletter", address_from_text(ANN))], NOW + 10_000 * HOUR))
    box.do(lambda c: release(c, [("newsletter", address_from_text(BOB))], NOW))
    assert box.copies()[1][2] == microseconds(NOW)


def test_what_is_let_go_waits_anew_from_then_for_a_decision_of_its_own(box: Box) -> None:
    box.accept(held())
    box.do(lambda c: release_copies(c, [1], NOW + 1000 * HOUR))
    at = microseconds(NOW + 1000 * HOUR)
    assert box.all("SELECT reason, at, since, due_at FROM copies") == [("confirmed", microseconds(NOW), at, at)]


def test_an_operators_wish_does_not_read_like_a_yes(box: Box) -> None:
    box.accept(held())
    (reason,) = box.all("SELECT reason FROM copies")
    box.do(lambda c: release_copies(c, [1], NOW, said_yes=False))
    assert box.all("SELECT state, reason FROM copies") == [("queued", *reason)]


def test_a_copy_that_somebody_works_on_is_not_let_go(box: Box) -> None:
    box.accept(held())
    box.do(lambda c: c.execute("UPDATE copies SET lease = 'other'"))
    assert box.do(lambda c: release_copies(c, [1], NOW)) == 0
    assert box.states() == [(ANN, "held")]


@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED])
def test_only_what_is_held_is_let_go(box: Box, state: State) -> None:
    box.accept(message_to(copy_to(ANN, state, due=NOW + HOUR)))
    assert box.do(lambda c: release_copies(c, [1], NOW)) == 0
    assert box.copies() == [(ANN, state.value, microseconds(NOW + HOUR))]


def test_a_yes_of_another_spelling_that_came_meanwhile_lets_nothing_go(box: Box) -> None:
    box.says(EventKind.CONFIRM, "Ann@example.org", basis=Basis.DOUBLE_OPT_IN)
    box.do(lambda c: take_step(c, Step(messages=(held(),)), "me", Caps(), PSEUDONYMS, seen=0))
    assert box.states() == [(ANN, "held")]


@pytest.mark.parametrize(
    ("kind", "scope", "state"),
    [(EventKind.DELIVERABLE, {"brand": "", "stream": ""}, "queued"), (EventKind.WITHDRAW, {}, "held")],
)
def test_of_what_came_meanwhile_only_what_lets_go_does_so(
    box: Box, kind: EventKind, scope: dict[str, str], state: str
) -> None:
    box.says(kind, **scope)
    box.do(lambda c: take_step(c, Step(messages=(held(),)), "me", Caps(), PSEUDONYMS, seen=0))
    assert box.states() == [(ANN, state)]


def test_only_the_newest_held_message_of_a_person_and_stream_is_kept(box: Box) -> None:
    box.accept(held(), held(stream="offers"), held(BOB))
    done = box.accept(held("ANN@example.org"))
    assert box.states() == [(ANN, "held"), (BOB, "held"), ("ANN@example.org", "held")]
    assert box.reports() == [(ANN, "replaced", "stale")]
    assert len(done.replaced) == 1
    (contents,) = box.committer.connection.execute("SELECT count(*) FROM contents").fetchone()
    assert contents == 3


def test_what_is_queued_neither_replaces_what_is_held_nor_is_replaced(box: Box) -> None:
    box.accept(held(), message_to(ANN))
    box.accept(held(BOB), message_to(BOB))
    box.do(lambda c: c.execute("UPDATE copies SET lease = 'other' WHERE number = 1"))
    assert box.accept(held(), held(stream="offers")).replaced == []  # somebody ends the first just now
    assert [state for _, state in box.states()] == ["held", "queued", "held", "queued", "held", "held"]
    assert box.reports() == []


def test_the_newer_message_waits_no_shorter_than_the_one_that_it_replaces(box: Box) -> None:
    box.accept(message_to(copy_to(ANN, State.HELD, due=NOW + 3 * HOUR)), held(BOB))
    box.accept(held("ANN@example.org"), message_to(copy_to(BOB, State.HELD, due=NOW + 2 * HOUR)))
    assert [due for _, _, due in box.copies()] == [microseconds(NOW + 3 * HOUR), microseconds(NOW + 2 * HOUR)]


def test_two_recipients_of_one_message_who_are_one_person_both_wait(box: Box) -> None:
    box.accept(message_to(copy_to(ANN, State.HELD), copy_to("ANN@example.org", State.HELD)))
    assert len(box.states()) == 2
    assert box.reports() == []


def test_an_older_copy_that_becomes_held_makes_way_for_the_newer_that_is(box: Box) -> None:
    box.accept(message_to(ANN))
    ((claimed,),) = [one.copies for one in box.do(lambda c: claim(c, "me", NOW, 1)).claimed]
    box.accept(held(at=NOW + HOUR))
    box.step(Step(moves=(Move(claimed.number, NOW + HOUR, State.HELD, Reason.STALE, NOW + 2 * HOUR),)))
    assert box.states() == [(ANN, "held")]
    assert box.copies()[0][2] == microseconds(NOW + HOUR)
    assert box.reports() == [(ANN, "replaced", "stale")]


def test_an_older_copy_that_becomes_held_stays_beside_what_is_newer_of_others_or_waits_for_the_next_hop(
    box: Box,
) -> None:
    box.accept(message_to(ANN))
    ((claimed,),) = [one.copies for one in box.do(lambda c: claim(c, "me", NOW, 1)).claimed]
    box.accept(held(BOB), held(stream="offers"), message_to(ANN))
    box.step(Step(moves=(Move(claimed.number, NOW, State.HELD, Reason.STALE, NOW + HOUR),)))
    assert box.states() == [(ANN, "held"), (BOB, "held"), (ANN, "held"), (ANN, "queued")]


def test_a_yes_that_came_while_the_hold_was_decided_on_is_not_missed(box: Box) -> None:
    (seen,) = box.do(lambda c: c.execute("SELECT coalesce(max(sequence), 0) FROM ledger").fetchone())
    box.says(EventKind.CONFIRM, basis=Basis.DOUBLE_OPT_IN)
    box.says(EventKind.CONFIRM, BOB, basis=Basis.DOUBLE_OPT_IN, stream="offers")
    box.do(lambda c: take_step(c, Step(messages=(held(), held(BOB))), "me", Caps(), PSEUDONYMS, seen=seen))
    assert box.states() == [(ANN, "queued"), (BOB, "held")]
    box.do(lambda c: take_step(c, Step(messages=(held(),)), "me", Caps(), PSEUDONYMS, seen=seen + 1))
    assert box.states()[-1] == (ANN, "held")


@pytest.mark.parametrize(("behind", "state"), [(0, "queued"), (1, "held")], ids=["after the claim", "before it"])
def test_a_yes_that_was_there_when_a_copy_was_claimed_does_not_let_it_go_again(
    box: Box, behind: int, state: str
) -> None:
    box.accept(message_to(ANN))
    ((claimed,),) = [one.copies for one in box.do(lambda c: claim(c, "me", NOW, 1)).claimed]
    (seen,) = box.do(lambda c: c.execute("SELECT coalesce(max(sequence), 0) FROM ledger").fetchone())
    box.says(EventKind.CONFIRM, basis=Basis.DOUBLE_OPT_IN)
    step = Step(moves=(Move(claimed.number, NOW, State.HELD, Reason.STALE, NOW + HOUR),))
    lines = {claimed.number: seen + behind}
    box.do(lambda c: take_step(c, step, "me", Caps(), PSEUDONYMS, seen=seen, seen_by=lines))
    assert box.states() == [(ANN, state)]


def after_no(box: Box) -> list[str]:
    """Whose held copies are to be looked at, because they have said no."""
    return [who for (who,) in box.all("SELECT address FROM copies WHERE no_at IS NOT NULL ORDER BY number")]


@pytest.mark.parametrize("kind", [EventKind.WITHDRAW, EventKind.COMPLAIN])
def test_after_a_no_everything_that_is_held_for_the_person_is_to_be_looked_at_and_keeps_its_end(
    box: Box, kind: EventKind
) -> None:
    box.accept(held(), held("Ann+tag@example.org", stream="offers"), held(BOB), message_to(ANN))
    before = box.copies()
    box.says(kind, "ANN@example.org")
    assert after_no(box) == [ANN, "Ann+tag@example.org"]
    assert box.copies() == before
    claimed = box.do(lambda c: claim_expired(c, "me", NOW, 10)).claimed
    assert [str(copy.recipient.address) for one in claimed for copy in one.copies] == [ANN, "Ann+tag@example.org"]


@pytest.mark.parametrize("kind", [EventKind.REQUEST, EventKind.UNDELIVERABLE, EventKind.DELIVERABLE])
def test_what_is_no_no_of_the_persons_own_has_nothing_looked_at(box: Box, kind: EventKind) -> None:
    box.accept(held())
    box.says(kind, stream="", brand="") if kind is not EventKind.REQUEST else box.says(kind)
    assert after_no(box) == []


def test_a_copy_that_is_decided_on_while_its_person_says_no_is_looked_at_afterwards(box: Box) -> None:
    box.accept(held())
    ((one,),) = [found.copies for found in box.do(lambda c: claim_expired(c, "me", NOW + HOUR, 1)).claimed]
    box.says(EventKind.WITHDRAW)
    step = Step(moves=(Move(one.number, NOW, State.HELD, Reason.STALE, NOW + 5 * HOUR),))
    box.do(lambda c: take_step(c, step, "me", Caps(), PSEUDONYMS, seen=0))
    assert after_no(box) == [ANN]
    ((one,),) = [found.copies for found in box.do(lambda c: claim_expired(c, "me", NOW, 1)).claimed]
    ((line,),) = box.all("SELECT max(sequence) FROM ledger")
    box.do(lambda c: take_step(c, step, "me", Caps(), PSEUDONYMS, seen=0, seen_by={one.number: line}))
    assert after_no(box) == []  # whoever decided has seen it


def test_a_no_that_came_while_a_new_hold_was_decided_on_is_not_missed(box: Box) -> None:
    box.says(EventKind.WITHDRAW, "ANN@example.org")
    box.says(EventKind.GRANT, BOB, basis=Basis.CUSTOMER)
    box.do(lambda c: take_step(c, Step(messages=(held(), held(BOB))), "me", Caps(), PSEUDONYMS, seen=0))
    assert after_no(box) == [ANN]


DAY = 24 * HOUR


def ask(box: Box, at: datetime, who: str = ANN, *, stream: str = "newsletter", brand: str = "brand") -> None:
    one = Ask(brand, stream, address_from_text(who), f"m{at}{who}{stream}", "asked again: stale", at, 1, at + 14 * DAY)
    box.do(lambda c: put_ask(c, one))


def asked(box: Box) -> list[tuple[object, float]]:
    """When the person of each copy was asked, and when it is given up, in days from now."""
    rows = box.all("SELECT asked_at, due_at FROM copies ORDER BY number")
    return [(None if at is None else in_days(at), in_days(due)) for at, due in rows]


def in_days(at: int) -> float:
    return (at - microseconds(NOW)) / 86_400e6


def coming(days: float, who: str = ANN, *, due: float = 40, asked_at: datetime | None = None) -> NewMessage:
    copy = copy_to(who, State.HELD, due=NOW + due * DAY, asked_at=asked_at)
    return message_to(copy, at=NOW + days * DAY)


def test_a_newer_message_waits_for_the_answer_to_the_question_about_the_one_that_it_replaces(box: Box) -> None:
    box.accept(coming(0))
    ask(box, NOW)
    assert asked(box) == [(0, 14)]
    box.accept(coming(3))
    assert asked(box) == [(0, 17)]
    box.accept(coming(13))
    assert asked(box) == [(0, 27)]


def test_after_the_time_to_answer_a_message_keeps_the_end_that_it_came_with_and_no_earlier_one(box: Box) -> None:
    ask(box, NOW)
    box.accept(coming(13), coming(14, due=20))
    assert asked(box) == [(0, 27)]
    box.accept(coming(15))
    assert asked(box) == [(0, 40)]


def test_where_nothing_was_held_the_question_counts_all_the_same(box: Box) -> None:
    ask(box, NOW)
    box.accept(coming(1))
    assert asked(box) == [(0, 15)]


@pytest.mark.parametrize(
    "other", [{"who": BOB}, {"who": "ANN@example.org"}, {"stream": "offers"}, {"brand": "other"}], ids=str
)
def test_a_question_about_something_else_is_none(box: Box, other: dict[str, str]) -> None:
    ask(box, NOW, **other)
    box.accept(coming(1))
    assert asked(box) == [(None, 40)]


@pytest.mark.parametrize(
    ("became", "counts"), [(Became.DELIVERED, True), (Became.FAILED, False), (Became.DROPPED, False)]
)
def test_only_a_question_that_left_or_is_under_way_has_asked_anybody(box: Box, became: Became, counts: bool) -> None:
    ask(box, NOW)
    ended = EndedAsk(1, "brand", "newsletter", address_from_text(ANN), "", NOW, became, NOW)
    box.do(lambda c: settle_ask(c, ended, NOW))
    box.accept(coming(1))
    assert asked(box) == [(0, 15) if counts else (None, 40)]


@pytest.mark.parametrize(("hours", "answered"), [(-1, False), (1, True)])
def test_a_question_that_was_answered_is_over(box: Box, hours: int, answered: bool) -> None:
    ask(box, NOW)
    box.says(EventKind.CONFIRM, basis=Basis.DOUBLE_OPT_IN, at=NOW + hours * HOUR)
    box.accept(coming(1))
    assert asked(box) == [(None, 40) if answered else (0, 15)]


def test_what_is_known_of_a_newer_question_stays(box: Box) -> None:
    ask(box, NOW)
    box.accept(coming(3, due=16, asked_at=NOW + DAY))
    assert asked(box) == [(1, 16)]
    ask(box, NOW + 2 * DAY)
    assert asked(box) == [(2, 16)]


@pytest.mark.parametrize("name", ["any_hold_ends", "expired_copies"])
def test_the_look_for_what_a_no_has_ended_does_not_go_through_all_that_is_held(box: Box, name: str) -> None:
    plan = [
        row[3] for row in box.committer.connection.execute(f"EXPLAIN QUERY PLAN {query(name)}", {"now": 0, "most": 9})
    ]
    assert [one.split(" INDEX ")[1] for one in plan if one.startswith("SEARCH")] == [
        "copies_due (state=? AND due_at<?)",
        "copies_after_no (no_at>?)",
    ]
