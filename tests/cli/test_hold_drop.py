from __future__ import annotations

from cli.queues import held, queued, take, waiting
from cli.shop import Shop


def test_only_held_copies_are_dropped(shop: Shop) -> None:
    take(shop, held("a@example.org"), held("b@example.org"), queued("a@example.org"))
    assert shop.run("hold", "drop", "--stream", "newsletter").code == 2
    answer = shop.run("hold", "drop", "--stream", "newsletter", "--yes")
    assert answer.out.startswith("2 copies taken out; consent-relay log report")
    assert [one.copy.state for one in waiting(shop)] == ["queued"]
    assert shop.run("log", "report", "--fate", "dropped", "--json").out.count("\n") == 2


def test_with_bounce_the_sender_is_told(shop: Shop) -> None:
    one = held("a@example.org")
    take(shop, one)
    assert "1 copy given up" in shop.run("hold", "drop", one.tx.id, "--bounce").out
    assert [left.copy.state for left in waiting(shop)] == ["failed"]


def test_nothing_to_drop_is_a_problem_and_a_name_that_nobody_knows_wrong_usage(shop: Shop) -> None:
    take(shop, queued("a@example.org"))
    assert shop.run("hold", "drop", "--stream", "newsletter").code == 1
    assert shop.run("hold", "drop", "--stream", "newletter").code == 2
