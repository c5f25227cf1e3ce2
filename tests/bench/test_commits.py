"""Every kind of mail is measured with every number of sessions; how fast is no test's business."""

from __future__ import annotations

import pytest
from bench import commits, run

pytestmark = pytest.mark.integration


def test_every_kind_is_measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "SESSIONS", (1, 5))
    assert run.main(["commits", "--seconds", "0.5", "--processes", "1", "--people", "2000"]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "recipient" in line]
    assert [(row[1].strip(), row[3].strip()) for row in rows] == [(kind, n) for kind in commits.KINDS for n in "15"]
    for row in rows:
        assert min(float(cell.replace(",", "")) for cell in row[4:8]) > 0
