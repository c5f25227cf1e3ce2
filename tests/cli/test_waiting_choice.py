from __future__ import annotations

import argparse

import pytest

from relay.cli import CommandError
from relay.cli.waiting_choice import add_filters, domain_of, filtered, named, whole_number
from relay.config.load import load_settings
from relay.queued import State
from relay.reason import Reason
from relay.store.waiting import WantedCopies

SETTINGS = load_settings(None, {})


def test_filters_become_what_is_wanted() -> None:
    parser = argparse.ArgumentParser()
    add_filters(parser)
    words = ["--stream", "s", "--client", "c", "--domain", "Bücher.example", "--reason", "stale"]
    assert filtered(parser.parse_args(words), (State.HELD,)) == WantedCopies(
        (State.HELD,), "s", "c", "xn--bcher-kva.example", Reason.STALE
    )
    assert filtered(parser.parse_args([]), ()) == WantedCopies()


def test_an_address_means_a_person_under_every_spelling_and_all_else_an_id() -> None:
    assert named("Ann+news@Example.com", SETTINGS).wide == named("ann@example.com", SETTINGS).wide != ""
    assert named(" 01ABC ", SETTINGS, (State.HELD,)) == WantedCopies((State.HELD,), identity="01ABC")


@pytest.mark.parametrize("text", ["", "  ", "a@b@c@"])
def test_what_names_nothing_is_wrong_usage(text: str) -> None:
    with pytest.raises(CommandError) as found:
        named(text, SETTINGS)
    assert found.value.exit_code == 2


def test_a_domain_that_is_none_is_wrong_usage() -> None:
    assert domain_of("@Example.COM.") == "example.com"
    with pytest.raises(CommandError, match="--domain"):
        domain_of("exa mple")


def test_a_limit_is_a_whole_number() -> None:
    assert whole_number("12") == 12
    with pytest.raises(argparse.ArgumentTypeError):
        whole_number("-1")
