from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.cli import main
from relay.message.wording import WORDINGS
from relay.policy.format import MessageTable

SHIPPED = Path(__file__).parents[2] / "policies"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the shipped policies; commands run in it."""
    shutil.copytree(SHIPPED, tmp_path / "policies", ignore=shutil.ignore_patterns("profiles", "*.md"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_expectations_of_all_policies_are_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test"]) == 0
    assert "policies/newsletter.toml: 5 of 5 expectations hold" in capsys.readouterr().out


def test_an_expectation_that_fails_is_a_problem_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "policies" / "system.toml"
    file.write_text(file.read_text().replace('verdict = "deliver"\nreason = "transactional"', 'verdict = "hold"'))

    assert main(["policy", "test"]) == 1
    out = capsys.readouterr().out
    assert "system.toml:14: expect: is deliver transactional, expected hold" in out
    assert main(["policy", "test", "--json", str(file)]) == 1
    (tested,) = json.loads(capsys.readouterr().out)
    assert (tested["stream"], tested["expectations"], tested["failures"][0]["line"]) == ("system", 1, 14)


def test_a_migration_is_shown_with_its_days_and_what_is_left_of_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until = datetime.now(UTC).date() + timedelta(days=10)
    policy = folder / "policies" / "newsletter.toml"
    table = f'[migration]\naccept = ["customer"]\nuntil = {until}\nsaid_before = 2026-01-01\n'
    policy.write_text(f"{policy.read_text()}{table}")

    assert main(["policy", "show", "newsletter"]) == 0
    out = capsys.readouterr().out
    assert f"migration: customer counts until {until} (" in out
    assert "), said before 2026-01-01" in out
    assert re.search(rf"^migration.until +{until} +.*policies/newsletter.toml:", out, re.MULTILINE)
    assert re.search(r'^retention.evidence +"1096d" +.*profile (seed|jp)', out, re.MULTILINE)
    assert main(["policy", "show", "newsletter", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert rules["migration.accept"]["value"] == ["customer"]
    assert rules["migration.until"]["value"] == until.isoformat()
    assert rules["migration.said_before"]["value"] == "2026-01-01"
    assert rules["consent.ask_before"]["value"] == "30d"


def test_a_single_file_can_be_tested(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "policies/receipts.toml"]) == 0
    assert capsys.readouterr().out == "policies/receipts.toml: 3 of 3 expectations hold\n"


def test_problems_of_policies_are_told_with_their_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "policies" / "system.toml"
    file.write_text(file.read_text().replace('kind = "system"', 'kind = "systm"'))

    for action in ("test", "show", "lint"):
        assert main(["policy", action]) == 1
        assert 'system.toml:7: stream.kind: "systm" is not known here' in capsys.readouterr().err


def test_streams_are_listed_and_one_is_shown_with_the_places_of_its_values(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "show"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "STREAM", "newsletter", "receipts", "system",
    ]  # fmt: skip
    assert main(["policy", "show", "newsletter"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("consent.stale_after") and "newsletter.toml:35" in line for line in lines)
    assert any(line.startswith("verdict.withdrawn") and line.endswith("default") for line in lines)


def test_a_long_value_moves_no_other_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "policies" / "newsletter.toml"
    file.write_text(file.read_text("utf-8") + f'[footer.en]\nwhy = "{{{{ sender }}}} {200 * "x"}"\n', "utf-8")
    assert main(["policy", "show", "newsletter"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(next(line for line in lines if line.startswith("footer.en.why"))) > 200
    (charset,) = (line for line in lines if line.startswith("message.charset"))
    assert charset.endswith("default")
    assert len(charset) < 110


def test_show_prints_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    assert main(["policy", "show", "--json", "newsletter"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["rules"]["consent.stale_after"]["value"] == "365d"
    assert shown["rules"]["hold.ask_again"]["value"] is True


def test_all_that_is_done_to_the_message_is_shown_and_the_words_by_their_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = folder / "policies" / "newsletter.toml"
    (policy.parent / "footers").mkdir()
    (policy.parent / "footers" / "en.txt").write_text(WORDINGS["en"].plain)
    words = '[footer.en]\ntext = "footers/en.txt"\nwhy = "From {{ sender }}, \\"{{ purpose }}\\"."\n'
    policy.write_text(policy.read_text().replace("# stop_address", "stop_address") + words)
    assert main(["policy", "show", "--json", "newsletter"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]

    assert {key.removeprefix("message.") for key in rules if key.startswith("message.")} == set(
        MessageTable.model_fields
    )
    assert rules["message.amp"]["value"] == "drop"
    assert "profile jp" in rules["message.amp"]["from"]
    assert rules["message.auto_submitted"]["value"] is False
    assert rules["sender.stop_address"]["value"].startswith("stop@")
    assert rules["footer.en.text"]["value"] == "footers/en.txt"
    assert rules["footer.en.why"]["value"] == 'From {{ sender }}, "{{ purpose }}".'
    assert "newsletter.toml:" in rules["footer.en.why"]["from"]


def test_an_unknown_stream_is_answered_with_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "newsleter"]) == 1
    assert 'did you mean "newsletter"?' in capsys.readouterr().err


def test_the_schema_is_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["title"] == "consent-relay policy"
    assert schema["properties"]["stream"]


def test_lint_remarks_the_examples_that_are_still_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "lint"]) == 1
    assert "sender.contact" in capsys.readouterr().out
    assert main(["policy", "lint", "--json"]) == 1
    assert {one["key"] for one in json.loads(capsys.readouterr().out)} >= {"sender.contact", "sender.privacy_policy"}


def test_a_new_policy_is_written_once_and_is_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["policy", "new", "offers", "--mail-from", "*@offers.brand.example"]

    assert main(arguments) == 0
    assert main(["policy", "test", "policies/offers.toml"]) == 0
    assert main(arguments) == 2
    assert '"offers" is already taken' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "No Good"], "stream.id"),
        (["new", "offers", "--mail-from", "nobody"], "match.mail_from"),
        (["new", "offers", "--brand", 'b"\nkind = "system'], "policy"),
        (["new", "../escape"], "stream.id"),
    ],
)
def test_a_new_policy_that_would_not_load_is_not_written(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    before = sorted(folder.rglob("*"))

    assert main(["policy", *arguments]) in (1, 2)
    assert said in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


def test_the_shipped_policies_are_never_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["policy", "new", "offers"]) == 1
    assert "consent-relay init makes one" in capsys.readouterr().err
    assert not (SHIPPED / "offers.toml").exists()
