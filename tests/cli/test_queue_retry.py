from __future__ import annotations

import pytest
from cli.queues import change, held, queued, take, waiting
from cli.shop import Shop

from relay.queued import State


def due(shop: Shop) -> list[str]:
    """Recipients of queued copies without a wait."""
    out = shop.run("queue", "list").out
    return [line.split()[-2] for line in out.splitlines() if "due now" in line]


def test_one_message_is_due_now_and_no_other(shop: Shop) -> None:
    one = queued("ann@example.org")
    take(shop, one, queued("bob@example.org"), held("ann@example.org"))
    answer = shop.run("queue", "retry", one.tx.id)
    assert (answer.code, answer.out) == (0, "1 copy due now; a relay that runs begins within a second\n")
    assert due(shop) == ["ann@example.org"]


def test_all_of_a_domain_are_due_now(shop: Shop) -> None:
    take(shop, queued("a@example.org"), queued("b@example.net"), queued("c@example.net"))
    told = shop.run("queue", "retry", "--all", "--domain", "example.net", "--json").json
    assert told == {"retried": 2, "worked_on": 0, "aside": 0}
    assert due(shop) == ["b@example.net", "c@example.net"]


def test_what_was_set_aside_is_left_until_it_is_asked_for(shop: Shop) -> None:
    take(shop, queued("ann@example.org"))
    change(shop, "UPDATE copies SET state = 'aside', due_at = NULL")
    left = shop.run("queue", "retry", "ann@example.org")
    assert left.code == 1
    assert "1 copy set aside: left; --aside tries them, too" in left.out
    assert shop.run("queue", "retry", "ann@example.org", "--aside").code == 0
    assert [one.copy.state for one in waiting(shop)] == [State.QUEUED]


def test_a_copy_of_a_process_that_is_no_more_can_be_tried(shop: Shop) -> None:
    take(shop, queued("ann@example.org"))
    change(shop, "UPDATE copies SET lease = 'dead'")
    assert shop.run("queue", "retry", "--all").out.startswith("1 copy due now")


@pytest.mark.parametrize("words", [[], ["01ABC", "--all"]])
def test_either_an_id_or_all(shop: Shop, words: list[str]) -> None:
    assert shop.run("queue", "retry", *words).code == 2


def test_nothing_to_retry_is_said_and_no_problem_unless_an_id_was_named(shop: Shop) -> None:
    take(shop, held("ann@example.org"))
    answer = shop.run("queue", "retry", "--all")
    assert (answer.code, answer.out) == (0, "nothing to retry: no such copy waits for the next hop\n")
    told = shop.run("queue", "retry", "--all", "--stream", "receipts", "--json")
    assert (told.code, told.json) == (0, {"retried": 0, "worked_on": 0, "aside": 0})
    for unknown in ("01ABC", "ann@example.org"):
        answer = shop.run("queue", "retry", unknown)
        assert (answer.code, answer.err) == (1, f"consent-relay queue: nothing waits for the next hop of {unknown}\n")
    assert shop.run("queue", "retry", "--all", "--stream", "newletter").code == 2
