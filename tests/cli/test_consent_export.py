from __future__ import annotations

import csv
import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.shop import Shop

from relay.consent.evidence import wording_hash

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
