"""Reads lists of consents, CSV or JSON lines, row by row whatever their size. A bad row is a value, never the end.

CSV is split here into records, because a stray quote must not swallow the rest of the file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

#: Most lines of one CSV record (a wording may have line breaks); more is a quote that is not closed.
_MOST_LINES: Final = 100
_BYTE_ORDER_MARK: Final = "\ufeff"


class ListError(Exception):
    """Why nothing of a list can be read."""


@dataclass(frozen=True, slots=True)
class Item:
    """line: where it begins in the file. raw: as it stands there, with its line end. wrong: why it is no row, or ""."""

    line: int
    raw: str
    row: Mapping[str, object]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class List:
    """kind: "csv" or "jsonl". header: the CSV header as it stands, "" for JSON lines. columns: its names, lower case."""

    kind: str
    header: str
    columns: tuple[str, ...]
    items: Iterator[Item]


def read_list(file: BinaryIO, encoding: str, on_octets: Callable[[int], None]) -> List:
    """on_octets: told the length of each line read. Raises ListError, LookupError for an unknown encoding."""
    lines = _lines(file, encoding, on_octets)
    number, first = next(lines, (1, ""))
    first = first.removeprefix(_BYTE_ORDER_MARK)
    if first.lstrip().startswith("["):
        raise ListError("this is one JSON array; write one object a line (jq -c '.[]')")
    if first.lstrip().startswith("{"):
        return List("jsonl", "", (), _json_items(_chained((number, first), lines)))
    delimiter = max(",;\t", key=first.count)
    try:
        header = tuple(name.strip().lower() for name in _fields(first, delimiter))
    except csv.Error:
        raise ListError("the header has a quote that is not closed") from None
    if not any(header):
        raise ListError("the list is empty; its first line has to name the columns")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ListError(f"the header names {', '.join(twice)} twice")
    return List("csv", first, header, _csv_items(lines, header, delimiter))


def _chained(first: tuple[int, str], rest: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


def _lines(file: BinaryIO, encoding: str, on_octets: Callable[[int], None]) -> Iterator[tuple[int, str]]:
    "".encode(encoding)  # LookupError now rather than in the middle
    for number, line in enumerate(file, start=1):
        on_octets(len(line))
        yield number, line.decode(encoding, "surrogateescape")  # refused row by row, where it matters


def _json_items(lines: Iterable[tuple[int, str]]) -> Iterator[Item]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Item(number, line, {}, f"is not JSON: {getattr(error, 'msg', 'nested too deep')}")
            continue
        if isinstance(row, dict):
            yield Item(number, line, {str(name).lower(): value for name, value in row.items()})
        else:
            yield Item(number, line, {}, "is not a JSON object")


def _csv_items(lines: Iterator[tuple[int, str]], header: tuple[str, ...], delimiter: str) -> Iterator[Item]:
    put_back: list[tuple[int, str]] = []
    while (found := put_back.pop() if put_back else next(lines, None)) is not None:
        number, raw = found
        if not raw.strip():
            continue
        taken: list[tuple[int, str]] = []
        while (values := _record(raw, delimiter)) is None and len(taken) < _MOST_LINES:
            more = put_back.pop() if put_back else next(lines, None)
            if more is None:
                break
            taken.append(more)
            raw += more[1]
        if values is None:  # not closed: only the line with the quote is lost
            put_back.extend(reversed(taken))
            yield Item(number, found[1], {}, "has a quote that is not closed")
        elif len(values) != len(header):
            yield Item(number, raw, {}, f"has {len(values)} fields, the header has {len(header)}")
        else:
            yield Item(number, raw, dict(zip(header, values, strict=True)))


def _record(text: str, delimiter: str) -> list[str] | None:
    """The fields of one record; None when a quote is still open."""
    try:
        return _fields(text, delimiter)
    except csv.Error:
        return None


def _fields(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.rstrip("\r\n").split(delimiter)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    if len(rows) != 1:
        raise csv.Error("not one record")
    return rows[0]
