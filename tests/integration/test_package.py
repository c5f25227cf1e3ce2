"""`pip install .` gives the same command elsewhere: it finds its shipped policies from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package alone, built from this checkout, in a folder; what it depends on comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run(
        (sys.executable, "-m", "pip", "install", *options, "--target", folder, ROOT),
        check=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    return folder


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "relay", *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_policies_types_and_templates(installed: Path) -> None:
    assert list((installed / "relay" / "shipped_policies").glob("*.toml"))
    assert list((installed / "relay" / "shipped_policies" / "profiles").glob("*.toml"))
    assert (installed / "relay" / "py.typed").exists()
    inside = {file.relative_to(ROOT / "relay") for file in (ROOT / "relay").rglob("*") if is_data(file)}
    assert {file for file in inside if not (installed / "relay" / file).exists()} == set()


def test_the_command_uses_them_from_any_folder(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "--version").stdout.startswith("consent-relay ")
    shown = run(installed, tmp_path, "policy", "test")
    assert shown.returncode == 0, shown.stderr
    where = run(installed, tmp_path, "--help")
    assert where.returncode == 0


def test_a_first_configuration_passes_its_own_check(installed: Path, tmp_path: Path) -> None:
    made = run(installed, tmp_path, "init", "--brand-domain", "brand.example")
    assert made.returncode == 0, made.stderr
    checked = run(installed, tmp_path, "check", "-c", "relay.toml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def is_data(file: Path) -> bool:
    """SQL, templates and the like: what a wheel forgets easily."""
    return file.is_file() and file.suffix not in (".py", ".pyc")
