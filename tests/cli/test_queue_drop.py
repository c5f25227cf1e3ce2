from __future__ import annotations

from cli.queues import change, held, queued, take, waiting
from cli.shop import Shop
from store.waiting import message_to, transaction

from relay.queued import State
from relay.store.leases import Lease


def test_a_copy_that_is_dropped_stands_in_the_report(shop: Shop) -> None:
    one = queued("ann@example.org")
    take(shop, one, queued("bob@example.org"))
    answer = shop.run("queue", "drop", one.tx.id)
    assert answer.code == 0
    assert answer.out.startswith("1 copy taken out; consent-relay log report")
    assert [str(left.copy.recipient.address) for left in waiting(shop)] == ["bob@example.org"]
    (line,) = [shop.run("log", "report", "--json").json]
    assert (line["recipient"], line["fate"], line["message"]) == ("ann@example.org", "dropped", one.tx.id)


def test_with_bounce_the_sender_is_told_instead(shop: Shop) -> None:
    take(shop, queued("ann@example.org"), message_to("ann@example.org", tx=transaction(sender="")))
    answer = shop.run("queue", "drop", "ann@example.org", "--bounce", "--yes")
    assert "2 copies given up; a relay that runs tells their senders at once" in answer.out
    assert "1 copy without a sender to tell (<>): these go to the report instead" in answer.out
    assert {one.copy.state for one in waiting(shop)} == {State.FAILED}
    assert shop.run("log", "report", "--json").out == ""


def test_more_than_one_copy_goes_only_when_that_is_meant(shop: Shop) -> None:
    take(shop, queued("ann@example.org"), held("ann@example.org"))
    answer = shop.run("queue", "drop", "ann@example.org")
    assert answer.code == 2
    assert "2 copies would go; say --yes" in answer.err
    assert len(waiting(shop)) == 2
    assert shop.run("queue", "drop", "ann@example.org", "--yes", "--json").json == {
        "dropped": 2, "worked_on": 0, "bounce": False,
    }  # fmt: skip


def test_a_copy_that_is_being_tried_is_left(shop: Shop) -> None:
    take(shop, queued("ann@example.org"))
    lease = Lease(shop.folder / "var" / "relay.db", "alive")
    try:
        change(shop, "UPDATE copies SET lease = 'alive'")
        answer = shop.run("queue", "drop", "ann@example.org")
    finally:
        lease.close()
    assert answer.code == 1
    assert "1 copy left alone: just being worked on" in answer.out
    assert len(waiting(shop)) == 1


def test_nothing_to_drop_is_a_problem(shop: Shop) -> None:
    take(shop, queued())
    answer = shop.run("queue", "drop", "01ABC")
    assert (answer.code, answer.err) == (1, "consent-relay queue: nothing waits of 01ABC\n")
