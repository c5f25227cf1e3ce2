"""The benchmark runs; how fast is no test's business."""

from __future__ import annotations

import pytest
from bench import run
from bench.newsletter import newsletter
from bench.table import renewed
from integration.postfix import missing_for_postfix

pytestmark = pytest.mark.integration


def test_the_newsletter_has_nine_kilobytes_and_never_changes() -> None:
    assert 8_500 < len(newsletter()) < 9_500
    assert newsletter() == newsletter()


def test_a_short_run_measures_every_contestant(capsys: pytest.CaptureFixture[str]) -> None:
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)
    assert run.main(["--messages", "20", "--runs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in run.CONTESTANTS:
        [row] = [line for line in lines if line.startswith(f"| {name} |")]
        assert int(row.split("|")[2].replace(",", "")) > 0


def test_results_go_between_the_markers() -> None:
    text = renewed(f"a\n{run.BEGIN}\nold\n{run.END}\nb", run.BEGIN, run.END, "new")
    assert "old" not in text
    assert text.startswith("a\n")
    assert "new" in text
