from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.address import Address
from relay.cli import main
from relay.consent.events import Act, Basis, Event, EventKind
from relay.decision import new_id
from relay.store.keys import load_pseudonyms
from relay.store.sqlite import open_store

SHIPPED = Path(__file__).parents[2] / "policies"
NOW = datetime.now(UTC)
TARO = Address("taro", "example.com")
NEWS = ["--from", "info@news.brand.example", "--client", "local"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "policies", ignore=shutil.ignore_patterns("*.md"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def event(kind: EventKind, days: int, basis: Basis | None = None) -> Event:
    at = NOW - timedelta(days=days)
    return Event(
        id=new_id(at, os.urandom(10)),
        kind=kind,
        address=TARO,
        brand="brand",
        stream="newsletter",
        at=at,
        recorded_at=NOW,
        source="import old.csv:7",
        recorder="cli",
        basis=basis,
        act=Act.CLICKED if basis else None,
    )


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["policy", "explain", "--to", "taro@example.com", *arguments]) == 0
    return capsys.readouterr().out


def test_the_decision_is_told_from_the_facts_while_the_store_is_in_use(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "var" / "relay.db"

    async def scene() -> tuple[str, str]:
        pseudonyms = load_pseudonyms(folder / "var" / "keys" / "people.key")
        store = await open_store(path, folder / "var" / "withdrawals.journal", pseudonyms)
        try:
            await store.append([event(EventKind.GRANT, 400, Basis.DOUBLE_OPT_IN)])
            stale = await asyncio.to_thread(explain, capsys, *NEWS)
            await store.append([event(EventKind.WITHDRAW, 1)])
            return stale, await asyncio.to_thread(explain, capsys, *NEWS)
        finally:
            await store.close()

    stale, withdrawn = asyncio.run(scene())

    assert "decision: hold" in stale
    assert "source import old.csv:7" in stale
    assert 'consent.stale_after = "365d", from ' in stale
    assert "policies/newsletter.toml:35" in stale
    assert "decision: reject" in withdrawn
    assert 'said no to "newsletter"' in withdrawn


def test_explaining_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "var" / "relay.db"

    async def fill() -> None:
        pseudonyms = load_pseudonyms(folder / "var" / "keys" / "people.key")
        store = await open_store(path, folder / "var" / "withdrawals.journal", pseudonyms)
        await store.append([event(EventKind.GRANT, 3, Basis.DOUBLE_OPT_IN)])
        await store.close()

    asyncio.run(fill())
    before = hashlib.sha256(path.read_bytes()).digest()

    assert "decision: deliver" in explain(capsys, *NEWS)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_without_a_store_nothing_is_known_and_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, *NEWS)

    assert "reason: no-consent" in out
    assert "does not exist yet" in out
    assert not (folder / "var").exists()


def test_the_client_may_be_left_out_where_there_is_only_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, "--from", "shop@brand.example")

    assert "claimed: client local, sender shop@brand.example: [[match]] of " in out
    assert "receipts.toml:11" in out


def test_the_null_sender_belongs_to_the_system_stream(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "stream: system" in explain(capsys, "--from", "<>")


def test_mail_that_no_policy_claims_is_told_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "reason: stream-unknown" in explain(capsys, "--from", "a@elsewhere.example")
    (folder / "relay.toml").write_text('mode = "observe"\n')
    assert "reason: observed" in explain(capsys, "--from", "a@elsewhere.example", "-c", "relay.toml")


def test_a_sender_that_the_client_may_not_use_is_told_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "relay.toml").write_text(
        '[[client]]\nname = "local"\nnetworks = ["127.0.0.0/8"]\nsenders = ["*@brand.example"]\n'
    )

    assert "reason: sender-not-allowed" in explain(capsys, *NEWS, "-c", "relay.toml")


def test_a_header_chooses_among_the_streams_that_claim_the_mail(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "policies" / "receipts.toml"
    file.write_text(file.read_text().replace('"*@brand.example"', '"*@news.brand.example"'))

    assert "stream: newsletter" in explain(capsys, *NEWS)
    out = explain(capsys, *NEWS, "--header", "X-Consent-Stream: receipts")
    assert "stream: receipts" in out
    assert "also claimed by newsletter" in out


def test_a_stream_can_be_named_without_client_and_sender(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "claimed: named with --stream" in explain(capsys, "--stream", "newsletter")


@pytest.mark.parametrize(
    ("wish", "told", "happens"),
    [
        ("reject", None, "reject"),
        ("hold", 'for this client: hold: client local has refusal = "hold": mail is held here', "hold"),
        (
            "accept-and-report",
            'for this client: discard: client local has refusal = "accept-and-report": mail is taken and not sent',
            "discard",
        ),
    ],
)
def test_what_a_client_gets_in_place_of_a_refusal_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], wish: str, told: str | None, happens: str
) -> None:
    (folder / "relay.toml").write_text(f'[[client]]\nname = "local"\nnetworks = ["127.0.0.0/8"]\nrefusal = "{wish}"\n')
    out = explain(capsys, *NEWS, "-c", "relay.toml")
    assert "decision: reject: mail is refused" in out
    assert ("for this client" in out) == (told is not None)
    assert told is None or out.splitlines()[3].startswith("decision: ")
    assert told is None or out.splitlines()[4].startswith("for this client: ")
    assert told is None or told in out
    found = json.loads(explain(capsys, *NEWS, "--json", "-c", "relay.toml"))
    assert (found["verdict"], found["happens"]) == ("reject", happens)


def test_it_prints_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(explain(capsys, *NEWS, "--json"))

    assert (found["verdict"], found["reason"], found["stream"]) == ("reject", "no-consent", "newsletter")
    assert found["rules"][-1]["key"] == "verdict.no-consent"
    unclaimed = json.loads(explain(capsys, "--from", "a@elsewhere.example", "--json"))
    assert unclaimed["reasons"] == ["stream-unknown"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "nobody"], "--to: the address has no domain"),
        (["--to", "a@example.com"], "give --from and --client, or --stream"),
        (["--to", "a@example.com", "--from", "a"], "--from: "),
        (["--to", "a@example.com", "--from", "a@b.example", "--client", "locl"], 'did you mean "local"?'),
        (["--to", "a@example.com", "--stream", "news"], "there are: newsletter, receipts, system"),
        (["--to", "a@example.com", *NEWS, "--header", "nonsense"], "write NAME=VALUE"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["policy", "explain", *arguments]) == 2
    assert said in capsys.readouterr().err
