"""A no is known everywhere once it was answered; how soon is no test's business."""

from __future__ import annotations

import pytest
from bench import run

pytestmark = pytest.mark.integration


def test_after_the_answer_nobody_is_accepted_and_nothing_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["withdrawals", "--people", "6"]) == 0
    cells = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    rows = dict(pair for pair in cells if len(pair) == 2)
    assert (rows["of these accepted"], rows["attempts begun after their 200"]) == ("0", "0")
    assert int(rows["RCPTs sent after the 200"].replace(",", "")) > 0
    assert int(rows["copies queued for people who then withdrew"]) == 18
