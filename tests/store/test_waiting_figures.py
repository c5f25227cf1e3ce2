"""Figures on mail that waits, told apart where a sum, a limit or an order could be another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from store.samples import decision
from store.test_waiting import Store, opened
from store.waiting import CONTENT, HOUR, NOW, copy_to, message_to

from relay.consent.ledger import microseconds
from relay.decision import Outcome, Result
from relay.queued import State
from relay.reason import Reason
from relay.reply import Reply
from relay.store.port import StoreUnavailableError, UnreadableError
from relay.store.queries import query
from relay.store.rows import decision_row, outcome_row
from relay.store.waiting import Deferring, Together, WantedCopies

SIZE = len(CONTENT)
HELD = WantedCopies(states=(State.HELD,))
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as one:
        yield one


def test_held_copies_are_told_with_the_most_first_and_then_by_stream_and_reason(store: Store) -> None:
    for stream, reason, copies in (
        ("offers", Reason.UNCONFIRMED, 1),
        ("offers", Reason.STALE, 1),
        ("newsletter", Reason.UNCONFIRMED, 1),
        ("zzz", Reason.STALE, 2),
    ):
        for number in range(copies):
            address = f"{reason.value}{number}@{stream}.example"
            store.take(message_to(copy_to(address, State.HELD, reason=reason), stream=stream))
    assert [(one.stream, one.reason, one.copies, one.octets) for one in store.mail.held(HELD)] == [
        ("zzz", Reason.STALE, 2, 2 * SIZE),
        ("newsletter", Reason.UNCONFIRMED, 1, SIZE),
        ("offers", Reason.STALE, 1, SIZE),
        ("offers", Reason.UNCONFIRMED, 1, SIZE),
    ]


def test_when_the_first_and_the_last_of_held_copies_were_asked_is_told_apart(store: Store) -> None:
    for hours, address in enumerate(("a@example.org", "b@example.org", "c@example.org")):
        store.take(message_to(copy_to(address, State.HELD), at=NOW + hours * HOUR))
        at = microseconds(NOW + (5 - hours) * HOUR)
        store.do(lambda c, at=at, who=address: c.execute(ASKED, (at, who)) and None)
    ((one),) = store.mail.held(HELD)
    assert (one.asked, one.asked_first, one.asked_last, one.oldest) == (3, NOW + 3 * HOUR, NOW + 5 * HOUR, NOW)


ASKED = "UPDATE copies SET asked_at = ? WHERE address = ?"


def test_a_reason_of_another_version_is_told_for_what_it_is(store: Store) -> None:
    store.take(message_to(copy_to("a@example.org", State.HELD)))
    store.do(lambda c: c.execute("UPDATE copies SET reason = 'of-tomorrow'") and None)
    with pytest.raises(UnreadableError, match=r"a held copy.*its reason is none of this version"):
        store.mail.held(HELD)


def test_of_equal_age_copies_are_summed_up_by_state_and_then_by_stream(store: Store) -> None:
    store.take(
        message_to("a@example.org", stream="offers"),
        message_to("b@example.org"),
        message_to(copy_to("c@example.org", State.HELD), stream="zzz"),
    )
    assert [(one.state, one.stream) for one in store.mail.together(WantedCopies())] == [
        (State.HELD, "zzz"),
        (State.QUEUED, "newsletter"),
        (State.QUEUED, "offers"),
    ]
    store.do(lambda c: c.execute("UPDATE copies SET since = ? WHERE stream = 'zzz'", (microseconds(NOW + HOUR),)))
    assert [one.stream for one in store.mail.together(WantedCopies())] == ["zzz", "newsletter", "offers"]
    (held,) = store.mail.together(HELD)
    assert held == Together(State.HELD, "zzz", 1, NOW, NOW + HOUR)


def test_the_first_of_several_copies_says_how_old_they_are_and_how_long_they_wait(store: Store) -> None:
    store.take(*(message_to(f"{hours}@example.org", at=NOW + hours * HOUR) for hours in (1, 0, 2)))
    store.do(lambda c: c.execute("UPDATE copies SET since = at + ?", (5 * 3_600_000_000,)) and None)
    assert store.mail.together(WantedCopies()) == [Together(State.QUEUED, "newsletter", 3, NOW, NOW + 5 * HOUR)]
    (queued,) = store.mail.ages(NOW)
    assert (queued.oldest, queued.since) == (NOW, NOW + 5 * HOUR)
    assert store.mail.count(WantedCopies()) == 3
    numbers = store.mail.numbers(WantedCopies())
    assert numbers == [one.copy.number for one in store.mail.copies(WantedCopies())] == sorted(numbers)


def test_what_is_worked_on_is_neither_late_nor_due_next_and_the_limit_itself_is_not_late(store: Store) -> None:
    store.take(
        message_to(copy_to("working@example.org", due=NOW - 9 * HOUR, attempts=1)),
        message_to(copy_to("late@example.org", due=NOW - MOMENT)),
        message_to(copy_to("just@example.org", due=NOW)),
        message_to(copy_to("held@example.org", State.HELD, due=NOW + HOUR), at=NOW + HOUR),
    )
    store.lease("me", "working@example.org")
    held, queued = sorted(store.mail.ages(NOW), key=lambda one: one.state)
    assert (queued.next_due, queued.late, queued.worked_on, queued.attempted) == (NOW - MOMENT, 1, 1, 1)
    assert (held.state, held.copies, held.oldest, held.next_due) == (State.HELD, 1, NOW + HOUR, NOW + HOUR)
    assert (held.late, held.worked_on, held.attempted) == (0, 0, 0)
    store.lease("me", "held@example.org")
    assert [one.next_due for one in store.mail.ages(NOW) if one.state is State.HELD] == [None]


def test_a_next_hop_that_defers_is_told_with_what_it_said_last_of_what_still_waits(store: Store) -> None:
    def tried(address: str, hop: str, words: str, state: State = State.QUEUED) -> None:
        said = Reply(451, "4.7.1", words)
        store.take(message_to(copy_to(address, state, attempts=1, next_hop=hop, last=said)))

    tried("a@example.org", "two:25", "first")
    tried("b@example.org", "two:25", "last")
    tried("c@example.org", "two:25", "of one that failed", State.FAILED)
    tried("d@example.org", "one:25", "busy")
    tried("e@example.org", "also:25", "busy")
    assert store.mail.deferring(9) == [
        Deferring("two:25", 2, "451 4.7.1 last"),
        Deferring("also:25", 1, "451 4.7.1 busy"),
        Deferring("one:25", 1, "451 4.7.1 busy"),
    ]
    assert [one.next_hop for one in store.mail.deferring(2)] == ["two:25", "also:25"]


def test_attempts_of_exactly_then_count_as_failing_and_those_before_do_not(store: Store) -> None:
    reply = Reply(250, "2.0.0", "words")
    tried = [
        Outcome("D", at, Result.DEFERRED, reply, hop)
        for at, hop in ((NOW, "then:25"), (NOW - MOMENT, "before:25"), (NOW, "then:25"))
    ]
    store.do(lambda c: c.executemany(query("insert_outcome"), [outcome_row(one) for one in tried]) and None)
    assert store.mail.failing(NOW) == {"then:25": 2}


def test_only_the_newest_thousand_attempts_are_looked_through_for_next_hops_that_fail(store: Store) -> None:
    reply = Reply(451, "4.7.1", "busy")
    rows = [outcome_row(Outcome("D", NOW, Result.DEFERRED, reply, "down:25")) for _ in range(1001)]
    store.do(lambda c: c.executemany(query("insert_outcome"), rows) and None)
    assert store.mail.failing(NOW) == {"down:25": 1000}


def test_what_is_due_first_comes_with_its_message_and_is_worked_on_by_nobody(store: Store) -> None:
    store.take(message_to("late@example.org", at=NOW + HOUR), message_to("first@example.org"))
    (expected,) = [one for one in store.mail.copies(WantedCopies()) if one.copy.due_at == NOW]
    assert store.mail.first_due() == expected
    assert not expected.worked_on


def test_the_newest_decision_is_known_by_its_time(store: Store) -> None:
    rows = [decision_row(decision(at=at)) for at in (NOW, NOW + HOUR, NOW - HOUR)]
    store.do(lambda c: c.executemany(query("insert_decision"), rows) and None)
    assert store.mail.last_decided() == NOW + HOUR


def test_what_the_store_cannot_answer_is_an_outage(store: Store) -> None:
    store.do(lambda c: c.execute("DROP TABLE outcomes") and None)
    with pytest.raises(StoreUnavailableError):
        store.mail.failing(NOW)


def test_where_no_relay_ever_ran_no_process_is_at_work(store: Store) -> None:
    assert store.mail.processes() == 0


def test_a_process_of_which_nobody_may_know_counts_as_one_that_lives(store: Store, tmp_path: Path) -> None:
    (tmp_path / "relay.db.leases").write_text("no folder")
    assert store.mail.is_alive("somebody")


def test_looking_at_a_process_that_is_no_more_takes_nothing_away(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "relay.db.leases"
    folder.mkdir()
    (folder / "dead").touch()
    assert store.mail.processes() == 0
    assert (folder / "dead").exists()


def test_what_is_late_what_is_worked_on_and_what_was_tried_are_counted_apart(store: Store) -> None:
    late = [copy_to(f"{number}@example.org", due=NOW - HOUR, attempts=1) for number in range(3)]
    store.take(message_to(*late, copy_to("x@example.org", attempts=1), copy_to("y@example.org")))
    store.lease("me", "x@example.org")
    store.lease("me", "y@example.org")
    (queued,) = store.mail.ages(NOW)
    assert (queued.copies, queued.late, queued.worked_on, queued.attempted) == (5, 3, 2, 4)


def test_a_decision_of_one_message_finds_no_copy_of_another_to_the_same_person(store: Store) -> None:
    new = message_to("a@example.org")
    store.take(new, message_to("a@example.org"))
    (mine, _) = store.mail.copies(WantedCopies())
    before = decision(mine.copy.recipient.address, message=new.tx.id)
    store.do(lambda c: c.execute(query("insert_decision"), decision_row(before)) and None)
    assert store.mail.numbers(WantedCopies(identity=before.id)) == [mine.copy.number]


def test_tallies_come_by_state_and_stream_without_those_of_which_nothing_is_left(store: Store) -> None:
    for stream in ("offers", "newsletter"):
        store.take(message_to(copy_to("a@example.org", State.HELD), stream=stream))
    store.take(message_to("a@example.org", stream="zzz"))
    store.do(lambda c: c.execute("DELETE FROM copies WHERE stream = 'zzz'") and None)
    assert [(one.state, one.stream) for one in store.mail.tallies()] == [
        (State.HELD, "newsletter"),
        (State.HELD, "offers"),
    ]
