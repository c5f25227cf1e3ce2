from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from relay.cli import CommandError
from relay.cli.list_mapping import MappingFile, add_arguments, format_of, kind_of, mapping_of
from relay.config.toml import ProblemsError
from relay.consent.formats import Format


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def form(*arguments: str, columns: tuple[str, ...] = ("mail",), mapping: MappingFile | None = None) -> Format:
    return format_of(options(*arguments), mapping or MappingFile(), "csv", columns)


def written(folder: Path, content: str) -> MappingFile:
    file = folder / "shop.toml"
    file.write_text(content)
    return mapping_of(options("--mapping", str(file)))


def test_options_go_over_the_file_and_the_file_over_the_format(tmp_path: Path) -> None:
    mapping = written(
        tmp_path,
        """
        format = "listmonk"
        time_format = "%d.%m.%Y"
        [columns]
        language = "attributes.Lang"
        at = "Joined"
        [constants]
        basis = "written"
        source = "fair"
        [values.cause]
        "Aktiv" = ""
        "*" = "unsubscribe"
        """,
    )
    made = form("--column", "at=Since", "--value", "basis=single-opt-in", mapping=mapping)
    assert made.name == "listmonk"
    assert dict(made.columns) == {
        "address": ("email",),
        "at": ("since",),
        "cause": ("status",),
        "language": ("attributes.lang",),
    }
    assert made.constants["source"] == "fair"
    assert made.times == ("%d.%m.%Y",)
    assert made.values["cause"] == (("Aktiv", ""), ("*", "unsubscribe"))
    assert made.statement == "stated by the operator for all rows: basis=single-opt-in"


def test_several_columns_for_one_of_ours_are_tried_in_order(tmp_path: Path) -> None:
    assert form("--column", "at=A", "--column", "at=B").columns["at"] == ("a", "b")
    assert form(mapping=written(tmp_path, 'columns = { at = ["A", "B"] }')).columns["at"] == ("a", "b")


def test_columns_that_are_named_say_that_the_list_is_nobody_elses() -> None:
    ambiguous = ("status", "reason", "email", "created")
    assert form("--column", "address=email", columns=ambiguous).name == "consent-relay"
    with pytest.raises(CommandError, match="--format sendgrid-bounces or --format sendgrid-blocks"):
        form(columns=ambiguous)
    assert form("--format", "sendgrid-blocks", columns=ambiguous).name == "sendgrid-blocks"


def test_what_kind_of_file_it_is_follows_from_what_is_said() -> None:
    assert kind_of(options("--format", "plain"), MappingFile()) == "plain"
    assert kind_of(options("--header", "address,at"), MappingFile()) == "csv"
    assert kind_of(options(), MappingFile()) == ""


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("colums = 1\n", ":1: colums"),
        ("\n[columns]\naddress = 7\n", ":3: columns.address"),
        ("[values]\ncause = 'x'\n", ":2: values.cause"),
        ("[columns\n", ":1:"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, content: str, line: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        written(tmp_path, content)
    assert line in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('columns = { email = "address" }', "'email' is no column of ours"),
        ('constants = { acted = "ticked" }', "'acted' is no column of ours"),
        ('time_format = "DD.MM.YYYY"', "time_format: 'DD.MM.YYYY' is none of iso, unix, go"),
        ('format = "excel"', "'excel' is not known"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        form(mapping=written(tmp_path, content))
    assert words in str(caught.value)
