from __future__ import annotations

import argparse
from types import ModuleType

import pytest

from relay.cli.actions import Actions


def action(name: str, code: int) -> ModuleType:
    module = ModuleType(name)
    module.add_arguments = lambda parser: parser.add_argument(f"--{name}")  # type: ignore[attr-defined]
    module.run = lambda arguments: code  # type: ignore[attr-defined]
    return module


VERB = Actions({"look": (action("look", 0), "see what is there"), "take": (action("take", 1), "take it out")})


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="consent-relay verb", allow_abbrev=False)
    VERB.add_arguments(made)
    return made


def test_the_action_that_was_named_runs_and_its_exit_code_counts(parser: argparse.ArgumentParser) -> None:
    assert VERB.run(parser.parse_args(["look"])) == 0
    assert VERB.run(parser.parse_args(["take"])) == 1


def test_each_action_has_its_own_options_and_all_take_a_configuration(parser: argparse.ArgumentParser) -> None:
    given = parser.parse_args(["take", "--take", "it", "-c", "relay.toml"])
    assert (given.take, given.config) == ("it", "relay.toml")
    with pytest.raises(SystemExit):
        parser.parse_args(["take", "--look", "it"])


@pytest.mark.parametrize("given", [[], ["drop"], ["tak"]])
def test_an_action_has_to_be_named_in_full(
    parser: argparse.ArgumentParser, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(given)
    assert ended.value.code == 2
    assert "ACTION" in capsys.readouterr().err


def test_the_list_of_actions_has_a_line_for_each(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    told = capsys.readouterr().out
    assert "see what is there" in told
    assert "take it out" in told
