from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from store.samples import decision
from store.waiting import CONTENT, HOUR, NOW, PSEUDONYMS, copy_to, message_to, transaction

from relay.address import address_from_text
from relay.decision import Outcome, Result
from relay.queued import NewMessage, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store import queue
from relay.store.committing import Committer, Work
from relay.store.leases import Lease
from relay.store.queries import query
from relay.store.rows import decision_row, outcome_row
from relay.store.waiting import Deferring, Stock, Tally, Together, WaitingMail, WantedCopies

SIZE = len(CONTENT)


class Store:
    def __init__(self, committer: Committer) -> None:
        self.committer = committer
        self.mail = WaitingMail(committer.connection, committer.path)

    def take(self, *messages: NewMessage) -> None:
        self.do(lambda c: queue.take_step(c, Step(messages=messages), "me", queue.Caps(), PSEUDONYMS))

    def do(self, run: object) -> None:
        (result,) = self.committer.commit([Work(run)])  # type: ignore[arg-type]
        assert not isinstance(result, BaseException), result

    def lease(self, name: str, address: str) -> None:
        self.do(lambda c: c.execute("UPDATE copies SET lease = ? WHERE address = ?", (name, address)) and None)

    def found(self, **wanted: object) -> list[str]:
        return [str(one.copy.recipient.address) for one in self.mail.copies(WantedCopies(**wanted))]  # type: ignore[arg-type]


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    committer = Committer(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS)
    with closing(committer):
        yield Store(committer)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as one:
        yield one


def test_copies_come_in_the_order_in_which_they_were_accepted_or_the_other_way_round(store: Store) -> None:
    store.take(message_to("a@example.org", "b@example.net"), message_to("c@example.org", at=NOW + HOUR))
    assert store.found() == ["a@example.org", "b@example.net", "c@example.org"]
    newest = store.mail.copies(WantedCopies(), 2, newest=True)
    assert [str(one.copy.recipient.address) for one in newest] == ["c@example.org", "b@example.net"]
    assert newest[0].message.tx.client.name == "shop"
    assert store.mail.count(WantedCopies()) == 3


def test_copies_are_chosen_by_state_stream_client_domain_reason_and_person(store: Store) -> None:
    store.take(
        message_to("a@example.org", copy_to("b@example.net", State.HELD)),
        message_to("Ann+tag@example.org", stream="offers"),
    )
    assert store.found(states=(State.HELD,)) == store.found(domain="example.net") == ["b@example.net"]
    assert store.found(reason=Reason.STALE) == ["b@example.net"]
    assert store.found(stream="offers") == ["Ann+tag@example.org"]
    assert store.found(client="other") == []
    (ann,) = store.mail.copies(WantedCopies(stream="offers"))
    assert store.found(wide=ann.copy.recipient.address.wide) == ["Ann+tag@example.org"]
    assert store.mail.count(WantedCopies(states=(State.QUEUED, State.HELD))) == 3
    assert store.mail.numbers(WantedCopies(stream="offers")) == [ann.copy.number]


def test_a_copy_is_found_by_its_message_its_decision_and_the_decision_it_had_before(store: Store) -> None:
    tx = transaction()
    first = copy_to("a@example.org")
    store.take(message_to(first, "b@example.org", tx=tx), message_to("c@example.org"))
    (a, _, _) = store.mail.copies(WantedCopies())
    before = decision(a.copy.recipient.address, message=tx.id)
    store.do(lambda c: c.execute(query("insert_decision"), decision_row(before)) and None)
    assert store.found(identity=tx.id) == ["a@example.org", "b@example.org"]
    assert store.found(identity=first.decision) == ["a@example.org"]
    assert store.found(identity=before.id) == ["a@example.org"]
    assert store.found(identity="none") == []


def test_what_waits_is_counted_by_state_and_stream_and_a_message_takes_its_room_once(store: Store) -> None:
    store.take(message_to("a@example.org", "b@example.org"), message_to(copy_to("c@example.org", State.HELD)))
    assert store.mail.tallies() == [
        Tally(State.HELD, "newsletter", 1, SIZE),
        Tally(State.QUEUED, "newsletter", 2, 2 * SIZE),
    ]
    assert store.mail.stock() == Stock(2, 2 * SIZE)


def test_held_copies_are_counted_by_stream_and_reason(store: Store) -> None:
    store.take(
        message_to(copy_to("a@example.org", State.HELD, due=NOW + 5 * HOUR)),
        message_to(copy_to("b@example.org", State.HELD, due=NOW + 9 * HOUR), at=NOW + HOUR),
        message_to(copy_to("c@example.org", State.HELD, reason=Reason.UNCONFIRMED)),
    )
    asked = int((NOW + HOUR).timestamp() * 1_000_000)
    store.do(lambda c: c.execute("UPDATE copies SET asked_at = ? WHERE address = 'b@example.org'", (asked,)) and None)
    stale, unconfirmed = store.mail.held(WantedCopies(states=(State.HELD,)))
    assert (stale.reason, stale.copies, stale.octets, stale.oldest) == (Reason.STALE, 2, 2 * SIZE, NOW)
    assert (stale.asked, stale.asked_first, stale.asked_last) == (1, NOW + HOUR, NOW + HOUR)
    assert (stale.given_up_first, stale.given_up_last) == (NOW + 5 * HOUR, NOW + 9 * HOUR)
    assert (unconfirmed.reason, unconfirmed.asked, unconfirmed.asked_first) == (Reason.UNCONFIRMED, 0, None)


def test_ages_tell_what_is_late(store: Store) -> None:
    store.take(
        message_to(copy_to("a@example.org", due=NOW + HOUR), copy_to("b@example.org", due=NOW - HOUR)),
        message_to(copy_to("c@example.org", due=NOW - HOUR, attempts=2, next_hop="hop:25"), at=NOW + HOUR),
    )
    store.lease("worker", "c@example.org")
    (queued,) = store.mail.ages(NOW - timedelta(minutes=15))
    assert (queued.state, queued.copies, queued.oldest, queued.since) == (State.QUEUED, 3, NOW, NOW)
    assert (queued.next_due, queued.late, queued.worked_on, queued.attempted) == (NOW - HOUR, 1, 1, 1)


def test_next_hops_that_defer_come_with_an_answer(store: Store) -> None:
    said = Reply(451, "4.7.1", "greylisted")
    store.take(
        message_to(copy_to("a@example.org", attempts=1, next_hop="hop:25", last=said), "new@example.org"),
        message_to(copy_to("b@example.org", attempts=1), copy_to("c@example.org", attempts=3)),
    )
    assert store.mail.deferring(5) == [
        Deferring("none reached", 2, "no answer"),
        Deferring("hop:25", 1, "451 4.7.1 greylisted"),
    ]
    assert len(store.mail.deferring(1)) == 1


def test_a_copy_is_worked_on_while_the_process_of_its_lease_lives(store: Store, tmp_path: Path) -> None:
    store.take(message_to("a@example.org", "b@example.org", "c@example.org"))
    lease = Lease(tmp_path / "relay.db", "alive")
    store.lease("alive", "a@example.org")
    store.lease("dead", "b@example.org")
    assert [one.worked_on for one in store.mail.copies(WantedCopies())] == [True, False, False]
    assert store.mail.processes() == 1
    lease.close()
    assert [one.worked_on for one in store.mail.copies(WantedCopies())] == [False, False, False]
    assert store.mail.processes() == 0


def test_the_content_is_read_as_it_came(store: Store) -> None:
    store.take(message_to("a@example.org"))
    (one,) = store.mail.copies(WantedCopies())
    assert store.mail.content(one.message.number) == CONTENT
    with pytest.raises(KeyError):
        store.mail.content(4711)
    assert store.mail.last_decided() is None


def test_copies_are_summed_up_by_state_and_stream(store: Store) -> None:
    store.take(
        message_to("ann@example.org", "Ann+x@example.org", at=NOW - HOUR),
        message_to(copy_to("ann@example.org", State.HELD), "b@example.org"),
        message_to("ann@example.org", stream="offers", at=NOW + HOUR),
    )
    wide = address_from_text("ann@example.org").wide
    assert store.mail.together(WantedCopies(wide=wide)) == [
        Together(State.QUEUED, "newsletter", 2, NOW - HOUR, NOW - HOUR),
        Together(State.HELD, "newsletter", 1, NOW, NOW),
        Together(State.QUEUED, "offers", 1, NOW + HOUR, NOW + HOUR),
    ]
    assert [one.copies for one in store.mail.together(WantedCopies(wide=wide, stream="offers"))] == [1]
    assert store.mail.together(WantedCopies(wide="nobody")) == []


def test_next_hops_that_take_nothing_are_counted_by_their_newest_attempts(store: Store) -> None:
    def attempts(hop: str, *results: Result, at: datetime = NOW) -> list[Outcome]:
        reply = Reply(250, "2.0.0", "words")
        return [Outcome("D", at, result, reply, hop) for result in results]

    deferred, delivered, withheld, unknown = Result.DEFERRED, Result.DELIVERED, Result.WITHHELD, Result.UNKNOWN
    assert store.mail.failing(NOW - HOUR) == {}
    outcomes = [
        *attempts("old:25", deferred, at=NOW - 2 * HOUR),
        *attempts("down:25", deferred, delivered, deferred, unknown),
        *attempts("up:25", deferred, deferred, Result.REFUSED),
        *attempts("down:25", withheld, deferred),
        *attempts("", unknown),
    ]
    rows = [outcome_row(one) for one in outcomes]
    store.do(lambda c: c.executemany(query("insert_outcome"), rows) and None)
    assert store.mail.failing(NOW - HOUR) == {"down:25": 3, "up:25": 0, "": 1}


def test_the_copy_that_is_due_first_is_found_unless_somebody_works_on_it(store: Store) -> None:
    assert store.mail.first_due() is None
    store.take(message_to("a@example.org", copy_to("h@example.org", State.HELD, due=NOW - 9 * HOUR)))
    store.take(message_to("b@example.org", at=NOW - HOUR), message_to("c@example.org", at=NOW + HOUR))
    first = store.mail.first_due()
    assert first is not None
    assert str(first.copy.recipient.address) == "b@example.org"
    store.lease("me", "b@example.org")
    second = store.mail.first_due()
    assert second is not None
    assert str(second.copy.recipient.address) == "a@example.org"
