"""The set-up: what it installs is pinned by hash and names no place, and it does nothing twice."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKED: Final = ("requirements-build.txt", "requirements.txt", "requirements-test.txt")


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "deploy" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(file: str) -> dict[str, str]:
    """name: version of a file of hashed requirements."""
    text = (ROOT / "deploy" / file).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))


@pytest.mark.parametrize("file", LOCKED)
def test_every_requirement_is_pinned_with_hashes(file: str) -> None:
    text = (ROOT / "deploy" / file).read_text("utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned(file)) > 0
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("file", LOCKED)
def test_the_files_name_no_index_and_no_place(file: str) -> None:
    text = (ROOT / "deploy" / file).read_text("utf-8")
    assert re.findall(r".*(?:://|--index|--extra-index|--find-links|--trusted| /\w).*", text) == []


def test_the_locked_versions_are_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run, test = project["project"]["dependencies"], project["project"]["optional-dependencies"]["test"]
    for wanted, file in (
        (run, "requirements.txt"),
        (run + test, "requirements-test.txt"),
        (project["build-system"]["requires"], "requirements-build.txt"),
    ):
        have = pinned(file)
        for text in wanted:
            asked = Requirement(text)
            version = have.get(canonicalize_name(asked.name))
            assert version is not None, f"{asked.name} is not in {file}: python3 deploy/bootstrap.py lock"
            assert asked.specifier.contains(version, prereleases=True), f"{text}, but {file} has {version}"


def test_tests_run_with_the_versions_that_are_shipped() -> None:
    shipped, tested = pinned("requirements.txt"), pinned("requirements-test.txt")
    assert {name: tested.get(name) for name in shipped} == shipped


def test_a_change_of_any_input_is_noticed(bootstrap: ModuleType, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a", "utf-8")
    two.write_text("b", "utf-8")
    before = bootstrap.digest([one, two])
    assert bootstrap.digest([one, two]) == before
    assert bootstrap.digest([two, one]) != before
    two.write_text("c", "utf-8")
    assert bootstrap.digest([one, two]) != before


def test_what_is_there_already_is_not_installed_again(bootstrap: ModuleType, tmp_path: Path) -> None:
    """The stamp of an environment that fits is believed: no program is started, nothing is made."""
    bootstrap.VENV = tmp_path / ".venv"
    bootstrap.PYTHON = bootstrap.VENV / "bin" / "python"
    bootstrap.STAMP = bootstrap.VENV / "installed.json"
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.touch()
    bootstrap.STAMP.write_text(bootstrap.json.dumps(bootstrap.fingerprints()), "utf-8")
    before = sorted(tmp_path.rglob("*"))
    bootstrap.prepare("demo")
    bootstrap.prepare("test")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_verifier_for_node_is_pinned_with_hashes_and_names_no_place() -> None:
    folder = ROOT / "tests" / "integration" / "mailauth"
    text = (folder / "package-lock.json").read_text("utf-8")
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    entries = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert {name: entries[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, one in entries.items() if not one["integrity"].startswith("sha512-")] == []
    assert "://" not in text


def test_the_verifier_for_node_is_not_installed_again(bootstrap: ModuleType, tmp_path: Path) -> None:
    """The stamp of what is there is believed: nothing is started."""
    bootstrap.MAILAUTH = tmp_path
    lock = [bootstrap.MAILAUTH_LOCK / name for name in ("package.json", "package-lock.json")]
    (tmp_path / "installed").write_text(bootstrap.digest(lock), "utf-8")
    bootstrap.require_mailauth()
    assert [path.name for path in tmp_path.iterdir()] == ["installed"]


def test_a_stamp_without_its_environment_is_not_believed(bootstrap: ModuleType, tmp_path: Path) -> None:
    bootstrap.PYTHON = tmp_path / "gone"
    bootstrap.STAMP = tmp_path / "installed.json"
    bootstrap.STAMP.write_text("{}", "utf-8")
    assert bootstrap.read_stamp() == {}
    bootstrap.PYTHON = tmp_path
    bootstrap.STAMP.write_text("cut sho", "utf-8")
    assert bootstrap.read_stamp() == {}


def test_it_uses_the_standard_library_only(bootstrap: ModuleType) -> None:
    source = (ROOT / "deploy" / "bootstrap.py").read_text("utf-8")
    imported = re.findall(r"^(?:from|import) ([a-z_]+)", source, re.MULTILINE)
    assert set(imported) <= {*sys.stdlib_module_names, "__future__"}


def test_without_a_command_it_explains_itself() -> None:
    script = ROOT / "deploy" / "bootstrap.py"
    result = subprocess.run((sys.executable, script), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "demo" in result.stdout
    assert subprocess.run((sys.executable, script, "--help"), capture_output=True, check=False).returncode == 0


def test_ci_runs_the_same_command_as_people_do() -> None:
    script = ROOT / ".ci" / "run"
    assert "deploy/bootstrap.py test" in script.read_text("utf-8")
    assert subprocess.run(("bash", "-n", script), check=False).returncode == 0
