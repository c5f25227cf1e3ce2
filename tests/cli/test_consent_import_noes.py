"""`consent import` and the noes: those that a list brings are kept, and none that stood before is undone by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cli.listed import HEADER, LONG_AGO, RECENTLY, row
from cli.shop import Shop


def test_no_import_brings_a_withdrawn_address_back(shop: Shop) -> None:
    listed = shop.file("list.csv", HEADER + row("ann@example.com"))
    shop.run("consent", "import", listed)
    shop.run("consent", "withdraw", "Ann+x@example.com", "--stream", "newsletter")
    just_now = (datetime.now(UTC) - timedelta(microseconds=1)).isoformat()
    again = shop.file("again.csv", HEADER + row("ann@example.com", at=just_now))
    for file in (listed, again):
        shop.run("consent", "import", file)
        assert shop.standing("ann@example.com")["reasons"] == ["withdrawn", "no-consent"]


def test_withdrawals_of_an_old_system_are_taken_over(shop: Shop) -> None:
    listed = shop.file("stopped.csv", f"address,withdrawn_at\nann@example.com,{RECENTLY}\n")
    assert shop.run("consent", "import", listed, "--stream", "newsletter").code == 0
    assert shop.standing("ann@example.com")["status"] == "withdrawn"
    assert "ann@example.com" in (shop.folder / "var" / "withdrawals.journal").read_text()


def test_a_withdrawal_from_a_stream_that_is_no_more_is_kept_and_named(shop: Shop) -> None:
    listed = shop.file("list.csv", f"address,stream,withdrawn_at\nann@example.com,given-up,{LONG_AGO}\n")
    answer = shop.run("consent", "import", listed)
    assert answer.code == 0
    assert answer.out.startswith("1 row: 1 taken, 0 refused\nas 1 withdrawal;")
    assert "withdrawals from given-up are kept" in answer.out


def test_a_no_at_the_end_of_a_list_counts_for_a_yes_at_its_beginning(shop: Shop) -> None:
    """Who would get mail is told of the whole list, not of the moment in which a row was read."""
    yes = "".join(row(f"user{number}@example.com").replace("\n", ",\n") for number in range(3000))
    content = HEADER.replace("\n", ",withdrawn_at\n") + yes + f"USER7@example.com,,,,,{RECENTLY}\n"
    listed = shop.file("list.csv", content)
    for options in (["--dry-run"], []):
        answer = shop.run("consent", "import", listed, "--json", *options)
        today = {one["reason"]: one["count"] for one in answer.json["today"]}
        assert today == {"confirmed": 2999, "withdrawn": 1}


def test_contradictions_are_taken_as_they_are_and_the_later_no_holds(shop: Shop) -> None:
    header = HEADER.replace("\n", ",withdrawn_at\n")
    before, after = LONG_AGO, datetime.now(UTC).isoformat()
    content = (
        f"{header}ann@example.com,newsletter,written,{RECENTLY},signed,{after}\n"
        f"bob@example.com,newsletter,written,{RECENTLY},signed,\nBOB@example.com,newsletter,,,,{after}\n"
        f"carl@example.com,newsletter,written,{RECENTLY},signed,{before}\n"
    )
    assert shop.run("consent", "import", shop.file("list.csv", content), "--json").json["taken"] == 4
    assert not shop.standing("ann@example.com")["gets_mail"]
    assert not shop.standing("bob@example.com")["gets_mail"]
    # a no beats every later yes that an import tells (law 2)
    assert not shop.standing("carl@example.com")["gets_mail"]


def test_suppression_rows_are_never_refused_for_a_stream(shop: Shop) -> None:
    content = "address,cause,stream\nann@example.com,unsubscribe,given-up\nbob@example.com,complaint,\n"
    answer = shop.run("consent", "import", shop.file("list.csv", content), "--stream", "never-was", "--json")
    assert (answer.code, answer.json["taken"]) == (0, 2)
    listed = shop.file("l.csv", "address,cause\nc@x.example,complaint\n")
    scoped = shop.run("consent", "import", listed, "--brand", "brand")
    assert "a no without a stream concerns all commercial mail of brand" in scoped.out
    assert shop.run("consent", "import", listed, "--brand", "nobody").code == 2


@pytest.mark.parametrize(
    ("name", "cause", "status"),
    [
        ("unsubscribe", "withdraw", "withdrawn"),
        ("complaint", "complain", "complained"),
        ("hard-bounce", "undeliverable", "undeliverable"),
    ],
)
def test_a_cause_becomes_the_status_that_it_means(shop: Shop, name: str, cause: str, status: str) -> None:
    shop.run("consent", "import", shop.file("yes.csv", HEADER + row("ann@example.com")))
    at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    listed = shop.file("no.csv", f"address,cause,withdrawn_at\nann@example.com,{name},{at}\n")
    assert shop.run("consent", "import", listed, "--json").json["events"][cause] == 1
    assert shop.standing("ann@example.com")["status"] == status


def test_a_no_of_unknown_time_is_the_same_whenever_it_is_read(shop: Shop) -> None:
    listed = shop.file("no.txt", "ann@example.com\n")
    options = ("--value", "cause=unsubscribe", "--stream", "newsletter", "--json")
    assert shop.run("consent", "import", listed, *options).json["known"] == 0
    assert shop.run("consent", "import", listed, *options).json["known"] == 1
    assert shop.run("db", "status", "--json").json["events"] == 1
