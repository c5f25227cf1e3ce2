"""A TOML file that a person wrote -> validated values, or every problem at once with its line.

`read_document` reads and parses, `validate` turns the data into a pydantic Table. Both raise ProblemsError; no other
error of a file's content leaves this module.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from relay.config.lines import Location, dotted, lines_of
from relay.config.mistakes import Found, Mistake, Mistakes, Table, in_words
from relay.config.problems import Problem, ProblemsError
from relay.config.syntax import syntax_problems

__all__ = [
    "Document",
    "Found",
    "Mistake",
    "Mistakes",
    "Problem",
    "ProblemsError",
    "Table",
    "findings",
    "read_document",
    "validate",
]

M = TypeVar("M", bound=Table)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. lines: where each key stands. origins: keys whose value comes from elsewhere (the environment),
    with the name to show instead of file and key.
    """

    path: Path
    data: dict[str, Any]
    lines: Mapping[Location, int] = field(default_factory=dict)
    origins: Mapping[Location, str] = field(default_factory=dict)

    def line_of(self, location: Sequence[str | int]) -> int:
        """The line of the key, or of its nearest ancestor that stands in the file; 1 when none does."""
        for end in range(len(location), 0, -1):
            line = self.lines.get(tuple(location[:end]))
            if line:
                return line
        return 1 if self.lines else 0

    def problem(self, location: Sequence[str | int], wrong: str, instead: str = "") -> Problem:
        """A problem at a key, e.g. for checks that look at several keys or files."""
        for end in range(len(location), 0, -1):
            origin = self.origins.get(tuple(location[:end]))
            if origin:
                inside = dotted(location[end:])
                return Problem("environment", 0, f"{origin} ({inside})" if inside else origin, wrong, instead)
        return Problem(str(self.path), self.line_of(location), dotted(location), wrong, instead)


def read_document(path: Path) -> Document:
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise ProblemsError([Problem(str(path), 0, "", "there is no such file", "check the path")]) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ProblemsError(
            [Problem(str(path), 0, "", f"cannot be read ({reason})", "check path and rights")]
        ) from None
    return parse_document(path, source)


def parse_document(path: Path, source: bytes) -> Document:
    """A document from bytes; `path` is only a name here."""
    if source.startswith(b"\xef\xbb\xbf"):
        source = source[3:]  # some editors on Windows write a byte order mark; it means nothing in UTF-8
    try:
        text = source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise ProblemsError(
            [Problem(str(path), line, "", "there are bytes that are not UTF-8", "save the file as UTF-8")]
        ) from None
    lines = lines_of(source)
    nested = Problem(str(path), lines.too_deep, "", "lists or tables are nested too deeply", "write them flat")
    if lines.too_deep:
        raise ProblemsError([nested])
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProblemsError(syntax_problems(str(path), text, lines, str(error))) from None
    except RecursionError:  # a file so broken that its depth could not be seen
        raise ProblemsError([nested]) from None
    return Document(path, data, lines.first)


def validate(model: type[M], document: Document) -> M:
    """The document as `model`, strictly: no text for a number, no 1 for true; text for enums, lists for tuples."""
    result, found = findings(model, document)
    if result is None:
        raise ProblemsError(document.problem(one.location, one.wrong, one.instead) for one in found)
    return result


def findings(model: type[M], document: Document) -> tuple[M | None, list[Found]]:
    """Like `validate`, for callers that look further before they report: either a result or what was found."""
    found = _dates(document.data, (), model.days)
    try:
        # JSON mode is what makes strictness fit TOML: python mode would also refuse text for an enum
        result = model.model_validate_json(json.dumps(document.data, default=str), strict=True)
    except ValidationError as error:
        said = in_words(model, document.data, error.errors(include_url=False))
        # a date that would be wrong in quotes as well is explained by what is expected there
        explained = {one.location for one in said}
        return None, [one for one in found if one.location not in explained] + said
    return (None if found else result), found


def _dates(value: object, here: Location, days: Collection[Location]) -> list[Found]:
    """Those that stand where none is read. days: where one is."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _dates(inner, (*here, key), days)]
    if isinstance(value, list):
        return [found for number, inner in enumerate(value) for found in _dates(inner, (*here, number), days)]
    is_read = tuple(part for part in here if isinstance(part, str)) in days
    if isinstance(value, (datetime, date, time)) and not is_read:
        return [Found(here, "a date without quotes is not used here", f'write "{value.isoformat()}"')]
    return []
