from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cli.shop import Shop
from patience import LONG

DAY = timedelta(days=1)


def grant(shop: Shop, address: str, days: float, basis: str = "double-opt-in", stream: str = "newsletter") -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    answer = shop.run("consent", "grant", address, "--stream", stream, "--basis", basis, "--at", at.isoformat())
    assert answer.code == 0, answer.err


@pytest.fixture
def people(shop: Shop) -> Shop:
    """Three who get mail, of whom one for ten days only, and one who has said no."""
    grant(shop, "old@example.com", 355.5)
    grant(shop, "new@example.com", 10)
    grant(shop, '"a b"@example.com', 100)
    grant(shop, "no@example.com", 355.5)
    shop.run("consent", "withdraw", "no@example.com")
    return shop


def test_it_says_how_many_run_out_when_and_what_would_change_it(people: Shop) -> None:
    answer = people.run("consent", "forecast", "--days", "14")

    assert answer.code == 0
    assert "newsletter (Product news)" in answer.out
    assert "  get mail today: 3; asked to confirm, no answer yet: 0" in answer.out
    day = (datetime.now(UTC) + timedelta(days=9.5)).date()
    assert f"  {day}  {day}      1         1" in answer.out
    assert '  stale: 1 by consent.stale_after = "365d". What changes it: a mail of this stream' in answer.out


def test_only_streams_that_need_consent_are_told_of(people: Shop) -> None:
    assert [one["stream"] for one in people.run("consent", "forecast", "--json").json] == ["newsletter"]
    refused = people.run("consent", "forecast", "--stream", "receipts")
    assert (refused.code, "needs no consent" in refused.err) == (2, True)
    unknown = people.run("consent", "forecast", "--stream", "newsletters")
    assert unknown.code == 2
    assert "--stream: no policy has the id 'newsletters'; known are newsletter, receipts, system" in unknown.err


def test_the_numbers_of_json_are_those_of_one_stream(people: Shop) -> None:
    (found,) = people.run("consent", "forecast", "--stream", "newsletter", "--json", "--days", "30").json

    assert (found["days"], found["gets_mail"], found["total"]) == (30, 3, {"stale": 1})
    assert found["ask_now"] == {"stale": 1}
    assert found["under_a_no_or_undeliverable"] == 1


def test_internal_addresses_are_not_counted_because_they_get_the_mail_without_consent(people: Shop) -> None:
    policy = people.folder / "policies" / "newsletter.toml"
    policy.write_text(
        policy.read_text()
        + '[[internal]]\naddress = ["old@*", "*@brand.example"]\n'.replace("old@*", "old@example.com")
    )

    (found,) = people.run("consent", "forecast", "--json").json
    assert found["gets_mail"] == 2
    assert found["total"] == {}


def test_the_picture_is_written_beside_the_table(people: Shop) -> None:
    answer = people.run("consent", "forecast", "--svg", "forecast.svg")
    assert answer.err == "picture written to forecast.svg\n"

    assert answer.code == 0
    assert ET.parse(people.folder / "forecast.svg").getroot().get("role") == "img"
    assert "together" in answer.out
    refused = people.run("consent", "forecast", "--svg", str(people.folder / "missing" / "f.svg"))
    assert refused.code == 1
    assert refused.err.rstrip().endswith("No such file or directory")


def test_a_migration_is_told_of_and_its_people_are_to_be_asked_now(people: Shop) -> None:
    policy = people.folder / "policies" / "newsletter.toml"
    until = (datetime.now(UTC) + 20 * DAY).date()
    policy.write_text(f'{policy.read_text()}[migration]\naccept = ["customer"]\nuntil = {until}\n')
    grant(people, "shop@example.com", 30, "customer")

    (found,) = people.run("consent", "forecast", "--json").json
    assert found["migration"]["until"] == until.isoformat()
    assert found["ask_now"] == {"stale": 1, "migration": 1}
    assert found["total"] == {"stale": 1, "migration": 1}
    assert f"[migration]: customer counts until {until}" in people.run("consent", "forecast").out
    shown = people.run("consent", "show", "shop@example.com").out
    assert "gets mail [confirmed, migration]" in shown


@pytest.mark.parametrize("days", ["0", "-3", "1096", "3w", "²"])
def test_days_are_a_number_within_reason(shop: Shop, days: str) -> None:
    answer = shop.run("consent", "forecast", "--days", days)

    assert answer.code == 2
    assert "is no number of days from 1 to 1095" in answer.err


def test_without_a_store_there_is_nothing_to_foretell(shop: Shop) -> None:
    answer = shop.run("consent", "forecast")

    assert answer.code == 1
    assert "there is no store yet" in answer.err


def test_a_mail_that_asks_and_has_not_left_in_time_ends_with_one(shop: Shop) -> None:
    grant(shop, "new@example.com", 10)
    assert shop.run("consent", "forecast").code == 0
    with shop.store() as committer:
        at = int((datetime.now(UTC) - 2 * DAY).timestamp() * 1_000_000)
        committer.connection.execute(
            "INSERT INTO facts (stream, address, requested_at, request_live) VALUES ('newsletter', 'a@example.com', ?, 1)",
            (at,),
        )
    answer = shop.run("consent", "forecast")

    assert answer.code == 1
    assert "ALARM: 1 asked for this mail" in answer.out


def test_reading_shows_nothing_where_nobody_looks(people: Shop) -> None:
    command = [sys.executable, "-m", "relay", "consent", "forecast"]
    run = subprocess.run(command, cwd=people.folder, capture_output=True, text=True, timeout=LONG, check=True)

    assert run.stderr == ""
    assert Path(people.folder / "var").is_dir()
