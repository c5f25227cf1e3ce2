from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli.shop import Shop

RECENTLY = (datetime.now(UTC) - timedelta(days=30)).isoformat(timespec="seconds")
LONG_AGO = "2015-05-01T10:00:00+09:00"
HEADER = "address,stream,basis,at,act\n"


def row(
    address: str, basis: str = "double-opt-in", at: str = RECENTLY, act: str = "", stream: str = "newsletter"
) -> str:
    return f"{address},{stream},{basis},{at},{act}\n"


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


def test_no_import_brings_a_withdrawn_address_back(shop: Shop) -> None:
    listed = shop.file("list.csv", HEADER + row("ann@example.com"))
    shop.run("consent", "import", listed)
    shop.run("consent", "withdraw", "Ann+x@example.com", "--stream", "newsletter")
    just_now = (datetime.now(UTC) - timedelta(microseconds=1)).isoformat()
    again = shop.file("again.csv", HEADER + row("ann@example.com", at=just_now))
    for file in (listed, again):
        shop.run("consent", "import", file)
        assert shop.standing("ann@example.com")["reasons"] == ["withdrawn", "no-consent"]


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


def test_a_no_at_the_end_of_a_list_counts_for_a_yes_at_its_beginning(shop: Shop) -> None:
    """Who would get mail is told of the whole list, not of the moment in which a row was read."""
    yes = "".join(row(f"user{number}@example.com").replace("\n", ",\n") for number in range(3000))
    content = HEADER.replace("\n", ",withdrawn_at\n") + yes + f"USER7@example.com,,,,,{RECENTLY}\n"
    listed = shop.file("list.csv", content)
    for options in (["--dry-run"], []):
        answer = shop.run("consent", "import", listed, "--json", *options)
        today = {one["reason"]: one["count"] for one in answer.json["today"]}
        assert today == {"confirmed": 2999, "withdrawn": 1}


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


def test_suppression_rows_are_never_refused_for_a_stream(shop: Shop) -> None:
    content = "address,cause,stream\nann@example.com,unsubscribe,given-up\nbob@example.com,complaint,\n"
    answer = shop.run("consent", "import", shop.file("list.csv", content), "--stream", "never-was", "--json")
    assert (answer.code, answer.json["taken"]) == (0, 2)
    scoped = shop.run(
        "consent", "import", shop.file("l.csv", "address,cause\nc@x.example,complaint\n"), "--brand", "brand"
    )
    assert "a no without a stream concerns all commercial mail of brand" in scoped.out
    assert shop.run("consent", "import", listed_brand(shop), "--brand", "nobody").code == 2


def listed_brand(shop: Shop) -> str:
    return shop.file("l.csv", "address,cause\nc@x.example,complaint\n")


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


PEOPLE = 16_000


def mixed_list() -> str:
    """Yeses, noes, one person twice, rows that are wrong: more than fits into one piece of the file."""
    lines = [HEADER.replace("\n", ",withdrawn_at,source\n")]
    for number in range(PEOPLE):
        lines.append(f"user{number}@example{number % 97}.com,newsletter,double-opt-in,{LONG_AGO},,,a fair in Osaka\n")
        if number % 10 == 0:
            lines.append(f"USER{number}+x@example{number % 97}.com,newsletter,,,,{RECENTLY},\n")
        if number % 50 == 0:
            lines.append(f"user{number}@example{number % 97}.com,newsletter,written,{RECENTLY},signed,,on paper\n")
        if number % 1000 == 0:
            lines.append(f"nobody,newsletter,written,{RECENTLY},signed,,\n")
    return "".join(lines)


def start_import(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "relay", "consent", "import", "list.csv", "--rejects", "bad.csv", "--json"]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )


def content_of(folder: Path) -> dict[str, list[Any]]:
    """All that a list may have changed, but for the moment of its reading and what is drawn by lot."""
    with contextlib.closing(sqlite3.connect(folder / "var" / "relay.db")) as connection:
        return {
            name: sorted(connection.execute(f"SELECT {columns} FROM {name}").fetchall(), key=repr)
            for name, columns in (
                ("ledger", "id, kind, address, wide, brand, stream, at, source, recorder, basis, act"),
                ("facts", "*"),
                ("noes", "*"),
            )
        }


def lines_in(store: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute("SELECT count(*) FROM ledger").fetchone()[0])
    except sqlite3.Error:
        return -1


def test_an_import_that_is_killed_and_run_again_comes_to_the_same_as_once(shop: Shop, tmp_path: Path) -> None:
    once = tmp_path / "once"
    shutil.copytree(shop.folder / "policies", once / "policies")
    for folder in (shop.folder, once):
        (folder / "list.csv").write_text(mixed_list())
    shop.run("db", "migrate")  # the key of ids, the same for both
    shutil.copytree(shop.folder / "var" / "keys", once / "var" / "keys")
    told, _ = start_import(once).communicate(timeout=250)

    store = shop.folder / "var" / "relay.db"
    reached = []
    for lines in (0, 1, PEOPLE // 3, PEOPLE):
        (shop.folder / "bad.csv").unlink(missing_ok=True)  # made anew when the list is opened
        process = start_import(shop.folder)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if lines_in(store) >= lines and (shop.folder / "bad.csv").exists():
                break
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):  # it was faster
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        reached.append(lines_in(store))
    assert reached == sorted(reached)
    assert any(0 < lines < len(content_of(once)["ledger"]) for lines in reached), reached
    again, _ = start_import(shop.folder).communicate(timeout=250)

    assert content_of(shop.folder) == content_of(once)
    assert (shop.folder / "bad.csv").read_text() == (once / "bad.csv").read_text()
    first, last = json.loads(told), json.loads(again)
    assert last["known"] >= reached[-1] > first["known"] == 0
    assert {**last, "known": 0} == first
    assert shop.run("consent", "verify").code == 0
