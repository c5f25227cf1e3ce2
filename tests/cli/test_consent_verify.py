from __future__ import annotations

import sqlite3
from pathlib import Path

from cli.shop import Shop

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


def test_a_ledger_that_was_changed_by_hand_is_found(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    shop.run("consent", "withdraw", "ann@example.com")
    verified = shop.run("consent", "verify", "--json").json
    assert verified["lines"] == 2
    assert verified["flaw"] is None
    stranger = sqlite3.connect(Path("var") / "relay.db", isolation_level=None)
    stranger.execute("UPDATE ledger SET kind = 'renew' WHERE sequence = 2")
    stranger.close()
    found = shop.run("consent", "verify")
    assert found.code == 1
    assert found.err.startswith("line 2: changed")
