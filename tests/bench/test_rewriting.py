"""Every case is rewritten; how fast is no test's business."""

from __future__ import annotations

import pytest
from bench import rewriting, run


def test_every_case_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["rewriting", "--runs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for case in rewriting.CASES:
        [row] = [line for line in lines if line.startswith(f"| {case.name} |")]
        once, each, memory = (float(cell) for cell in row.split("|")[3:6])
        assert min(once, each, memory) > 0
