from __future__ import annotations

from cli.shop import Shop


def test_an_action_has_to_be_named(shop: Shop) -> None:
    assert shop.run("db").code == 2


def test_every_action_is_listed_and_explains_itself(shop: Shop) -> None:
    listed = shop.run("db", "--help").out
    for action in ("migrate", "status", "backup", "restore"):
        assert action in listed
        assert "--config" in shop.run("db", action, "--help").out
