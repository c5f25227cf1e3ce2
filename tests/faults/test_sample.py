"""A seeded sample of the long run (long.py): a relay is killed while mail flows, and every 250 is kept."""

from __future__ import annotations

import pytest
from faults.experiment import Plan, run
from faults.long import lines


@pytest.mark.parametrize(
    "plan",
    [
        Plan(seed=1, messages=60, kills=4, minutes=2),
        Plan(seed=2, messages=60, kills=4, minutes=2, processes=2),
    ],
    ids=lambda plan: f"seed {plan.seed}",
)
def test_whatever_is_killed_every_250_is_kept(plan: Plan) -> None:
    result = run(plan)
    told = "\n".join(lines(result))
    assert not result.verdict.findings, told
    assert not result.problems, told
    assert result.trace.crashes, told
    assert result.verdict.tally["acknowledged"] > 5, told
