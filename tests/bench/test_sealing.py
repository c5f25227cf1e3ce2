"""Every case is sealed and verified; how fast is no test's business."""

from __future__ import annotations

import pytest
from bench import run


def test_every_case_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["sealing", "--runs", "1", "--lines", "2000"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("| sealing", "| verifying"))]
    assert len(rows) == 8
    for row in rows:
        rate, cpu = (float(cell.replace(",", "")) for cell in row.split("|")[2:4])
        assert min(rate, cpu) > 0
