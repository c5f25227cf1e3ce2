from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from cli.shop import Shop
from structlog import reset_defaults

from relay.cli import sealing
from relay.store.seals import Sealer

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


def heads(shop: Shop) -> list[int]:
    return [json.loads(line)["line"] for line in (shop.folder / "var" / "ledger.heads").read_text().splitlines()]


def test_every_command_that_writes_seals_and_signs_before_it_ends(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    shop.run("consent", "withdraw", "ann@example.com")
    assert heads(shop) == [1, 2]
    shop.run("db", "migrate")
    assert heads(shop) == [1, 2], "there was nothing new"
    assert (shop.folder / "var" / "keys" / "ledger.pem").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_signed_is_told_and_recorded_all_the_same(shop: Shop) -> None:
    (shop.folder / "var" / "ledger.heads").mkdir(parents=True)
    answer = shop.run("consent", "grant", "ann@example.com", *GRANT)
    assert answer.code == 0
    assert answer.out.startswith("recorded")
    assert answer.err.startswith("consent-relay: what was recorded stands, but is not sealed and signed yet: ")
    assert shop.standing("ann@example.com")["status"] == "confirmed"


def test_a_key_that_is_none_is_told(shop: Shop) -> None:
    (shop.folder / "var" / "keys").mkdir(parents=True)
    shop.file("var/keys/ledger.pem", "rubbish")
    assert "restore it from a backup" in shop.run("consent", "grant", "ann@example.com", *GRANT).err


def test_a_command_does_not_wait_for_a_relay_that_catches_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_PATIENCE", 0.1)
    shop.run("db", "migrate")
    with contextlib.closing(Sealer(shop.folder / "var" / "relay.db")) as other, other.turn() as mine:
        assert mine
        answer = shop.run("consent", "grant", "ann@example.com", *GRANT)
    assert answer.code == 0
    assert "another process is sealing, and will seal this, too" in answer.err


@pytest.fixture
def own_log() -> object:
    yield
    reset_defaults()


def test_a_log_that_is_a_file_gets_the_head_too(shop: Shop, own_log: object) -> None:
    shop.file("relay.toml", '[log]\npath = "relay.log"\n')
    shop.run("consent", "grant", "ann@example.com", *GRANT, "-c", "relay.toml")
    logged = [json.loads(line) for line in Path("relay.log").read_text().splitlines()]
    assert [line["event"] for line in logged] == ["ledger-heads-begun", "ledger-head"]
    assert logged[1]["head"] == Path("var/ledger.heads").read_text().rstrip("\n")


def test_a_ledger_that_was_cut_off_is_told_by_the_next_command(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    shop.run("consent", "grant", "bob@example.com", *GRANT)
    with shop.store() as opened:
        opened.connection.executescript("DELETE FROM ledger WHERE sequence = 2; DELETE FROM seals WHERE number = 2")
    answer = shop.run("consent", "grant", "cyd@example.com", *GRANT)
    assert "lines behind 1 that were signed up to 2 are gone, or others" in answer.err
