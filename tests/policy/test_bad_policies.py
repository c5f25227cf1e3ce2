"""Every file of tests/bad_policies gives exactly the problems named in its head, all at once, in order of lines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.config.toml import Problem, ProblemsError
from relay.policy.files import load_files, load_profiles

#: When they are read.
NOW = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
FILES = sorted((Path(__file__).parent.parent / "bad_policies").glob("*.toml"))

#: Files whose problems are told at themselves; those of templates are told at the templates.
ALONE = {str(path) for path in FILES if not path.name.startswith("footer-template-")}


def said(problem: Problem, path: Path) -> str:
    """Of a template the file, too, as the policy names it."""
    words = str(problem)
    if problem.file == str(path):
        words = words.removeprefix(problem.file).removeprefix(":").strip()
    return words.replace(f"{path.parent}/", "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_policy_gives_the_problems_named_in_its_head(path: Path) -> None:
    head = path.read_text().splitlines()
    expected = [line.removeprefix("# expect: ") for line in head if line.startswith("# expect: ")]

    with pytest.raises(ProblemsError) as caught:
        load_files([path], load_profiles(path.parent / "profiles"), NOW)

    assert [said(problem, path) for problem in caught.value.problems] == [line.removeprefix("0: ") for line in expected]
    assert expected


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 40


def test_problems_of_all_files_of_a_folder_are_told_together() -> None:
    with pytest.raises(ProblemsError) as caught:
        load_files(FILES, load_profiles(Path("nowhere")), NOW)

    assert {problem.file for problem in caught.value.problems if problem.file.endswith(".toml")} >= ALONE
