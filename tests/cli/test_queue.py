from __future__ import annotations

import pytest
from cli.queues import queued, take
from cli.shop import Shop


@pytest.mark.parametrize("action", ["list", "show", "retry", "drop"])
def test_every_action_explains_itself(shop: Shop, action: str) -> None:
    answer = shop.run("queue", action, "--help")
    assert answer.code == 0
    assert f"consent-relay queue {action}" in answer.out


def test_without_a_store_one_line_says_so(shop: Shop) -> None:
    answer = shop.run("queue", "list")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "there is no store yet" in answer.err


def test_a_copy_is_listed_tried_shown_and_dropped(shop: Shop) -> None:
    one = queued()
    take(shop, one)
    assert one.tx.id in shop.run("queue", "list").out
    assert shop.run("queue", "retry", one.tx.id).code == 0
    assert "due now" in shop.run("queue", "show", one.tx.id).out
    assert shop.run("queue", "drop", one.tx.id).code == 0
    assert shop.run("queue", "list").err == "nothing waits\n"
