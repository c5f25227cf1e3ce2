from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from store.test_waiting import Store, opened
from store.waiting import HOUR, NOW, copy_to, message_to

from relay.queued import Fate, State
from relay.reason import Reason
from relay.reply import Reply
from relay.store import interventions, queue
from relay.store.interventions import Done
from relay.store.leases import Lease
from relay.store.reported import WantedLines, lines
from relay.store.waiting import Waiting, WantedCopies

LATER = NOW + HOUR
ALL = tuple(State)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as one:
        yield one


def waiting(store: Store) -> dict[str, Waiting]:
    return {str(one.copy.recipient.address): one for one in store.mail.copies(WantedCopies())}


def done(store: Store, act: Any, **more: Any) -> Done:
    numbers = store.mail.numbers(WantedCopies())
    results: list[Done] = []
    store.do(lambda c: results.append(act(c, numbers, LATER, **more)))
    return results[0]


def aside(store: Store, address: str) -> None:
    def put(connection: Any) -> None:
        connection.execute("UPDATE copies SET state = 'aside', due_at = NULL WHERE address = ?", (address,))
        connection.execute("UPDATE messages SET starts = 3")

    store.do(put)


def test_a_queued_copy_is_tried_now_and_keeps_how_long_it_waits(store: Store) -> None:
    store.take(message_to(copy_to("a@example.org", due=NOW + 9 * HOUR), copy_to("b@example.org", State.HELD)))
    assert done(store, interventions.retry, aside=True) == Done(changed=1, unfit=1)
    found = waiting(store)
    assert (found["a@example.org"].copy.due_at, found["a@example.org"].copy.since) == (LATER, NOW)
    assert found["b@example.org"].copy.state is State.HELD


def test_what_was_set_aside_is_tried_only_when_it_is_asked_for_and_begins_anew(store: Store) -> None:
    store.take(message_to("a@example.org"))
    aside(store, "a@example.org")
    assert done(store, interventions.retry, aside=False) == Done(unfit=1)
    assert done(store, interventions.retry, aside=True) == Done(changed=1)
    (one,) = waiting(store).values()
    assert (one.copy.state, one.copy.since, one.copy.due_at, one.message.starts) == (State.QUEUED, LATER, LATER, 0)
    (claimed,) = queue.claim(store.committer.connection, "me", LATER, 9).claimed
    assert [str(copy.recipient.address) for copy in claimed.copies] == ["a@example.org"]


@pytest.mark.parametrize(
    ("act", "more"),
    [
        (interventions.retry, {"aside": True}),
        (interventions.drop, {"states": ALL, "bounce": False}),
        (interventions.drop, {"states": ALL, "bounce": True}),
    ],
)
def test_a_copy_that_a_process_works_on_is_left_alone(store: Store, act: Any, more: Any) -> None:
    store.take(message_to("a@example.org"))
    store.lease("worker", "a@example.org")
    before = waiting(store)
    assert done(store, act, **more) == Done(busy=1)
    assert waiting(store) == before


def test_copies_of_processes_that_are_no_more_are_free_and_those_of_one_that_lives_are_not(
    store: Store, tmp_path: Path
) -> None:
    store.take(message_to("a@example.org", "b@example.org", "c@example.org"))
    lease = Lease(tmp_path / "relay.db", "alive")
    for name, address in (("dead", "a@example.org"), ("alive", "b@example.org"), ("gone", "c@example.org")):
        store.lease(name, address)
    store.do(lambda c: interventions.free_ended(c, tmp_path / "relay.db"))
    lease.close()
    assert done(store, interventions.retry, aside=False) == Done(changed=2, busy=1)
    assert waiting(store)["b@example.org"].copy.due_at == NOW


def test_what_is_gone_meanwhile_is_counted_and_the_rest_is_done(store: Store) -> None:
    store.take(message_to("a@example.org"))
    results: list[Done] = []
    (there,) = store.mail.numbers(WantedCopies())
    store.do(lambda c: results.append(interventions.retry(c, [4711, there], LATER, aside=False)))
    assert results == [Done(changed=1, unfit=1)]
    assert results[0].numbers == (there,)


def test_what_was_done_in_parts_is_summed_up() -> None:
    both = Done(4, 3, 2, (7, 8)) + Done(2, 1, 1, (9,))
    assert (both.changed, both.busy, both.unfit, both.numbers) == (6, 4, 3, (7, 8, 9))


def test_a_queued_copy_that_is_tried_now_keeps_how_often_its_message_failed_its_worker(store: Store) -> None:
    store.take(message_to("a@example.org"))
    store.do(lambda c: c.execute("UPDATE messages SET starts = 2") and None)
    assert done(store, interventions.retry, aside=True) == Done(changed=1)
    assert waiting(store)["a@example.org"].message.starts == 2


@pytest.mark.parametrize("bounce", [False, True])
def test_of_several_copies_only_the_one_that_was_meant_is_taken_out(store: Store, bounce: bool) -> None:
    store.take(message_to("a@example.org", "b@example.org"), message_to("c@example.org"))
    found = waiting(store)
    number = found["b@example.org"].copy.number
    store.do(lambda c: interventions.drop(c, [number], LATER, states=ALL, bounce=bounce) and None)
    left = waiting(store)
    if bounce:
        assert left.pop("b@example.org").copy.state is State.FAILED
    assert left == {name: one for name, one in found.items() if name != "b@example.org"}
    told = [
        (one.line.recipient, one.line.message, one.line.reply)
        for one in lines(store.committer.connection, WantedLines(), 9)
    ]
    # Nothing was tried: no answer is made up.
    assert told == ([] if bounce else [("b@example.org", found["b@example.org"].message.tx.id, "")])


def test_a_copy_that_is_dropped_becomes_a_line_of_the_report(store: Store) -> None:
    said = Reply(451, "4.7.1", "greylisted")
    store.take(message_to(copy_to("a@example.org", attempts=1, last=said, reason=Reason.NEXT_HOP_DEFERRED)))
    (one,) = waiting(store).values()
    assert done(store, interventions.drop, states=ALL, bounce=False) == Done(changed=1)
    assert waiting(store) == {}
    (told,) = lines(store.committer.connection, WantedLines(), 9)
    line = told.line
    assert (line.at, line.client, line.brand, line.stream, line.message) == (
        LATER, "shop", "brand", "newsletter", one.message.tx.id,
    )  # fmt: skip
    assert (line.decision, line.sender, line.recipient) == (
        one.copy.decision, "news@news.brand.example", "a@example.org",
    )  # fmt: skip
    assert (line.fate, line.reason, line.reply) == (Fate.DROPPED, Reason.NEXT_HOP_DEFERRED, "451 4.7.1 greylisted")
    assert store.mail.stock().messages == 0


def test_a_copy_that_is_bounced_has_failed_and_its_sender_is_told_at_once(store: Store) -> None:
    store.take(message_to(copy_to("a@example.org", State.HELD)))
    assert done(store, interventions.drop, states=ALL, bounce=True) == Done(changed=1)
    ((one,),) = [claimed.copies for claimed in queue.claim_failed(store.committer.connection, "me", LATER, 9).claimed]
    assert (one.state, one.reason, one.since) == (State.FAILED, Reason.STALE, LATER)
    assert lines(store.committer.connection, WantedLines(), 9) == []


def test_only_copies_in_the_states_that_were_meant_are_dropped(store: Store) -> None:
    store.take(message_to("a@example.org", copy_to("b@example.org", State.HELD)))
    assert done(store, interventions.drop, states=(State.HELD,), bounce=False) == Done(changed=1, unfit=1)
    assert list(waiting(store)) == ["a@example.org"]


def test_held_copies_are_let_go_each_at_its_slot(store: Store) -> None:
    store.take(
        *(message_to(copy_to(f"{number}@example.org", State.HELD)) for number in range(3)), message_to("q@a.example")
    )
    assert done(store, interventions.release) == Done(changed=3, unfit=1)
    found = [one.copy for one in store.mail.copies(WantedCopies(stream="newsletter")) if one.copy.since == LATER]
    assert {(copy.state, copy.reason) for copy in found} == {(State.QUEUED, Reason.STALE)}  # nobody said yes
    due = [copy.due_at for copy in found if copy.due_at is not None]
    assert due[0] == LATER
    assert due[0] < due[1] < due[2]
