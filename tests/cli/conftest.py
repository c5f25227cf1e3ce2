from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.shop import Shop

SHIPPED = Path(__file__).parents[2] / "policies"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    shutil.copytree(SHIPPED, tmp_path / "policies", ignore=shutil.ignore_patterns("profiles", "*.md"))
    monkeypatch.chdir(tmp_path)
    return Shop(tmp_path, capsys)
