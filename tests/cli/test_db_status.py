from __future__ import annotations

from cli.shop import Shop

from relay.store.schema import migrations


def test_status_counts(shop: Shop) -> None:
    shop.run("consent", "withdraw", "ann@example.com")
    status = shop.run("db", "status", "--json").json
    assert (status["schema"], status["events"], status["withdrawn"], status["behind_journal"]) == (
        len(migrations()),
        1,
        1,
        False,
    )
    assert status["octets"] > 0
    assert "events          1\n" in shop.run("db", "status").out
