from __future__ import annotations

from cli.shop import Shop

from relay.store.schema import migrations


def test_migrating_makes_the_store_once(shop: Shop) -> None:
    first = shop.run("db", "migrate")
    assert first.code == 0
    assert first.out.startswith("applied 0001_")
    assert shop.run("db", "migrate").out == f"the store has schema {len(migrations())}, nothing to do\n"


def test_a_restored_backup_is_brought_up_from_the_journal(shop: Shop) -> None:
    shop.run("consent", "withdraw", "ann@example.com")
    database = shop.folder / "var" / "relay.db"
    backup = database.read_bytes()
    shop.run("consent", "withdraw", "bob@example.com")
    database.write_bytes(backup)
    for arguments in (["db", "migrate"], ["consent", "withdraw", "carl@example.com"], ["db", "status"]):
        refused = shop.run(*arguments)
        assert refused.code == 1
        assert "consent-relay db migrate --replay-withdrawals" in refused.err
    replayed = shop.run("db", "migrate", "--replay-withdrawals")
    assert replayed.code == 0
    assert "1 withdrawals added" in replayed.out
    assert shop.standing("bob@example.com")["status"] == "withdrawn"
    assert shop.run("db", "status").code == 0
    assert "0 withdrawals added" in shop.run("db", "migrate", "--replay-withdrawals").out
