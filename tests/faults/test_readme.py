"""Every test that the table of faults names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_TESTS: Final = _HERE.parent


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:\w+/)*\w+\.py)::(\w+)`", (_HERE / "README.md").read_text("utf-8"))
    assert len(named) > 30
    missing = [f"{file}::{test}" for file, test in named if not _is_there(file, test)]
    assert missing == []


def _is_there(file: str, test: str) -> bool:
    places = [folder / file for folder in (_HERE, _TESTS) if (folder / file).exists()]
    return any(f"def {test}(" in place.read_text("utf-8") for place in places)
