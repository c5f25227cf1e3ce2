"""Every size and list is measured, on few people; how fast is no test's business."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench import ledger, run


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_size_is_measured_and_a_run_cut_short_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SMALLEST", 50)
    monkeypatch.setattr(ledger, "ALONE", 40)
    folder = tmp_path / "bench"
    given = ["ledger", "--addresses", "300", "--events", "700", "--list", "60", "--folder", str(folder)]
    with monkeypatch.context() as cut:
        cut.setattr(ledger, "compared", None)
        cut.setattr(ledger, "SEALED", 100)
        with pytest.raises(TypeError):
            run.main(given)
    assert (folder / "small" / "var" / "relay.db").exists()
    assert run.main([*given, "--keep"]) == 0
    rows = [cells(line) for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [(row[0], row[1]) for row in rows if len(row) == 10 and row[0].isdecimal()] == [("50", "50"), ("300", "700")]
    assert [row[0] for row in rows if len(row) == 5][2:] == [name for name, _ in ledger.lists(1)]
    kept = json.loads((folder / "results.json").read_text())
    assert [size["events"] for size in kept["sizes"]] == [50, 700]
    assert kept["lists"]["with evidence"]["lines"] == 60
    assert run.main(given) == 0
    assert not folder.exists()


def test_the_same_people_are_made_up_each_time() -> None:
    assert len({ledger.address_of(number) for number in range(10_000)}) == 10_000
    assert list(ledger.people(0, 100, 250)) == list(ledger.people(0, 100, 250))
    assert len(list(ledger.people(10, 20, 25))) == 1 + 10 + 25
    assert ledger.sizes(10_000_000) == [10_000, 100_000, 1_000_000, 10_000_000]
    assert ledger.sizes(300_000) == [10_000, 100_000, 300_000]
