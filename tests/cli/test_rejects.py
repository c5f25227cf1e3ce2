from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from relay.cli.lists import List, read_list, records_of
from relay.cli.parsing import Refused
from relay.cli.rejects import MOST_TOLD, Rejects, rejects_of


def kept(content: bytes, *refused: tuple[int, str, str], **known: str) -> tuple[List, str]:
    listed = read_list(io.BytesIO(content), known.pop("encoding", "utf-8"), lambda _: None, **known)
    file = io.StringIO()
    rejects = Rejects("list", listed, "bad", file)
    for line, raw, why in refused:
        rejects.take(Refused(line, raw, why))
    return listed, file.getvalue()


def read_back(content: str, **known: str) -> list[object]:
    listed = read_list(io.BytesIO(content.encode()), "utf-8", lambda _: None, **known)
    rows: list[object] = []
    for _, block in listed.blocks:
        lines = block.decode().split("\n")
        rows += [row for _, _, row, _ in records_of(listed.kind, lines, listed.delimiter, len(listed.columns))]
    return rows


def test_a_csv_row_stands_behind_its_reason_as_it_was() -> None:
    _, text = kept(b"address;at\r\n", (2, 'a@x.example;"x ""y"""\r', 'at: "x" is; wrong'))
    assert text == 'rejected_because;address;at\n"at: ""x"" is; wrong";a@x.example;"x ""y"""\n'
    assert read_back(text) == [['at: "x" is; wrong', "a@x.example", 'x "y"']]


@pytest.mark.parametrize("raw", ["before,a@x.example,one", '"why, so",a@x.example,one', '"why ""x""",a@x.example,one'])
def test_a_row_that_is_refused_again_says_the_new_reason(raw: str) -> None:
    _, text = kept(b"rejected_because,address,source\n", (2, raw, "why now"))
    assert text == 'rejected_because,address,source\n"why now",a@x.example,one\n'


def test_a_broken_row_that_is_refused_again_stays_as_broken() -> None:
    _, text = kept(b"rejected_because,address,source\n", (2, '"why, so","a@x.example,one', "why now"))
    assert text.splitlines()[1] == '"why now","a@x.example,one'


def test_a_json_row_keeps_its_reason_as_a_key() -> None:
    _, text = kept(
        b'{"address": "a"}\n', (1, '{"address": "a", "rejected_because": "old"}', "why"), (2, "[1", "no JSON")
    )
    assert [json.loads(line) for line in text.splitlines()] == [
        {"rejected_because": "why", "address": "a"},
        {"rejected_because": "no JSON", "rejected_line": "[1"},
    ]


def test_a_line_of_a_plain_list_has_its_reason_above_it() -> None:
    _, text = kept(b"a@x.example\nbad\n", (2, "bad", "address: no @"))
    assert text == "# address: no @\nbad\n"
    assert read_back(text, kind="plain") == [{"address": "bad"}]


def test_a_list_in_another_encoding_is_written_in_utf_8_and_says_so() -> None:
    _, text = kept("address,source\n".encode("cp932"), (2, "a,東京", "why"), encoding="cp932")
    assert text.startswith("\ufeffrejected_because,")
    listed = read_list(io.BytesIO(text.encode()), "cp932", lambda _: None)  # the same command, again
    assert "東京".encode() in next(listed.blocks)[1]


def test_only_so_many_rows_are_told_as_a_person_reads() -> None:
    listed = read_list(io.BytesIO(b"address\n"), "utf-8", lambda _: None)
    rejects = Rejects("list.csv", listed)
    told = [rejects.take(Refused(line, "x", "address: bad")) for line in range(2, 1002)]
    assert [bool(one) for one in told] == [True] * MOST_TOLD + [False] * (1000 - MOST_TOLD)
    assert told[0] == "list.csv:2: address: bad"
    assert list(rejects.rest("ses")) == [f"... and {1000 - MOST_TOLD} more, --rejects FILE keeps them all"]
    assert rejects.by_cause == {"address": 1000}


def test_records_of_a_document_are_told_by_their_number() -> None:
    listed = read_list(io.BytesIO(b'[{"address": "a"}]'), "utf-8", lambda _: None)
    assert Rejects("list.json", listed).take(Refused(1, "{}", "why")) == "list.json:record 1: why"


def test_a_few_rows_may_not_show_their_format_so_it_is_named() -> None:
    listed = read_list(io.BytesIO(b"address\n"), "utf-8", lambda _: None)
    rejects = Rejects("list.csv", listed, "bad.csv", io.StringIO())
    assert list(rejects.rest("ses")) == []
    rejects.take(Refused(2, "x", "address: bad"))
    assert list(rejects.rest("ses")) == ["bad.csv can be mended and imported in the same way, with --format ses"]
    assert list(rejects.rest("consent-relay")) == []


def test_the_file_names_people_so_it_is_for_our_eyes_only(tmp_path: Path) -> None:
    source = io.BytesIO(b"address,at\n")
    listed = read_list(source, "utf-8", lambda _: None)
    with rejects_of("list", listed, source, str(tmp_path / "bad.csv")):
        pass
    assert (tmp_path / "bad.csv").stat().st_mode & 0o777 == 0o600
