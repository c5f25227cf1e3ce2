"""Lists as other programs write them, and what becomes of each row. The lists stand in tests/golden/lists."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cli.shop import Shop

from relay.consent.known_formats import BY_NAME, OWN, PLAIN

FOLDER = Path(__file__).parents[1] / "golden" / "lists"
AT = ("--value", "at=2024-01-01T00:00:00Z")
NEWSLETTER = ("--stream", "newsletter")
LISTS: dict[str, tuple[str, ...]] = {
    "listmonk.csv": NEWSLETTER,
    "listmonk-api.json": NEWSLETTER,
    "mailchimp-subscribed.csv": (*NEWSLETTER, "--format", "mailchimp-subscribed", "--timezone", "UTC"),
    "mailchimp-nonsubscribed.csv": ("--format", "mailchimp-nonsubscribed"),
    "mailchimp-unsubscribed.csv": (*NEWSLETTER, "--timezone", "Asia/Tokyo"),
    "mailchimp-cleaned.csv": ("--brand", "brand", "--timezone", "UTC"),
    "mailman2.txt": (*NEWSLETTER, *AT),
    "mailman3.json": (*NEWSLETTER, *AT),
    "ses.json": ("--brand", "brand"),
    "ses.csv": (),
    "sendgrid-bounces.csv": ("--format", "sendgrid-bounces"),
    "sendgrid-blocks.csv": ("--format", "sendgrid-blocks"),
    "sendgrid-invalid.csv": (),
    "sendgrid-spam-reports.csv": (),
    "sendgrid-unsubscribes.csv": (*NEWSLETTER, "--format", "sendgrid-unsubscribes"),
    "sendgrid-group-unsubscribes.json": NEWSLETTER,
    "postmark.json": ("--brand", "brand"),
    "postmark.csv": NEWSLETTER,
}


def told(shop: Shop) -> str:
    """The ledger as text, a line an event; what no row says is left out."""
    with shop.store() as committer:
        rows: list[tuple[Any, ...]] = committer.connection.execute(
            "SELECT kind, address, brand, stream, strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000000, 'unixepoch'), basis, act, ip, "
            "recorder FROM ledger ORDER BY address, sequence"
        ).fetchall()
    names = ("kind", "address", "brand", "stream", "at", "basis", "act", "ip", "recorder")
    return "".join(
        " ".join(
            f"{name}={value}" if name not in ("kind", "address") else value
            for name, value in zip(names, row, strict=True)
            if value
        )
        + "\n"
        for row in rows
    )


@pytest.mark.parametrize("name", LISTS)
def test_each_row_becomes_what_it_says(shop: Shop, name: str) -> None:
    answer = shop.run("consent", "import", str(FOLDER / name), *LISTS[name])
    outcome = f"{answer.err}{answer.out}\n{told(shop)}"
    golden = FOLDER / f"{name}.expected"
    if os.environ.get("RENEW_GOLDEN"):
        golden.write_text(outcome)
    assert outcome == golden.read_text()


@pytest.mark.parametrize("name", LISTS)
def test_a_dry_run_tells_the_same(shop: Shop, name: str) -> None:
    dry = shop.run("consent", "import", str(FOLDER / name), *LISTS[name], "--dry-run", "--json")
    assert shop.run("consent", "import", str(FOLDER / name), *LISTS[name], "--json").out == dry.out


@pytest.mark.parametrize("name", LISTS)
def test_what_was_refused_can_be_imported_again_and_is_refused_the_same(shop: Shop, name: str) -> None:
    shop.run("consent", "import", str(FOLDER / name), *LISTS[name], "--rejects", "rejects")
    first = (shop.folder / "rejects").read_text()
    again = shop.run("consent", "import", "rejects", *LISTS[name], "--rejects", "again", "--json")
    if again.code == 1 and again.out:
        assert (shop.folder / "again").read_text() == first
        assert again.json["rows"] == again.json["refused"]


def test_every_known_format_has_a_list_here() -> None:
    there = {Path(name).stem for name in LISTS} - {"mailman2"} | {PLAIN.name}
    assert there == set(BY_NAME) - {OWN.name}


def test_a_list_that_could_be_two_is_not_taken_until_it_is_named(shop: Shop) -> None:
    answer = shop.run("consent", "import", str(FOLDER / "mailchimp-subscribed.csv"), *NEWSLETTER)
    assert answer.code == 2
    assert "--format mailchimp-subscribed or --format mailchimp-nonsubscribed" in answer.err
    assert not (shop.folder / "var").exists()


def test_times_without_a_zone_are_not_guessed(shop: Shop) -> None:
    answer = shop.run("consent", "import", str(FOLDER / "mailchimp-cleaned.csv"))
    assert answer.code == 2
    assert "times of mailchimp-cleaned have no zone" in answer.err


def test_a_double_opt_in_of_mailchimp_is_the_operators_word(shop: Shop) -> None:
    options = ("--value", "basis=double-opt-in", "--column", "confirmed_at=CONFIRM_TIME", "--column", "at=OPTIN_TIME")
    answer = shop.run(
        "consent", "import", str(FOLDER / "mailchimp-subscribed.csv"), *LISTS["mailchimp-subscribed.csv"], *options
    )
    assert "stated by the operator for all rows: basis=double-opt-in; it is your word" in answer.err
    assert answer.out.startswith("2 rows: 1 taken, 1 refused")
    assert "recorder=import mailchimp-subscribed.csv as mailchimp-subscribed; stated by the operator" in told(shop)


def test_an_attribute_of_listmonk_may_be_a_column(shop: Shop) -> None:
    options = (*NEWSLETTER, "--format", "listmonk", "--column", "language=attributes.lang")
    shop.run("consent", "import", str(FOLDER / "listmonk.csv"), *options)
    assert shop.standing("ann@example.com")["facts"]["yes"]["language"] == "ja"
