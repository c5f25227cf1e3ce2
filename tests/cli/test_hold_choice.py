from __future__ import annotations

import argparse

import pytest

from relay.cli import CommandError
from relay.cli.hold_choice import HELD, add_choice, choice_of
from relay.config.load import load_settings
from relay.store.waiting import WantedCopies

SETTINGS = load_settings(None, {})


def chosen(*words: str) -> tuple[WantedCopies, str]:
    parser = argparse.ArgumentParser()
    add_choice(parser)
    return choice_of(parser.parse_args(words), SETTINGS)


def test_only_held_copies_are_ever_chosen() -> None:
    assert chosen("01ABC") == (WantedCopies(states=HELD, identity="01ABC"), "of 01ABC")
    assert chosen("--stream", "news") == (WantedCopies(states=HELD, stream="news"), "of news")
    wanted, said = chosen("--stream", "news", "--address", "ann@example.com")
    assert (wanted.states, wanted.stream, said) == (HELD, "news", "of news and ann@example.com")
    assert wanted.wide


@pytest.mark.parametrize("words", [[], ["01ABC", "--stream", "news"], ["01ABC", "--address", "ann@example.com"]])
def test_what_is_not_clear_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(CommandError) as found:
        chosen(*words)
    assert found.value.exit_code == 2
