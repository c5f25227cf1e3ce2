"""`consent import`: what is taken and what is refused, line by line, and how many would get mail today."""

from __future__ import annotations

import io
import json
import sys

import pytest
from cli.listed import HEADER, LONG_AGO, RECENTLY, row
from cli.shop import Shop


def test_what_can_be_taken_is_taken_and_the_rest_is_told_line_by_line(shop: Shop) -> None:
    listed = shop.file(
        "list.csv",
        HEADER
        + row("ann@example.com")
        + row("not an address")
        + row("bob@example.com", at="1.5.2025")
        + row("eve@example.com"),
    )
    answer = shop.run("consent", "import", listed)
    assert answer.code == 1
    assert answer.out.startswith(
        "4 rows: 2 taken, 2 refused\nrefused: 1 for address, 1 for at\n2 of 2 would get mail today:\n"
    )
    assert answer.err.splitlines() == [
        "list.csv:3: address: the address has no domain",
        (
            "list.csv:4: at: is not a time in ISO 8601, such as 2026-03-01T09:30:00+09:00; another form is named by "
            "time_format in a --mapping file"
        ),
    ]
    assert shop.standing("ann@example.com")["gets_mail"]


def test_rejects_are_a_list_that_can_be_mended_and_imported(shop: Shop) -> None:
    good, bad = row("ann@example.com"), row("bob@example.com", basis="yes")
    listed = shop.file("list.csv", HEADER + good + bad)
    shop.run("consent", "import", listed, "--rejects", "bad.csv")
    rejects = shop.folder / "bad.csv"
    header, kept = rejects.read_text().splitlines(keepends=True)
    assert header == f"rejected_because,{HEADER}"
    assert kept.startswith("\"basis: 'yes' is not one of ")
    assert kept.endswith(f'",{bad}')
    rejects.write_text(rejects.read_text().replace(",yes,", ",written,"))
    assert shop.run("consent", "import", "bad.csv").code == 0
    assert shop.standing("bob@example.com")["gets_mail"]


def test_it_ends_with_how_many_would_get_mail_today_by_reason(shop: Shop) -> None:
    shop.run("consent", "withdraw", "WANDA@example.com")
    listed = shop.file(
        "list.csv",
        HEADER
        + row("ann@example.com")
        + row("olaf@example.com", at=LONG_AGO)
        + row("peter@example.com", "single-opt-in", act="preticked")
        + row("nora@example.com", "single-opt-in")
        + row("wanda@example.com"),
    )
    answer = shop.run("consent", "import", listed, "--json")
    assert answer.code == 0
    assert answer.json == {
        "format": "consent-relay",
        "rows": 5,
        "taken": 5,
        "known": 0,
        "erased": 0,
        "not_taken": {},
        "refused": 0,
        "refused_for": {},
        "events": {"grant": 5, "withdraw": 0, "complain": 0, "undeliverable": 0},
        "assumed": 2,
        "stated_by_operator": 0,
        "would_get_mail": 1,
        "today": [
            {"reason": "confirmed", "verdict": "deliver", "count": 1},
            {"reason": "withdrawn", "verdict": "reject", "count": 1},
            {"reason": "basis-not-accepted", "verdict": "reject", "count": 2},
            {"reason": "stale", "verdict": "hold", "count": 1},
        ],
    }
    assert "assumed: 2 yes without an active act" in shop.run("consent", "import", listed).out


def test_the_same_list_twice_adds_nothing(shop: Shop) -> None:
    listed = shop.file("list.csv", HEADER + row("ann@example.com") + row("bob@example.com") + row("bob@example.com"))
    assert shop.run("consent", "import", listed, "--json").json["known"] == 1
    assert shop.run("consent", "import", listed, "--json").json["known"] == 3
    assert shop.run("db", "status", "--json").json["events"] == 2


def test_a_dry_run_says_the_same_and_changes_nothing(shop: Shop) -> None:
    listed = shop.file("list.csv", HEADER + row("ann@example.com") + row("bad"))
    dry = shop.run("consent", "import", listed, "--dry-run", "--json")
    assert not (shop.folder / "var").exists()
    shop.run("consent", "withdraw", "bob@example.com")
    assert shop.run("consent", "import", listed, "--dry-run", "--json").json == dry.json
    assert shop.run("db", "status", "--json").json["events"] == 1
    assert shop.run("consent", "import", listed, "--json").json == dry.json
    assert "1 would be taken" in shop.run("consent", "import", listed, "--dry-run").out


def test_json_lines_and_standard_input(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps({"address": "ann@example.com", "basis": "written", "at": RECENTLY, "language": "ja"})
    stdin = io.TextIOWrapper(io.BytesIO(f"{line}\n{{}}\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    answer = shop.run("consent", "import", "-", "--stream", "newsletter")
    assert answer.err == "standard input:2: address: is empty\n"
    assert shop.standing("ann@example.com")["facts"]["yes"]["source"] == ""  # readers see it: no name of a file
    assert "by import standard input]" in shop.run("consent", "show", "ann@example.com").out


def test_the_list_that_is_read_is_never_written_over(shop: Shop) -> None:
    content = HEADER + row("nobody")
    listed = shop.file("list.csv", content)
    answer = shop.run("consent", "import", listed, "--stream", "newsletter", "--rejects", listed)
    assert answer.code == 2
    assert "is the list that is read" in answer.err
    assert (shop.folder / "list.csv").read_text() == content


def test_times_without_a_zone_need_one(shop: Shop) -> None:
    listed = shop.file("list.csv", HEADER + row("ann@example.com", at="2026-05-01 10:00"))
    assert "at: has no zone" in shop.run("consent", "import", listed).err
    assert shop.run("consent", "import", listed, "--timezone", "Asia/Tokyo").code == 0
    assert shop.standing("ann@example.com")["facts"]["yes"]["at"] == "2026-05-01T01:00:00+00:00"
    assert shop.run("consent", "import", listed, "--timezone", "Mars/Base").code == 2


@pytest.mark.parametrize("rows", [50, 40_000])
def test_a_list_is_taken_whole_however_long_it_is(shop: Shop, rows: int) -> None:
    content = HEADER + "".join(
        row(f"user{number}@example.com") if number % 1000 else row("bad") for number in range(rows)
    )
    answer = shop.run("consent", "import", shop.file("list.csv", content), "--json")
    refused = (rows + 999) // 1000
    assert (answer.json["taken"], answer.json["refused"]) == (rows - refused, refused)
    assert answer.json["would_get_mail"] == rows - refused
    assert shop.run("db", "status", "--json").json["events"] == rows - refused


def test_millions_of_bad_lines_are_counted_and_a_few_are_told(shop: Shop) -> None:
    listed = shop.file("list.csv", HEADER + "bad\n" * 5000 + row("ann@example.com"))
    answer = shop.run("consent", "import", listed, "--rejects", "bad.csv")
    assert answer.code == 1
    lines = answer.err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 4,980 more, see bad.csv"
    assert len((shop.folder / "bad.csv").read_text().splitlines()) == 5001
    without = shop.run("consent", "import", listed)
    assert without.err.splitlines()[-1] == "... and 4,980 more, --rejects FILE keeps them all"
    assert "refused: 5,000 for record" in without.out


def test_what_the_operator_says_for_all_rows_stands_in_the_ledger_as_that(shop: Shop) -> None:
    listed = shop.file("list.csv", "email,joined\nann@example.com,2026-05-01\n")
    mapping = shop.file(
        "shop.toml",
        """
        timezone = "Asia/Tokyo"
        [columns]
        address = "Email"
        at = ["confirmed", "joined"]
        [constants]
        basis = "single-opt-in"
        """,
    )
    answer = shop.run(
        "consent", "import", listed, "--mapping", mapping, "--value", "act=ticked", "--stream", "newsletter"
    )
    words = "stated by the operator for all rows: basis=single-opt-in, act=ticked"
    assert f"list.csv: {words}; it is your word, not the list's" in answer.err
    assert f"{words}: 1, and so it stands in the ledger" in answer.out
    assert words in shop.run("consent", "show", "ann@example.com").out


def test_a_list_without_its_columns_is_refused_as_a_whole(shop: Shop) -> None:
    answer = shop.run("consent", "import", shop.file("list.csv", "mail,stream\nann@example.com,newsletter\n"))
    assert answer.code == 1
    assert "list.csv:1: the header lacks address, basis, at; name them (--column at=Joined)" in answer.err


def test_a_known_list_with_a_column_of_ones_own_says_which_format_fits(shop: Shop) -> None:
    header = "uuid,email,name,attributes,status,created_at,updated_at"
    row = '1,ann@example.com,Ann,"{""lang"":""ja""}",enabled,2026-03-01T09:00:00Z,2026-03-01T09:00:00Z'
    file = shop.file("people.csv", f"{header}\n{row}\n")
    options = ("--stream", "newsletter", "--column", "language=attributes.lang")
    refused = shop.run("consent", "import", file, *options)
    assert refused.code == 1
    assert "the columns fit --format listmonk;" in refused.err
    assert shop.run("consent", "import", file, *options, "--format", "listmonk").code == 0
    assert ",ja," in shop.run("consent", "export").out


def test_columns_that_are_not_used_are_named(shop: Shop) -> None:
    content = HEADER.replace("act", "first_name") + row("ann@example.com", act="Ann")
    assert (
        "list.csv:1: these columns are not used: first_name"
        in shop.run("consent", "import", shop.file("list.csv", content)).err
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.csv"], 1, "nothing.csv: No such file"),
        (["list.csv", "--stream", "nope"], 2, "no policy has the id 'nope'; known are newsletter"),
        (["list.csv", "--encoding", "klingon"], 2, "'klingon' is not known"),
        (["list.csv", "--rejects", "no/where.csv"], 1, "no/where.csv: No such file"),
        (["empty.csv"], 1, "the list is empty"),
        (["list.csv", "--format", "excel"], 2, "--format: 'excel' is not known; known are listmonk"),
        (["list.csv", "--column", "email=address"], 2, "--column: 'email=address'; write OURS=THEIRS"),
        (["list.csv", "--value", "basis"], 2, "--value: 'basis'"),
        (["list.csv", "--mapping", "no.toml"], 1, "there is no such file"),
        (["list.csv", "--mapping", "bad.toml"], 1, "bad.toml:1: colums"),
        (["plain.txt", "--stream", "newsletter"], 1, "lacks at (plain); name them"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_taken(shop: Shop, arguments: list[str], code: int, words: str) -> None:
    shop.file("list.csv", HEADER + row("ann@example.com"))
    shop.file("empty.csv", "")
    shop.file("plain.txt", "ann@example.com\n")
    shop.file("bad.toml", "colums = 1\n")
    answer = shop.run("consent", "import", *arguments)
    assert (answer.code, words in answer.err) == (code, True), answer.err
    assert not (shop.folder / "var" / "relay.db").exists()
