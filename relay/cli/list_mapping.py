"""What the operator says of a list, by options or in a file: its format, its columns, what holds for all rows.

Options go over the file, the file over the format. Nothing is read of the list itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import Field

from relay.cli import CommandError
from relay.config.toml import Table, read_document, validate
from relay.consent.formats import COLUMNS, Format, FormatError
from relay.consent.known_formats import BY_NAME, OWN, recognised

#: Ours that no format of another program has a column for, but a rule of the command.
_HINT: Final = "write OURS=THEIRS, as in --column address=Email"


class MappingFile(Table):
    """A file for --mapping. format: a known one to begin with. columns: ours = theirs, or several of theirs, of which the
    first that is not empty counts. constants: what holds for rows that do not say. values: what their words mean here.
    """

    format: str = ""
    encoding: str = ""
    timezone: str = ""
    time_format: str | tuple[str, ...] = ()
    columns: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", default="", metavar="NAME", help=f"of the list: {', '.join(BY_NAME)}")
    parser.add_argument("--mapping", default="", metavar="FILE", help="TOML file that says what the columns mean")
    parser.add_argument(
        "--column", action="append", default=[], metavar="OURS=THEIRS", help="which column of the list is ours"
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="OURS=VALUE",
        help="what holds for rows that do not say; the ledger notes that you said it, not the list",
    )
    parser.add_argument("--header", default="", metavar="NAMES", help="columns of a CSV file without a header")


def mapping_of(arguments: argparse.Namespace) -> MappingFile:
    """What the file of --mapping says; nothing without one. Raises ProblemsError."""
    if not arguments.mapping:
        return MappingFile()
    return validate(MappingFile, read_document(Path(arguments.mapping)))


def kind_of(arguments: argparse.Namespace, mapping: MappingFile) -> str:
    """Kind "plain" or "csv" where the operator's words leave no other; "" where the file has to tell."""
    name = arguments.format or mapping.format
    if name == "plain":
        return "plain"
    return "csv" if arguments.header or arguments.column or mapping.columns else ""


def format_of(arguments: argparse.Namespace, mapping: MappingFile, kind: str, columns: Sequence[str]) -> Format:
    """The format of a list with these columns. Raises CommandError."""
    name = arguments.format or mapping.format
    try:
        if name:
            form = BY_NAME[name]
        elif kind == "plain":
            form = BY_NAME["plain"]
        else:
            form = OWN if arguments.column or mapping.columns else recognised(columns)
        return form.changed(
            {**{ours: _several(theirs) for ours, theirs in mapping.columns.items()}, **_columns(arguments.column)},
            {**mapping.constants, **dict(_pair(text, "--value", "OURS=VALUE") for text in arguments.value)},
            {ours: tuple(meanings.items()) for ours, meanings in mapping.values.items()},
            **({"times": _several(mapping.time_format)} if mapping.time_format else {}),
        )
    except KeyError:
        known = ", ".join(BY_NAME)
        raise CommandError(f"--format: {name!r} is not known; known are {known}", exit_code=2) from None
    except FormatError as error:
        raise CommandError(str(error), exit_code=2) from None


def _columns(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Named twice: the first that is not empty."""
    columns: dict[str, tuple[str, ...]] = {}
    for text in options:
        ours, theirs = _pair(text, "--column", _HINT)
        columns[ours] = (*columns.get(ours, ()), theirs)
    return columns


def _pair(text: str, option: str, hint: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    ours = ours.strip().lower()
    if not equals or ours not in COLUMNS:
        raise CommandError(f"{option}: {text!r}; {hint}; ours are {', '.join(COLUMNS)}", exit_code=2)
    return ours, theirs.strip()


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
