from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from cli.shop import Shop

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


@pytest.fixture
def ledger(shop: Shop) -> Shop:
    """Four lines, a seal and a head each."""
    for name in ("ann", "bob", "cyd"):
        shop.run("consent", "grant", f"{name}@example.com", *GRANT)
    shop.run("consent", "withdraw", "ann@example.com")
    return shop


def edit(*statements: str) -> None:
    with contextlib.closing(sqlite3.connect(Path("var") / "relay.db", isolation_level=None)) as stranger:
        for statement in statements:
            stranger.execute(statement)


def test_a_ledger_that_nobody_changed_holds(ledger: Shop) -> None:
    answer = ledger.run("consent", "verify", "--facts")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.out.splitlines()[0] == "all 4 lines hold"
    assert "signed up to line 4, last at" in answer.out
    assert "what decides about mail follows from the ledger, for each of 3 people" in answer.out


def test_the_result_is_json_for_programs(ledger: Shop) -> None:
    verified = ledger.run("consent", "verify", "--json").json
    signed_at = verified.pop("signed_at")
    assert signed_at.startswith("20")
    assert verified == {
        "holds": True, "lines": 4, "sealed": 4, "unsealed": 0, "seals": 4, "wordings": 0, "heads": 4, "signed": 4,
        "people": None, "findings": [], "more": 0, "notes": [],
    }  # fmt: skip


def test_a_ledger_that_was_changed_by_hand_is_found(ledger: Shop) -> None:
    edit("UPDATE ledger SET kind = 'renew' WHERE sequence = 2")
    found = ledger.run("consent", "verify")
    assert found.code == 1
    assert found.err == "line 2: changed: it is not what was recorded\n"
    assert ledger.run("consent", "verify", "--json").json["findings"] == [
        {"line": 2, "about": "line 2", "wrong": "changed: it is not what was recorded"}
    ]


def test_a_ledger_that_was_cut_off_is_found_by_its_heads(ledger: Shop) -> None:
    edit("DELETE FROM ledger WHERE sequence > 2", "DELETE FROM seals WHERE number > 2")
    found = ledger.run("consent", "verify")
    assert found.code == 1
    assert found.err.startswith("line 3: cut off: the ledger ends at line 2, against head 3, signed ")


def test_lines_that_are_gone_are_not_counted_as_unsealed(ledger: Shop) -> None:
    edit("DELETE FROM ledger WHERE sequence > 2")
    assert "not sealed yet" not in ledger.run("consent", "verify").out
    assert ledger.run("consent", "verify", "--json").json["unsealed"] == 0


def test_a_copy_that_is_not_there_is_named(ledger: Shop) -> None:
    answer = ledger.run("consent", "verify", "--store", "copy.db")
    assert (answer.code, answer.err) == (1, "consent-relay consent: --store: there is no file copy.db\n")


def test_findings_come_in_order_and_are_bounded(ledger: Shop) -> None:
    for number in range(60):
        ledger.run("consent", "withdraw", f"reader{number}@example.com")
    edit("UPDATE ledger SET language = 'xx' WHERE sequence > 2")
    found = ledger.run("consent", "verify")
    assert found.err.splitlines()[0].startswith("line 3:")
    assert found.err.splitlines()[-1] == "and 12 findings more"


def test_an_outsider_needs_a_copy_the_heads_and_the_public_key(ledger: Shop, tmp_path: Path) -> None:
    key = ledger.run("keys", "ledger").out.strip()
    away = tmp_path / "away"
    away.mkdir()
    connections = sqlite3.connect("var/relay.db"), sqlite3.connect(away / "copy.db")
    with contextlib.closing(connections[0]) as source, contextlib.closing(connections[1]) as copy:
        source.backup(copy)
    shutil.move("var/ledger.heads", away / "heads")
    shutil.rmtree("var")
    options = ("--store", str(away / "copy.db"), "--heads", str(away / "heads"))
    answer = ledger.run("consent", "verify", *options, "--key", key)
    assert (answer.code, answer.err) == (0, "")
    assert not Path("var").exists(), "who only looks leaves nothing behind"
    ledger.file("public", key)
    assert ledger.run("consent", "verify", *options, "--key", "public").code == 0
    stranger = ledger.run("consent", "verify", *options, "--key", "ab" * 32)
    assert stranger.code == 1
    without = ledger.run("consent", "verify", *options)
    assert "no public key to check its signatures with" in without.err or "another key" in without.err
    assert without.code == 1


def test_a_ledger_without_heads_proves_nothing_as_a_whole(ledger: Shop) -> None:
    Path("var/ledger.heads").unlink()
    assert "there is no such file of signed heads" in ledger.run("consent", "verify").err
    ledger.file("var/ledger.heads", "")
    assert "holds no signed head" in ledger.run("consent", "verify").err
    Path("var/ledger.heads").unlink()
    Path("var/ledger.heads").mkdir()
    assert "cannot be read" in ledger.run("consent", "verify").err


def test_lines_that_are_not_sealed_yet_are_counted(ledger: Shop) -> None:
    edit("INSERT INTO ledger SELECT 5, id, kind, address, wide, brand, stream, at, recorded_at, source, recorder, basis, act,"
         " confirmed_at, mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, live, own_act,"
         " randomblob(16), erased FROM ledger WHERE sequence = 4")  # fmt: skip
    answer = ledger.run("consent", "verify")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "all 5 lines hold; the last 1 are not sealed yet")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE facts SET yes_at = yes_at + 1", "not what the ledger says"),
        ("DELETE FROM noes", "withdraw of the person in line 4"),
        ("DELETE FROM ledger WHERE kind = 'withdraw'", "withdrawals that the store lacks"),
    ],
)
def test_what_decides_about_mail_is_compared_when_asked(ledger: Shop, statement: str, words: str) -> None:
    edit(statement)
    answer = ledger.run("consent", "verify", "--facts")
    assert words in answer.err
    assert answer.code == 1


def test_a_loss_that_is_known_is_signed_for(ledger: Shop) -> None:
    edit("DELETE FROM ledger WHERE sequence > 2", "DELETE FROM seals WHERE number > 2")
    answer = ledger.run("consent", "verify", "--accept-loss", "the disk of shop-3 died")
    assert answer.code == 0
    assert "loss behind line 2 accepted" in answer.err
    assert "the disk of shop-3 died" in answer.out
    assert ledger.run("consent", "verify").code == 0


def test_an_empty_store_holds_and_none_is_one_line(shop: Shop) -> None:
    answer = shop.run("consent", "verify")
    assert answer.code == 1
    assert "there is no store yet" in answer.err
    shop.run("db", "migrate")
    assert shop.run("consent", "verify").code == 0
    assert shop.run("consent", "verify", "--accept-loss", "x").code == 1


def test_a_file_that_is_no_store_is_one_line(shop: Shop) -> None:
    shop.file("copy.db", b"something else entirely, and long enough to be looked at" * 50)
    answer = shop.run("consent", "verify", "--store", "copy.db")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    with contextlib.closing(sqlite3.connect("old.db")) as old:
        old.execute("PRAGMA application_id = 1131572345")
        old.execute("PRAGMA user_version = 1")
    assert "another schema" in shop.run("consent", "verify", "--store", "old.db").err


def test_a_key_that_is_none_is_one_line(ledger: Shop) -> None:
    answer = ledger.run("consent", "verify", "--key", "x")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "neither 64 hexadecimal digits nor a file" in answer.err
