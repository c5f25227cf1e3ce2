from __future__ import annotations

import csv
import io
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.list_records import csv_records, fields_of, json_records, plain_records


def records(text: str, width: int = 2) -> list[tuple[int, Any, str]]:
    return [(place + 1, fields, wrong) for place, _, fields, wrong in csv_records(text.split("\n"), ",", width)]


def test_a_stray_quote_costs_one_line_only() -> None:
    found = records('"a@x.example,one\nb@x.example,two\nc@x.example,three\n')
    assert [(line, wrong) for line, _, wrong in found] == [(1, "has a quote that is not closed"), (2, ""), (3, "")]


def test_two_stray_quotes_cost_two_lines_only() -> None:
    lines = [f"user{number}@x.example,form" for number in range(300)]
    lines[5], lines[50] = '"' + lines[5], '"' + lines[50]
    found = records("\n".join(lines) + "\n")
    assert [line for line, _, wrong in found if wrong] == [6, 51]
    assert len(found) == 300


def test_text_behind_a_closing_quote_costs_one_line_only() -> None:
    found = records('"a@x.example"x,one\nb@x.example,two\n')
    assert [(line, wrong) for line, _, wrong in found] == [(1, "has a quote where none may stand"), (2, "")]


def test_a_row_of_another_length_is_reported() -> None:
    found = records('a@x.example\nb@x.example,one,two\n\n"c@x.example","x","y"\nd@x.example,three')
    assert [wrong for _, _, wrong in found] == [
        "has 1 fields, the header has 2",
        "has 3 fields, the header has 2",
        "has 3 fields, the header has 2",
        "",
    ]
    assert [line for line, _, _ in found] == [1, 2, 4, 5]


def test_formulas_are_text_like_any_other() -> None:
    assert records('=cmd|x,"=1+1"')[0][1] == ["=cmd|x", "=1+1"]


def test_a_million_stray_quotes_take_no_more_time_than_their_lines() -> None:
    started = time.process_time()
    for text in ('"x,y\n', '"a"b,c\n', 'a"b,"\n'):
        assert len(records(text * 20_000)) == 20_000 or text == 'a"b,"\n'
    assert time.process_time() - started < 20  # a quadratic reading takes minutes


def test_a_line_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.cli.list_records.LONGEST_LINE", 30)
    for long in ("x" * 40 + ",y", f'"{"x" * 40}",y', f'"{"x" * 40}",{"y"!r}'):
        assert "is longer than" in records(f"{long}\na,b")[0][2]
    assert records("a,b")[0][2] == ""


def test_json_nested_without_end_is_one_bad_line() -> None:
    found = list(json_records(["{}", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "{}"]))
    assert [bool(wrong) for _, _, _, wrong in found] == [False, True, True, False]


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("a@x.example", "a@x.example"),
        ("  a@x.example ; ", "a@x.example"),
        ("Ann B <a@x.example>", "a@x.example"),
        ('"B, Ann" <a@x.example>,', "a@x.example"),
        ("<a@x.example>", "a@x.example"),
        ("Ann <a@x.example> <b@x.example>", "Ann <a@x.example> <b@x.example>"),  # refused later
    ],
)
def test_an_address_stands_alone_or_behind_a_name(line: str, address: str) -> None:
    ((_, _, record, _),) = plain_records([line])
    assert record == {"address": address}


def test_comments_and_empty_lines_are_no_people() -> None:
    assert list(plain_records(["", "# since 2019", "  ", " # x"])) == []


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), min_size=1, max_size=8), st.booleans())
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]], quote_all: bool) -> None:
    rows = [[one.replace("\r", "").replace("\0", "") for one in row] for row in rows]
    rows = [row for row in rows if "".join(row).strip()]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(rows)
    assert [list(fields) for _, fields, _ in records(written.getvalue())] == rows


@given(st.text(alphabet='",ab\n', max_size=12))
def test_fields_are_those_of_the_standard_library(text: str) -> None:
    text = text.replace("\n", "")
    try:
        expected = next(csv.reader([text], strict=True), [])
    except csv.Error:
        expected = None
    if text:
        assert fields_of(text, ",") == expected
