from __future__ import annotations

import pytest
from cli.queues import held, take
from cli.shop import Shop


@pytest.mark.parametrize("action", ["list", "show", "release", "drop"])
def test_every_action_explains_itself(shop: Shop, action: str) -> None:
    answer = shop.run("hold", action, "--help")
    assert answer.code == 0
    assert f"consent-relay hold {action}" in answer.out


def test_held_mail_is_listed_shown_let_go_and_dropped(shop: Shop) -> None:
    first, second = held("a@example.org"), held("b@example.org")
    take(shop, first, second)
    assert "2 copies held" in shop.run("hold", "list").out
    assert first.tx.id in shop.run("hold", "show", "a@example.org").out
    assert shop.run("hold", "release", first.tx.id).code == 0
    assert shop.run("hold", "drop", second.tx.id).code == 0
    assert shop.run("hold", "list").err == "nothing is held\n"
