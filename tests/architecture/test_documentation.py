"""What is not documented does not exist: every setting, reason and command, every policy key, every link."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

import pytest

from relay import message
from relay.cli import VERBS
from relay.config import reference
from relay.decision import Result
from relay.message.compose import Shown
from relay.policy import format as policy_format
from relay.reason import MEANINGS, Reason

ROOT: Final = Path(__file__).resolve().parents[2]
MANUAL: Final = (ROOT / "deploy" / "README.md").read_text("utf-8")
README: Final = (ROOT / "README.md").read_text("utf-8")
POLICIES: Final = (ROOT / "policies" / "README.md").read_text("utf-8")
DOCUMENTS: Final = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("policies/*.md"), *ROOT.glob("deploy/*.md"), *ROOT.glob("tests/**/*.md")]
)


def test_the_table_of_settings_is_the_generated_one() -> None:
    assert reference.renewed(MANUAL) == MANUAL, "python -m relay.config.reference deploy/README.md"


@pytest.mark.parametrize(
    "key",
    [f"{name}.{key}".removeprefix(".") for name, _, model in reference.tables() for key, _ in reference.keys_of(model)],
)
def test_every_setting_is_in_the_manual(key: str) -> None:
    assert f"`{key.rpartition('.')[2]}`" in MANUAL


def test_every_setting_has_words_of_its_own() -> None:
    silent = [
        f"{name}.{key}"
        for name, _, model in reference.tables()
        for key, info in model.model_fields.items()
        if not info.description and not is_table(name, key)
    ]
    assert silent == []


def is_table(name: str, key: str) -> bool:
    return not name and key in {table.partition(".")[0] for table, _, _ in reference.tables()}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_in_the_policies_manual_and_means_something(reason: Reason) -> None:
    assert f"`{reason}`" in POLICIES
    meaning = MEANINGS[reason]
    assert meaning.explanation
    assert meaning.remedy


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_in_the_readme(verb: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith(f"| `consent-relay {verb}`")]
    assert len(rows) == 1, f"README's table of commands lacks {verb}"
    for action in actions_of(verb):
        assert f"`{action}`" in rows[0], f"README's row of {verb} lacks {action}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_names_no_action_that_is_not_there(verb: str) -> None:
    [row] = [line for line in README.splitlines() if line.startswith(f"| `consent-relay {verb}`")]
    named = set(re.findall(r"`([a-z][a-z-]*)`", row.partition("|")[2].partition("|")[2]))
    actions = set(actions_of(verb))
    if actions:
        assert named == actions


def actions_of(verb: str) -> Iterator[str]:
    """`import`, `export`, ... of `consent-relay consent`; nothing for a verb without."""
    parser = argparse.ArgumentParser()
    import_module(f"relay.cli.{VERBS[verb][0]}").add_arguments(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices


def leaves(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield " ".join(words), parser
    for action in nested:
        for word, inner in action.choices.items():
            yield from leaves(inner, (*words, word))


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for verb, (module, _) in VERBS.items():
        parser = argparse.ArgumentParser()
        import_module(f"relay.cli.{module}").add_arguments(parser)
        yield from leaves(parser, (verb,))


@pytest.mark.parametrize(("command", "parser"), [pytest.param(*one, id=one[0]) for one in commands()])
def test_every_command_takes_a_configuration_and_explains_its_options(
    command: str, parser: argparse.ArgumentParser
) -> None:
    options = {option for action in parser._actions for option in action.option_strings}
    if command not in ("demo", "init"):  # they make a configuration
        assert {"-c", "--config"} <= options
    silent = [action.dest for action in parser._actions if not action.help and action.option_strings]
    assert silent == []


def test_every_key_of_a_policy_is_in_its_manual() -> None:
    names = {name for model in policy_tables() for name in model.model_fields}
    aliases = {info.alias for model in policy_tables() for info in model.model_fields.values() if info.alias}
    missing = [name for name in names | aliases if not re.search(rf"\b{re.escape(name)}\b", POLICIES)]
    written = {name for name in missing if name.replace("_", "-") not in POLICIES and name.rstrip("_") not in POLICIES}
    assert sorted(written) == []


def policy_tables() -> Iterator[type[reference.Table]]:
    for value in vars(policy_format).values():
        if isinstance(value, type) and issubclass(value, reference.Table) and value is not reference.Table:
            yield value


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text("utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


LOG: Final = MANUAL.partition("## The log")[2].partition("\n## ")[0]


def test_every_event_of_the_log_is_in_the_manual() -> None:
    sources = "".join(file.read_text("utf-8") for file in (ROOT / "relay").rglob("*.py"))
    events = set(re.findall(r'\.(?:info|warning|error|critical|exception)\(\s*"([a-z-]+)"', sources))
    assert len(events) > 20
    assert sorted(event for event in events if f"`{event}`" not in LOG) == []


def test_every_field_of_a_decision_and_of_an_outcome_is_in_the_manual() -> None:
    source = (ROOT / "relay" / "log.py").read_text("utf-8")
    for function in ("write_decision", "write_outcome"):
        written = source.partition(f"def {function}")[2].partition("\ndef ")[0]
        fields = re.findall(r"^        ([a-z_]+)=", written, re.MULTILINE)
        assert len(fields) > 7
        assert [field for field in fields if f"`{field}`" not in LOG] == []
    assert [result for result in Result if f"`{result}`" not in LOG] == []


def test_every_way_to_tell_the_reader_is_in_the_manual() -> None:
    named = set(re.findall(r"^\| `([^`]+)` \|", LOG, re.MULTILINE))
    assert {shown.value for shown in Shown} - {Shown.NONE.value} <= named
    assert f"{Shown.NONE}: ..." in named


def test_the_front_page_of_the_rewriting_names_each_of_its_modules_once() -> None:
    table = (message.__doc__ or "").partition("from the outside in:")[2]
    named = [name for line in table.splitlines() if line.startswith("    ") for name in line[20:].split()]
    assert sorted(named) == sorted(one.name for one in iter_modules(message.__path__))
