from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from cli.shop import Shop
from store.samples import decision

from relay.store.committing import Work
from relay.store.queries import query
from relay.store.rows import decision_row

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--ip", "192.0.2.7", "--at")


def decided(shop: Shop, *days: float) -> None:
    now = datetime.now(UTC)
    rows = [decision_row(decision(at=now - timedelta(days=each))) for each in days]

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(query("insert_decision"), rows)

    with shop.store() as committer:
        committer.commit([Work(work)])


def made_older(shop: Shop, days: float) -> None:
    """As if everything had been recorded so many days ago."""
    shift = int(days * 86_400_000_000)

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE ledger SET at = at - ?1, recorded_at = recorded_at - ?1", (shift,))
        connection.execute("UPDATE facts SET yes_at = yes_at - ?1", (shift,))

    with shop.store() as committer:
        committer.commit([Work(work)])


def test_what_is_due_is_counted_and_then_goes(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT, "now")
    made_older(shop, 1200)
    decided(shop, 100, 91, 1)
    counted = shop.run("db", "purge", "--dry-run", "--json")
    assert counted.code == 0
    assert {name: counted.json[name] for name in ("decisions", "technical", "people", "dry_run")} == {
        "decisions": 2,
        "technical": 1,
        "people": 1,
        "dry_run": True,
    }
    assert shop.run("db", "status", "--json").json["decisions"] == 3
    answer = shop.run("db", "purge")
    assert answer.out.splitlines()[:2] == ["gone:", "          2 decisions"]
    assert "people without a consent" in answer.out
    assert shop.run("db", "status", "--json").json["decisions"] == 1
    assert shop.run("consent", "show", "ann@example.com", "--json").json["events"] == []
    assert shop.run("db", "purge").out.startswith("nothing is due; decisions go after 90d")


def test_the_days_of_the_settings_and_of_the_policies_hold(shop: Shop) -> None:
    decided(shop, 20, 1)
    shop.file("relay.toml", 'policies = "policies"\n[retention]\ndecisions = "10d"\n')
    shop.run("consent", "grant", "ann@example.com", *GRANT, "now")
    made_older(shop, 400)
    assert shop.run("db", "purge", "--dry-run", "-c", "relay.toml").out.splitlines() == [
        "would go:",
        "          1 decisions",
        "          1 lines of the ledger that lose IP address and browser",
    ]


def test_nothing_goes_while_the_clock_may_be_wrong(shop: Shop) -> None:
    decided(shop, 100, -1)
    answer = shop.run("db", "purge")
    assert (answer.code, answer.out) == (1, "")
    assert "nothing goes while the clock may be wrong" in answer.err
    assert shop.run("db", "status", "--json").json["decisions"] == 2


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_without_a_store_there_is_nothing_to_purge(shop: Shop, options: tuple[str, ...]) -> None:
    answer = shop.run("db", "purge", *options)
    assert (answer.code, answer.out) == (1, "")
    assert "there is no store yet" in answer.err
