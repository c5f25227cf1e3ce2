"""Missing files are in bad_configs; here rights, and that nothing is made."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.config.files import named_files, place_of_dkim_key
from relay.config.load import load

SIGNING = '[[dkim."Brand.Example"]]\nselector = "s1"\nkey = "k.pem"\n[dkim.default]\nselector = "s1"\nkey = "k.pem"\n'


def problems_in(folder: Path, text: str) -> list[str]:
    (folder / "relay.toml").write_text(text)
    return [problem.wrong for problem in named_files(load(folder / "relay.toml", {}))]


def test_nothing_is_made(tmp_path: Path) -> None:
    assert problems_in(tmp_path, "") == []
    assert [file.name for file in tmp_path.iterdir()] == ["relay.toml"]


def test_a_key_that_everybody_can_read_is_a_problem(tmp_path: Path) -> None:
    key = tmp_path / "k.pem"
    key.touch(0o600)
    assert problems_in(tmp_path, SIGNING) == []
    key.chmod(0o644)
    assert problems_in(tmp_path, SIGNING) == [f"anybody on this machine can read {key}"] * 2


def test_a_file_where_a_folder_should_be_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    assert problems_in(tmp_path, "") == [f"{tmp_path / 'var'} is a file where a folder should be"] * 3


def test_what_rights_forbid_is_told(somebody_elses: Path) -> None:
    text = f"policies = '.'\n{SIGNING}[[next_hop]]\ntls = 'starttls'\nca = 'locked/ca.pem'\n[log]\npath = 'relay.log'\n"
    (somebody_elses / "relay.toml").write_text(text)  # the shipped policies may lie where nobody else gets
    (somebody_elses / "k.pem").touch(0o600)
    (somebody_elses / "relay.log").touch(0o600)
    (somebody_elses / "locked").mkdir(0o700)
    (somebody_elses / "var").mkdir(0o755)
    assert as_nobody(lambda: problems_found(somebody_elses / "relay.toml")) == {
        f"{somebody_elses / 'k.pem'} may not be read",
        f"{somebody_elses / 'locked' / 'ca.pem'} is out of reach",
        f"{somebody_elses / 'relay.log'} may not be written",
        f"nothing may be written in {somebody_elses / 'var'}",
    }


@pytest.fixture
def somebody_elses() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are for its user alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def problems_found(file: Path) -> set[str]:
    return {problem.wrong for problem in named_files(load(file, {}))}


def as_nobody(ask: Callable[[], set[str]]) -> set[str]:
    """What `ask` answers in a process without root's rights."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65_534)
            os.setuid(65_534)
            os.write(writing, json.dumps(sorted(ask())).encode())
        except BaseException as error:  # noqa: BLE001 - the child must not go on as a second pytest
            os.write(writing, json.dumps([repr(error)]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found = set(json.loads(answer.read()))
    os.waitpid(child, 0)
    return found


def test_the_place_of_a_dkim_key_is_known_however_its_domain_is_written(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text(SIGNING)
    loaded = load(tmp_path / "relay.toml", {})
    assert place_of_dkim_key(loaded, "brand.example", 0) == ("dkim", "Brand.Example", 0, "key")
    assert place_of_dkim_key(loaded, "default", 0) == ("dkim", "default", "key")
