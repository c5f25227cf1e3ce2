"""Tests mirror the package: relay/store/sqlite.py is tested by tests/store/test_sqlite.py."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]

SOURCES: Final = sorted(
    file.relative_to(ROOT / "relay")
    for file in (ROOT / "relay").rglob("*.py")
    if file.name not in ("__init__.py", "__main__.py")
)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_every_source_file_has_a_test_file_of_its_name(source: Path) -> None:
    expected = ROOT / "tests" / source.parent / f"test_{source.name}"
    assert expected.exists(), f"relay/{source} has no {expected.relative_to(ROOT)}"


def test_the_sources_are_found() -> None:
    assert Path("reason.py") in SOURCES
