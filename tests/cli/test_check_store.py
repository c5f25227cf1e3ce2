from __future__ import annotations

import sqlite3
from contextlib import closing

from cli.queues import held, queued, take
from cli.shop import Shop

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


def test_no_store_and_a_sound_one_are_fine(shop: Shop) -> None:
    before = shop.run("check").out
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    assert shop.run("check").out == before
    assert shop.run("check").code == 0


def test_a_store_that_lacks_withdrawals_is_told_before_serve_refuses_it(shop: Shop) -> None:
    shop.run("consent", "withdraw", "ann@example.com")
    store = shop.folder / "var" / "relay.db"
    backup = store.read_bytes()
    shop.run("consent", "withdraw", "bob@example.com")
    store.write_bytes(backup)
    answer = shop.run("check", "--json")
    assert answer.code == 1
    [problem] = answer.json
    assert "lacks withdrawals" in problem["wrong"]
    assert problem["instead"] == "run consent-relay db migrate --replay-withdrawals"


def test_a_lost_key_and_a_file_of_another_program_are_told(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    (shop.folder / "var" / "keys" / "people.key").unlink()
    lost = shop.run("check")
    assert lost.code == 1
    assert "people.key: is missing" in lost.out + lost.err
    assert not (shop.folder / "var" / "keys" / "people.key").exists()
    store = shop.folder / "var" / "relay.db"
    store.unlink()
    with closing(sqlite3.connect(store)) as other:
        other.execute("CREATE TABLE diary (entry TEXT)")
    assert "made by another program" in shop.run("check").out


def test_an_older_store_is_fine_because_serve_brings_it_up_to_date(shop: Shop) -> None:
    shop.run("db", "migrate")
    with closing(sqlite3.connect(shop.folder / "var" / "relay.db")) as store:
        store.execute("PRAGMA user_version = 2")
    assert shop.run("check").code == 0


def test_noes_to_a_brand_that_was_renamed_are_remarked_on(shop: Shop) -> None:
    shop.run("consent", "withdraw", "ann@example.com")
    assert "which no policy has" not in shop.run("check").out
    for policy in (shop.folder / "policies").glob("*.toml"):
        policy.write_text(policy.read_text().replace('brand = "brand"', 'brand = "label"'))
    answer = shop.run("check")
    assert answer.code == 0
    assert 'people have said no to the brand "brand", which no policy has' in answer.out


def test_mail_that_waits_of_a_stream_that_was_renamed_is_remarked_on(shop: Shop) -> None:
    take(shop, held(), held("ida@example.org"), queued())
    assert "which no policy has" not in shop.run("check").out
    for policy in (shop.folder / "policies").glob("*.toml"):
        policy.write_text(policy.read_text().replace('id = "newsletter"', 'id = "news"'))
    answer = shop.run("check")
    assert answer.code == 0
    assert '3 copies of the stream "newsletter" waiting, which no policy has' in answer.out
