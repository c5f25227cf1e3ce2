"""Every file of bad_configs stands with all the errors it must give, in comments at its head.

`# expect: LINE: KEY: WRONG, INSTEAD` once for each problem, in order; `# env: NAME=VALUE` sets a variable. {folder}
stands for the folder of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from relay.config.files import named_files
from relay.config.load import load
from relay.config.problems import Problem, ProblemsError

FOLDER: Final = Path(__file__).resolve().parents[1] / "bad_configs"
FILES: Final = sorted(FOLDER.glob("*.toml"))


def problems_of(path: Path, environ: dict[str, str]) -> tuple[Problem, ...]:
    try:
        return tuple(sorted(named_files(load(path, environ))))
    except ProblemsError as error:
        return error.problems


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_config_gives_exactly_the_errors_in_its_head(file: Path, tmp_path: Path) -> None:
    source = file.read_bytes()
    head = source.decode("utf-8", "replace").splitlines()
    expected = [line.removeprefix("# expect: ") for line in head if line.startswith("# expect: ")]
    variables = [line.removeprefix("# env: ").partition("=") for line in head if line.startswith("# env: ")]
    copy = tmp_path / "relay.toml"
    copy.write_bytes(source)
    found = [str(problem) for problem in problems_of(copy, {name: value for name, _, value in variables})]
    assert [line.removeprefix(f"{copy}:").replace(str(tmp_path), "{folder}") for line in found] == expected


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 40


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_error_says_what_to_write_instead(file: Path) -> None:
    for problem in problems_of(file, {}):
        assert problem.wrong
        assert problem.instead
        assert not problem.instead.endswith(".")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_error_repeats_a_password(file: Path) -> None:
    assert not any(secret in str(problem) for problem in problems_of(file, {}) for secret in ("hunter2", "12345678"))
