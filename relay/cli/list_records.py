"""Splits the text of a list into records: CSV, JSON lines, or one address a line. A bad record is a value, never the end.

CSV is split here, because a stray quote must not swallow the rest of the file. Nothing here reads a file.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

#: Most lines of one CSV record (a wording may have line breaks); more is a quote that is not closed.
MOST_LINES: Final = 100
#: Characters of one line; more is no list.
LONGEST_LINE: Final = 1 << 20

#: (place of its first line, how many lines, the fields of a CSV record or the columns of an object, why it is no record)
Record = tuple[int, int, Sequence[str] | Mapping[str, object] | None, str]

_NAMED: Final = re.compile(r"[^<>]*<([^<>]*)>[\s;,]*")
_TOO_LONG: Final = f"is longer than {LONGEST_LINE} characters, or its line ends are missing"


def csv_records(lines: Sequence[str], delimiter: str, width: int) -> Iterator[Record]:
    """lines: without line feeds. width: fields of the header."""
    place = 0
    while place < len(lines):
        line = lines[place]
        if '"' not in line:
            if not line or line.isspace():
                place += 1
                continue
            if len(line) > LONGEST_LINE:
                yield place, 1, None, _TOO_LONG
            else:
                fields = line.rstrip("\r").split(delimiter)
                yield place, 1, fields, "" if len(fields) == width else _wrong_width(fields, width)
            place += 1
            continue
        count, quoted, wrong = _quoted(lines, place, delimiter, width)
        yield place, count, quoted, wrong
        place += count


def json_records(lines: Sequence[str]) -> Iterator[Record]:
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            yield place, 1, None, _TOO_LONG
            continue
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield place, 1, None, f"is not JSON: {getattr(error, 'msg', 'nested too deep, or a number too long')}"
            continue
        if isinstance(row, dict):
            yield place, 1, {str(name).lower(): value for name, value in row.items()}, ""
        else:
            yield place, 1, None, "is not a JSON object"


def plain_records(lines: Sequence[str]) -> Iterator[Record]:
    """One address a line, alone or behind a name in angle brackets; lines that begin with # are comments."""
    for place, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        named = _NAMED.fullmatch(text) if len(text) <= LONGEST_LINE else None
        yield place, 1, {"address": named[1] if named else text.rstrip(";, ")}, ""


def fields_of(text: str, delimiter: str) -> list[str] | None:
    """The fields of one CSV record; None where its quotes have gone wrong."""
    if '"' not in text:
        return text.rstrip("\r\n").split(delimiter)
    try:
        rows = list(csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _quoted(lines: Sequence[str], place: int, delimiter: str, width: int) -> tuple[int, Sequence[str] | None, str]:
    simple = _every_field_quoted(lines[place].rstrip("\r"), delimiter, width)
    if simple is not None:
        return 1, simple, ""
    count = _lines_until_closed(lines, place)
    found = fields_of("\n".join(lines[place : place + count]), delimiter) if count else None
    if found is not None and len(found) == width:
        return count, found, ""
    if len(lines[place]) > LONGEST_LINE:
        return 1, None, _TOO_LONG
    if count != 1:  # none, or two stray quotes with good lines between them: only the line with the first one is lost
        return 1, None, "has a quote that is not closed"
    return 1, found, "has a quote where none may stand" if found is None else _wrong_width(found, width)


def _every_field_quoted(line: str, delimiter: str, width: int) -> list[str] | None:
    """The fields where each stands in quotes and none contains one, as many programs write them; None otherwise."""
    if line.count('"') != 2 * width or line[0] != '"' or line[-1] != '"' or len(line) > LONGEST_LINE:
        return None
    fields = line[1:-1].split(f'"{delimiter}"')
    return fields if len(fields) == width else None


def _lines_until_closed(lines: Sequence[str], place: int) -> int:
    """How many lines a record takes that begins here; 0 when its quote is closed nowhere near."""
    is_open = False
    octets = 0
    for count, line in enumerate(lines[place : place + MOST_LINES], start=1):
        octets += len(line)
        if octets > LONGEST_LINE:
            return 0
        is_open ^= bool(line.count('"') & 1)
        if not is_open:
            return count
    return 0


def _wrong_width(fields: Sequence[str], width: int) -> str:
    return f"has {len(fields)} fields, the header has {width}"
