from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.lists import Item, List, ListError, read_list


def read(content: str | bytes, encoding: str = "utf-8") -> tuple[List, list[Item]]:
    octets = content if isinstance(content, bytes) else content.encode()
    listed = read_list(io.BytesIO(octets), encoding, lambda _: None)
    return listed, list(listed.items)


def test_csv_is_read_by_its_header() -> None:
    listed, items = read("Address, Stream \nann@example.com,newsletter\n")
    assert (listed.kind, listed.columns) == ("csv", ("address", "stream"))
    assert items == [Item(2, "ann@example.com,newsletter\n", {"address": "ann@example.com", "stream": "newsletter"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_other_programs_are_read(delimiter: str) -> None:
    lines = [["address", "source"], ["ann@example.com", '"a fair"']]
    content = "\ufeff" + "".join(delimiter.join(line) + "\r\n" for line in lines)
    _, (item,) = read(content)
    assert item.row == {"address": "ann@example.com", "source": "a fair"}


def test_a_value_may_have_line_breaks_quotes_and_delimiters() -> None:
    _, items = read('address,wording\na@x.example,"Yes, I ""want""\nmail"\nb@x.example,short\n')
    assert items[0].row["wording"] == 'Yes, I "want"\nmail'
    assert [item.line for item in items] == [2, 4]


def test_a_stray_quote_costs_one_line_only() -> None:
    _, items = read('address,source\n"a@x.example,one\nb@x.example,two\nc@x.example,three\n')
    assert [(item.line, item.wrong) for item in items] == [(2, "has a quote that is not closed"), (3, ""), (4, "")]


def test_a_stray_quote_far_before_another_one_costs_one_line_only() -> None:
    lines = ["address,source"] + [f"user{number}@x.example,form" for number in range(300)]
    lines[5] = '"' + lines[5]
    _, items = read("\n".join(lines) + "\n")
    assert len(items) == 300
    assert [item.line for item in items if item.wrong] == [6]


def test_a_row_of_another_length_is_reported() -> None:
    _, items = read("address,source\na@x.example\nb@x.example,one,two\n\nc@x.example,three")
    assert [item.wrong for item in items] == ["has 1 fields, the header has 2", "has 3 fields, the header has 2", ""]
    assert [item.line for item in items] == [2, 3, 5]


def test_json_lines_are_read_object_by_object() -> None:
    listed, items = read('{"address": "ann@example.com", "At": "now"}\n\n[1]\n{"address"\n"text"\n')
    assert listed.kind == "jsonl"
    assert items[0].row == {"address": "ann@example.com", "at": "now"}
    assert [(item.line, item.wrong.split(":")[0]) for item in items[1:]] == [
        (3, "is not a JSON object"),
        (4, "is not JSON"),
        (5, "is not a JSON object"),
    ]


def test_json_nested_without_end_is_one_bad_line() -> None:
    _, items = read('{"a": 1}\n' + "[" * 100_000 + "\n{}\n")
    assert [bool(item.wrong) for item in items] == [False, True, False]


def test_other_encodings_are_read_when_named() -> None:
    content = "address,source\nann@example.com,東京の展示会\n"
    _, (item,) = read(content.encode("cp932"), "cp932")
    assert item.row["source"] == "東京の展示会"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('[{"address": "a"}]', "one object a line"),
        ("address,address\n", "address twice"),
        ('"address\n', "not closed"),
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(content: str, words: str) -> None:
    with pytest.raises(ListError, match=words):
        read(content)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(LookupError):
        read("address\n", "klingon")


def test_progress_is_told_in_octets() -> None:
    told: list[int] = []
    content = "address,source\na@x.example,é\n".encode()
    list(read_list(io.BytesIO(content), "utf-8", told.append).items)
    assert sum(told) == len(content)


@given(st.binary())
def test_whatever_a_file_holds_reading_it_ends_in_words(content: bytes) -> None:
    try:
        _, items = read(b"address,source\n" + content)
    except ListError as error:
        pytest.fail(f"the header was fine: {error}")
    assert all(item.line >= 2 for item in items)
