from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.shop import Shop
from cli.subjects import hold_something_of_ann

SHIPPED = Path(__file__).parents[2] / "policies"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    shutil.copytree(SHIPPED, tmp_path / "policies", ignore=shutil.ignore_patterns("profiles", "*.md"))
    monkeypatch.chdir(tmp_path)
    return Shop(tmp_path, capsys)


@pytest.fixture
def known(shop: Shop) -> Shop:
    """It holds something of Ann."""
    hold_something_of_ann(shop)
    return shop
