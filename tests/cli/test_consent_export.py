from __future__ import annotations

import csv
import io
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.shop import Shop

from relay.address import address_from_text
from relay.consent.events import Basis, Event, EventKind
from relay.consent.evidence import Evidence, wording_hash
from relay.store.appending import append_events
from relay.store.committing import Work

PEOPLE = ("ann@example.com", "bob@example.com", "carl@example.com", "dora@example.com", "eve@example.com")


def ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")


def fill(shop: Shop) -> None:
    header = "address,stream,basis,at,act,last_contact_at,source,form_url,language\n"
    rows = [
        f"ann@example.com,newsletter,double-opt-in,{ago(500)},,{ago(3)},fair,https://brand.example/f,ja",
        f"ann@example.com,newsletter,single-opt-in,{ago(40)},ticked,,shop,,",
        f"bob@example.com,newsletter,single-opt-in,{ago(40)},preticked,,shop,,",
        f'carl@example.com,newsletter,written,{ago(40)},signed,,"a list, on paper",,',
        f"dora@example.com,newsletter,written,{ago(40)},signed,,,,",
    ]
    assert shop.run("consent", "import", shop.file("list.csv", header + "\n".join(rows))).code == 0
    shop.run("consent", "withdraw", "Carl+x@example.com", "--stream", "newsletter")
    shop.run("consent", "withdraw", "dora@example.com", "--stream", "newsletter")
    shop.run("consent", "withdraw", "eve@example.com")
    granted = ("--basis", "single-opt-in", "--act", "ticked", "--at", "now", "--after-withdrawal")
    shop.run("consent", "grant", "dora@example.com", "--stream", "newsletter", *granted)


def standings(shop: Shop) -> dict[str, Any]:
    found = {address: shop.standing(address) for address in PEOPLE}
    for standing in found.values():
        standing["facts"].pop("withdrawn_from", None)
        if "yes" in standing["facts"]:
            standing["facts"]["yes"].pop("live")
    return found


def test_import_reads_back_what_export_writes(shop: Shop) -> None:
    fill(shop)
    before = standings(shop)
    for kind in ("csv", "jsonl"):
        exported = shop.run("consent", "export", "--format", kind)
        assert exported.code == 0
        shutil.rmtree(shop.folder / "var")
        assert shop.run("consent", "import", shop.file(f"out.{kind}", exported.out)).code == 0
        after = standings(shop)
        for address in PEOPLE:
            assert after[address]["reasons"] == before[address]["reasons"], address
            assert after[address]["status"] == before[address]["status"], address
        assert (
            after["ann@example.com"]["facts"]["last_contact_at"]
            == before["ann@example.com"]["facts"]["last_contact_at"]
        )
        assert after["bob@example.com"]["facts"] == before["bob@example.com"]["facts"]


def test_a_no_that_the_person_took_back_is_not_exported_for_that_address(shop: Shop) -> None:
    fill(shop)
    rows = list(csv.DictReader(io.StringIO(shop.run("consent", "export").out)))
    stopped = {(row["address"], row["stream"]) for row in rows if row["withdrawn_at"]}
    assert stopped == {("Carl+x@example.com", "newsletter"), ("eve@example.com", "")}


def test_one_stream_alone(shop: Shop) -> None:
    fill(shop)
    lines = shop.run("consent", "export", "--stream", "receipts", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["address"] for line in lines] == ["eve@example.com"]


def test_nothing_to_export_is_a_header(shop: Shop) -> None:
    shop.run("db", "migrate")
    assert shop.run("consent", "export").out.startswith("address,stream,basis,at,act,")
    assert len(shop.run("consent", "export").out.splitlines()) == 1


def test_the_evidence_of_a_yes_goes_with_it(shop: Shop) -> None:
    proof = {"wording": wording_hash("Yes, send me news"), "ip": "192.0.2.7", "user_agent": "Browser/1"}
    line = {"address": "ann@example.com", "basis": "double-opt-in", "at": ago(9), "confirmed_at": ago(8), **proof}
    shop.run("consent", "import", shop.file("list.jsonl", json.dumps(line)), "--stream", "newsletter")
    (row,) = shop.run("consent", "export", "--json").out.splitlines()
    assert proof.items() <= json.loads(row).items()


def test_the_whole_history_of_a_double_opt_in_comes_back_and_each_no_as_what_it_was(shop: Shop) -> None:
    shop.run("db", "migrate")
    now = datetime.now(UTC)
    said: dict[str, Any] = {"brand": "brand", "recorded_at": now, "source": "form", "recorder": "web"}
    people = {name: address_from_text(f"{name}@example.com") for name in ("ann", "bob", "carl", "dora")}
    asked, sent, clicked = (now - timedelta(days=days) for days in (9, 8, 7))
    news: dict[str, Any] = {**said, "stream": "newsletter", "basis": None}
    evidence = Evidence("https://brand.example/f", wording_hash("Yes, news"), "ja", "192.0.2.1", "Browser/1")
    events = [
        Event("1", EventKind.REQUEST, people["ann"], at=asked, **news),
        Event("2", EventKind.REQUEST, people["ann"], at=asked, mail_sent_at=sent, **news),
        Event(
            "3",
            EventKind.CONFIRM,
            people["ann"],
            at=clicked,
            evidence=evidence,
            **{**news, "basis": Basis.DOUBLE_OPT_IN},
        ),
        Event("4", EventKind.COMPLAIN, people["bob"], at=clicked, **news),
        Event("5", EventKind.UNDELIVERABLE, people["carl"], at=clicked, **{**news, "stream": ""}),
        Event("6", EventKind.UNDELIVERABLE, people["dora"], at=clicked, **{**news, "stream": ""}),
        Event("7", EventKind.DELIVERABLE, people["dora"], at=now, **{**news, "stream": ""}),
    ]
    with shop.store() as committer:
        texts = {wording_hash("Yes, news"): "Yes, news"}
        work = Work(lambda connection: append_events(connection, events, committer.pseudonyms, os.urandom, texts))
        (done,) = committer.commit([work])
        assert len(done) == 7
    before = {name: shop.standing(f"{name}@example.com") for name in people}
    exported = shop.run("consent", "export").out
    rows = {row["address"].partition("@")[0]: row for row in csv.DictReader(io.StringIO(exported))}
    assert set(rows) == {"ann", "bob", "carl"}
    assert [rows["ann"][name] for name in ("at", "mail_sent_at", "confirmed_at")] == [
        moment.isoformat() for moment in (asked, sent, clicked)
    ]
    assert rows["ann"]["wording"] == "Yes, news"
    assert [rows[name]["cause"] for name in ("bob", "carl")] == ["complaint", "hard-bounce"]

    shutil.rmtree(shop.folder / "var")
    assert shop.run("consent", "import", shop.file("out.csv", exported)).code == 0
    for name in people:
        after = shop.standing(f"{name}@example.com")
        assert after["facts"] == before[name]["facts"], name
        assert (after["status"], after["reasons"]) == (before[name]["status"], before[name]["reasons"])
    assert shop.run("consent", "export").out == exported
