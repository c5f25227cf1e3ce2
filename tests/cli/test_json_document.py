from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.json_document import DocumentError, is_document, records_of_document

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=3)
)


def pieces_of(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(st.lists(st.dictionaries(st.text(), values, max_size=3), max_size=6), st.integers(1, 40), st.none() | st.just(2))
def test_records_come_back_whole_however_the_file_is_read(
    rows: list[dict[str, Any]], size: int, indent: int | None
) -> None:
    for document in (rows, {"NextToken": None, "SuppressedDestinationSummaries": rows, "total": 3}):
        text = json.dumps(document, indent=indent)
        records = list(records_of_document(pieces_of(text, size)))
        assert [json.loads(record) for record in records] == rows
        assert not any("\n" in record for record in records)


def test_a_broken_record_is_given_back_and_the_next_one_is_read() -> None:
    records = list(records_of_document(['[{"a": 1}, {"b": tru}, {"c": 3}]']))
    assert records == ['{"a": 1}', '{"b": tru}', '{"c": 3}']


def test_a_document_that_is_cut_off_ends_with_what_is_there() -> None:
    assert list(records_of_document(['{"entries": [{"a": 1}, {"b"'])) == ['{"a": 1}', '{"b"']


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('{"a": 1}\n{"a": 2}\n', False),
        ('{"a": 1\n{"a": 2}\n', False),
        ('{"a": 1}', False),
        ('[{"a": 1}]', True),
        ('{\n"a": 1}', True),
        ('{"Suppressions": [{"a": 1}]}', True),
        ('{"data": {"results": [\n{"a": 1}]}}', True),
    ],
)
def test_one_document_is_told_from_an_object_a_line(text: str, is_one: bool) -> None:
    assert is_document(text, text.partition("\n")[0]) is is_one


def test_a_document_without_known_records_says_how_to_write_them() -> None:
    with pytest.raises(DocumentError, match="jq -c"):
        list(records_of_document(['{"people": [{"a": 1}]}']))


@given(st.text(alphabet='[]{}",:ab1 \n', max_size=60), st.integers(1, 10))
def test_whatever_stands_there_reading_it_ends(text: str, size: int) -> None:
    list(records_of_document(["[", *pieces_of(text, size)]))
