from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli import lists
from relay.cli.lists import List, ListError, read_list, records_of

#: (number of the line, fields or columns, why it is no record)
Found = tuple[int, Any, str]


def read(content: str | bytes, encoding: str = "utf-8", **known: str) -> tuple[List, list[Found]]:
    octets = content if isinstance(content, bytes) else content.encode()
    listed = read_list(io.BytesIO(octets), encoding, lambda _: None, **known)
    return listed, found_in(listed)


def found_in(listed: List) -> list[Found]:
    found = []
    for first, block in listed.blocks:
        lines = block.decode("utf-8", "surrogateescape").split("\n")
        for place, _, record, wrong in records_of(listed.kind, lines, listed.delimiter, len(listed.columns)):
            found.append((first + place, record, wrong))
    return found


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_PIECE", 64)


def test_csv_is_read_by_its_header() -> None:
    listed, found = read("Address, Stream \nann@example.com,newsletter\n")
    assert (listed.kind, listed.columns, listed.header) == ("csv", ("address", "stream"), "Address, Stream ")
    assert found == [(2, ["ann@example.com", "newsletter"], "")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_tables_of_other_programs_are_read(delimiter: str, end: str, mark: str) -> None:
    table = [["address", "source"], ["ann@example.com", '"a fair"'], ["bob@example.com", "shop"]]
    listed, found = read(mark + "".join(delimiter.join(line) + end for line in table))
    assert listed.columns == ("address", "source")
    assert [record for _, record, _ in found] == [["ann@example.com", "a fair"], ["bob@example.com", "shop"]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_is_believed_before_what_was_said(encoding: str) -> None:
    text = "address,source\nann@example.com,東京の展示会\n"
    content = text.encode(encoding) if encoding[-2:] not in ("le", "be") else f"\ufeff{text}".encode(encoding)
    listed, found = read(content, "cp932")
    assert found == [(2, ["ann@example.com", "東京の展示会"], "")]
    assert listed.is_utf8 is (encoding == "utf-8-sig")


def test_utf_16_without_a_mark_is_noticed() -> None:
    with pytest.raises(ListError, match="--encoding utf-16-le"):
        read("address,source\n".encode("utf-16-le"))
    assert read("address,at\na@x.example,b\n".encode("utf-16-be"), "utf-16-be")[1] == [(2, ["a@x.example", "b"], "")]


def test_other_encodings_are_read_when_named() -> None:
    content = "address,source\nann@example.com,東京の展示会\n"
    assert read(content.encode("cp932"), "cp932")[1] == [(2, ["ann@example.com", "東京の展示会"], "")]
    assert read(content.encode("iso-2022-jp"), "iso-2022-jp")[1] == [(2, ["ann@example.com", "東京の展示会"], "")]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("address,source\nann@example.com,東京\nbob@example.com,x\n".encode("cp932"), "utf-8"),
        (b"address,source\nann@example.com,\x81\nbob@example.com,x\n", "cp932"),
        ("address,source\nann@example.com,\ud800\nbob@example.com,x\n".encode("utf-16", "surrogatepass"), "utf-8"),
        (b"address,source\nann@example.com,\xff\nbob@example.com,x\n", "ascii"),
    ],
)
def test_what_is_not_in_the_encoding_concerns_its_row_alone(content: bytes, encoding: str) -> None:
    _, found = read(content, encoding)
    assert found[-1][1] == ["bob@example.com", "x"]
    with pytest.raises(UnicodeEncodeError):  # so that the row is refused, in words
        found[0][1][1].encode()


def test_a_value_may_have_line_breaks_quotes_and_delimiters() -> None:
    _, found = read('address,wording\na@x.example,"Yes, I ""want""\nmail"\nb@x.example,short\n')
    assert found[0][1][1] == 'Yes, I "want"\nmail'
    assert [line for line, _, _ in found] == [2, 4]


def test_records_are_never_cut_where_a_quote_is_open(small_pieces: None) -> None:
    wordings = [f'"Yes,\nI want\nmail {number}"' if number % 3 else "short" for number in range(200)]
    content = "address,wording\n" + "".join(f"user{n}@x.example,{words}\n" for n, words in enumerate(wordings))
    _, found = read(content)
    assert [record[1] for _, record, _ in found] == [words.strip('"') for words in wordings]
    lines = content.split("\n")
    assert all(lines[line - 1].startswith(record[0]) for line, record, _ in found)


def test_a_stray_quote_costs_one_line_wherever_the_file_is_cut(small_pieces: None) -> None:
    lines = ["address,source"] + [f"user{number}@x.example,form" for number in range(900)]
    for stray in (5, 250, 251, 600, 899):
        lines[stray] = '"' + lines[stray]
    _, found = read("\n".join(lines) + "\n")
    assert [line for line, _, wrong in found if wrong] == [6, 251, 252, 601, 900]
    assert len(found) == 900


def test_a_line_without_an_end_is_refused_and_what_follows_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "address,source\n" + "x" * 3_000_000 + "\nb@x.example,two\n"
    _, found = read(content)
    assert "is longer than" in found[0][2]
    assert found[1] == (3, ["b@x.example", "two"], "")


def test_the_blocks_of_a_long_list_stay_small() -> None:
    content = b"address,source\n" + b"user@x.example,form\n" * 100_000
    listed = read_list(io.BytesIO(content), "utf-8", lambda _: None)
    blocks = list(listed.blocks)
    assert max(len(block) for _, block in blocks) < 300_000
    assert blocks[1][0] == 2 + blocks[0][1].count(b"\n")
    assert sum(block.count(b"\n") for _, block in blocks) == 100_000


def test_empty_lines_before_the_header_are_passed_over() -> None:
    listed, found = read("\n \r\naddress,source\na@x.example,x\n")
    assert (listed.columns, found[0][0]) == (("address", "source"), 4)


@pytest.mark.parametrize(
    "content",
    ["a@x.example\nb@x.example\n", "# our members\na@x.example\n", 'Ann, "the one" <a@x.example>\nb@x.example\n'],
)
def test_one_address_a_line_needs_no_header(content: str) -> None:
    listed, found = read(content)
    assert (listed.kind, listed.columns) == ("plain", ("address",))
    assert found[0][1] == {"address": "a@x.example"}


def test_a_list_said_to_be_plain_is_read_as_one_whatever_it_begins_with() -> None:
    assert [record for _, record, _ in read("ann\na@x.example\n", kind="plain")[1]] == [
        {"address": "ann"},
        {"address": "a@x.example"},
    ]


def test_a_file_without_a_header_takes_the_one_that_is_given() -> None:
    listed, found = read("a@x.example;BOUNCE\nb@x.example;COMPLAINT\n", header="address,cause")
    assert (listed.columns, listed.delimiter) == (("address", "cause"), ";")
    assert [line for line, _, _ in found] == [1, 2]
    again, rows = read("rejected_because;address;cause\nwhy;a@x.example;BOUNCE\n", header="address,cause")
    assert again.columns == ("rejected_because", "address", "cause")
    assert rows == [(2, ["why", "a@x.example", "BOUNCE"], "")]


def test_json_lines_are_read_object_by_object() -> None:
    listed, found = read('{"address": "ann@example.com", "At": "now"}\n\n[1]\n{"address"\n"text"\n')
    assert (listed.kind, listed.columns) == ("jsonl", ("address", "at"))
    assert read('{}\n{"a": 1}\n{"B": 1, "a": 2}\n')[0].columns == ("a", "b")  # the first one may be broken
    assert read('[{"a": 1}, {"B": 1}]')[0].columns == ("a", "b")
    assert found[0] == (1, {"address": "ann@example.com", "at": "now"}, "")
    assert [(line, wrong.split(":")[0]) for line, _, wrong in found[1:]] == [
        (3, "is not a JSON object"),
        (4, "is not JSON"),
        (5, "is not a JSON object"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("space", ["", "\n  "])
def test_one_json_document_is_read_record_by_record(encoding: str, space: str, small_pieces: None) -> None:
    records = ",".join(f'{space}{{{space}"email": "user{number}@例え.jp", "x": [{{}}]}}' for number in range(50))
    listed, found = read(f'{{{space}"Suppressions": [{records}{space}]{space}}}\n'.encode(encoding))
    assert (listed.kind, listed.columns) == ("json", ("email", "x"))
    assert [(number, record["email"]) for number, record, _ in found] == [
        (number + 1, f"user{number}@例え.jp") for number in range(50)
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('{"a": 1,\n"b": 2}', "no name that is known"),
        ('"address\n', "not closed"),
        ("a@x.example,Ann\nb@x.example,Bob\n", "is a person, no header"),
        ("sep=;\naddress;source\n", "take it out"),
        ("x" * 2_000_000, "does not end"),
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(content: str, words: str) -> None:
    with pytest.raises(ListError, match=words):
        read(content)


@pytest.mark.parametrize("encoding", ["klingon", "utf-99", "hex", "undefined"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(LookupError):
        read("address\n", encoding)


def test_what_cannot_be_read_behind_a_mistake_is_refused_as_a_whole() -> None:
    with pytest.raises(ListError, match="no text in idna"):
        read("address\n", "idna")


def test_progress_is_told_in_octets() -> None:
    told: list[int] = []
    content = "address,source\na@x.example,é\n".encode()
    list(read_list(io.BytesIO(content), "utf-8", told.append).blocks)
    assert sum(told) == len(content)


pieces = st.lists(
    st.sampled_from(
        [b"a@x.example,one\n", b'"b@x.example","two"\n', b'"', b"\n", b",", b"\r\n", b"\xff", b"\0", b'x,"y\nz"\n']
    )
    | st.binary(max_size=6),
    max_size=60,
)


@settings(max_examples=300)
@given(pieces, st.sampled_from(["utf-8", "cp932", "utf-16-le"]))
def test_whatever_a_file_holds_reading_it_ends_in_words(content: list[bytes], encoding: str) -> None:
    header = "address,source\n".encode(encoding)
    _, found = read(header + b"".join(content), encoding)
    assert all(line >= 2 for line, _, _ in found)


@settings(max_examples=300)
@given(st.binary())
def test_any_bytes_are_a_list_or_refused_as_one(content: bytes) -> None:
    try:
        read(content)
    except ListError as error:
        assert str(error)  # noqa: PT017 - both ways out are fine


@settings(max_examples=300)
@given(
    st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line and b'"' not in line and b"\r" not in line))
)
def test_no_good_row_is_lost_beside_a_bad_one(junk: list[bytes]) -> None:
    good = [f"user{number}@x.example,form".encode() for number in range(len(junk) + 1)]
    lines = [good[0], *(line for pair in zip(junk, good[1:], strict=True) for line in pair)]
    _, found = read(b"address,source\n" + b"\n".join(lines) + b"\n")
    fields = [",".join(record).encode("utf-8", "surrogateescape") for _, record, wrong in found if not wrong]
    assert [line for line in fields if line in good] == good


@settings(max_examples=200)
@given(st.lists(st.sampled_from(['"', '""', '"x', 'x"y', '"x"y,z', '"a,b']), max_size=30))
def test_no_good_row_is_lost_between_stray_quotes(junk: list[str]) -> None:
    """Except where two stray quotes make of what is between them one value of a record that has the right length."""
    good = [f"user{number}@x.example,form" for number in range(len(junk) + 1)]
    lines = [good[0], *(line for pair in zip(junk, good[1:], strict=True) for line in pair)]
    _, found = read("address,source\n" + "\n".join(lines) + "\n")
    read_back = {",".join(record) for _, record, wrong in found if not wrong}
    swallowed = "\n".join(read_back)
    assert all(line in swallowed for line in good)
