from __future__ import annotations

import pytest
from cli.shop import Shop

from relay.cli import VERBS

ACTIONS = [
    *("policy test", "policy explain", "policy show", "policy schema", "policy lint", "policy new"),
    *("consent import", "consent export", "consent show", "consent grant", "consent withdraw", "consent verify"),
    *("log tail", "log query", "keys generate", "keys dns", "keys hash", "db migrate", "db status"),
]


@pytest.mark.parametrize("command", [*VERBS, *ACTIONS])
def test_every_command_says_what_it_does_and_what_each_word_means(shop: Shop, command: str) -> None:
    answer = shop.run(*command.split(), "--help")
    assert answer.code == 0
    described, _, options = answer.out.partition("\n\n")[2].partition("options:\n")
    assert described.strip()
    assert all(line.startswith(" ") for line in options.splitlines() if line)


def test_a_mistyped_command_is_wrong_usage_and_gets_a_hint(shop: Shop) -> None:
    answer = shop.run("chek")
    assert answer.code == 2
    assert answer.err == "consent-relay: 'chek' is not a command; did you mean check?\n"
    assert "consent-relay --help lists them" in shop.run("frobnicate").err


def test_an_option_before_the_command_is_told_where_it_goes(shop: Shop) -> None:
    answer = shop.run("-c", "relay.toml", "check")
    assert answer.code == 2
    assert answer.err == "consent-relay: options go after the command, as in: consent-relay check -c ...\n"


@pytest.mark.parametrize(
    "command",
    [
        "log query --reason no",
        "log query --verdict no",
        "consent grant a@example.com --stream newsletter --at now --basis no",
        "keys generate brand.example --type no",
        "policy new offers --kind no",
    ],
)
def test_a_wrong_choice_names_the_right_ones_as_they_are_typed(shop: Shop, command: str) -> None:
    answer = shop.run(*command.split())
    assert answer.code == 2
    assert "invalid choice: 'no' (choose from" in answer.err
    assert "<" not in answer.err.partition("invalid choice")[2]


def test_options_are_not_guessed_from_their_beginning(shop: Shop) -> None:
    assert "unrecognized arguments: --recip" in shop.run("log", "query", "--recip", "ann@example.com").err


def test_a_forgotten_configuration_file_is_told(shop: Shop) -> None:
    shop.file("relay.toml", "")
    shop.run("db", "migrate", "-c", "relay.toml")
    told = "consent-relay consent: relay.toml of this folder is not used; add -c relay.toml\n"
    assert shop.run("consent", "verify").err == told
    assert shop.run("consent", "verify", "-c", "relay.toml").err == ""


def test_what_nobody_foresaw_of_the_file_system_is_one_line(shop: Shop) -> None:
    shop.file("relay.toml", f'[store]\nurl = "sqlite:///{"a" * 300}"\n')
    answer = shop.run("log", "query", "-c", "relay.toml")
    assert answer.code == 1
    assert answer.err.startswith(f"consent-relay log: {shop.folder}/aaaa")
    assert answer.err.endswith("aaa: File name too long\n")
