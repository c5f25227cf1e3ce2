from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.toml import (
    Document,
    Mistake,
    Problem,
    ProblemsError,
    Table,
    findings,
    parse_document,
    read_document,
    validate,
)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Item(Table):
    name: str
    colour: Colour = Colour.RED


class File(Table):
    number: int = 1
    names: tuple[str, ...] = ()
    colours: frozenset[Colour] = frozenset()
    item: tuple[Item, ...] = ()


def document(text: str) -> Document:
    return parse_document(Path("some.toml"), text.encode())


def problems_of(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        validate(File, document(text))
    return [str(problem) for problem in caught.value.problems]


def test_a_file_becomes_values() -> None:
    text = 'names = ["a", "b"]\ncolours = ["green"]\n[[item]]\nname = "x"\ncolour = "green"\n'
    assert validate(File, document(text)) == File(
        names=("a", "b"), colours=frozenset({Colour.GREEN}), item=(Item(name="x", colour=Colour.GREEN),)
    )


def test_nothing_is_converted_silently() -> None:
    assert problems_of('number = "5"\nnames = [1]\n') == [
        'some.toml:1: number: must be a whole number, not text ("5"), write number = 5',
        'some.toml:2: names: must be text in quotes, not a number (1), write "1"',
    ]


def test_all_problems_come_at_once_in_order_of_lines() -> None:
    assert problems_of('[[item]]\nname = "x"\ncolour = "greem"\n[[item]]\n[extra]\n') == [
        'some.toml:3: item.colour: "greem" is not known here, did you mean "green"? It can be "red" or "green"',
        "some.toml:4: item.name: is missing, write name = ...",
        "some.toml:5: extra: there is no such key, the keys here are number, names, colours, item",
    ]


def test_a_missing_key_that_is_only_misspelled_is_told_once() -> None:
    assert problems_of('[[item]]\nnmae = "x"\n') == ["some.toml:2: item.nmae: there is no such key, did you mean name?"]


def test_a_file_that_is_not_there_is_a_problem_without_line(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="there is no such file, check the path"):
        read_document(tmp_path / "none.toml")


def test_a_folder_is_not_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=r"cannot be read \(is a directory\)"):
        read_document(tmp_path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_bytes(b"\xef\xbb\xbfnumber = 2\r\n")
    assert read_document(tmp_path / "f.toml").data == {"number": 2}


def test_bytes_that_are_no_text_have_their_line() -> None:
    with pytest.raises(ProblemsError, match=r"f:2: there are bytes that are not UTF-8"):
        parse_document(Path("f"), b"number = 2\n# \xe9\n")


def test_nesting_without_end_is_a_problem_and_no_crash() -> None:
    with pytest.raises(ProblemsError):
        parse_document(Path("f"), b"a = " + b"[" * 100_000)
    with pytest.raises(ProblemsError):
        parse_document(Path("f"), b"a = " + b"[" * 5_000 + b"]" * 5_000)
    with pytest.raises(ProblemsError, match="nested too deeply"):
        parse_document(Path("f"), b".".join([b"a"] * 5_000) + b" = 1")
    with pytest.raises(ProblemsError, match="nested too deeply"):
        parse_document(Path("f"), b"[" + b".".join([b"a"] * 5_000) + b"]")


def test_the_line_of_a_key_that_is_not_there_is_that_of_its_table() -> None:
    read = document('number = 1\n\n[[item]]\nname = "x"\n')
    assert read.line_of(("item", 0, "colour")) == 3
    assert read.line_of(("elsewhere",)) == 1
    assert Document(Path("f"), {}).line_of(("elsewhere",)) == 0


def test_a_problem_at_a_key_from_the_environment_names_the_variable() -> None:
    read = Document(Path("f"), {"number": 0}, {("number",): 3}, {("number",): "RELAY_NUMBER"})
    assert read.problem(("number",), "is wrong") == Problem("environment", 0, "RELAY_NUMBER", "is wrong", "")
    assert read.problem(("number", "inner"), "is wrong").key == "RELAY_NUMBER (inner)"


def test_findings_are_either_values_or_what_is_wrong() -> None:
    assert findings(File, document("number = 3")) == (File(number=3), [])
    result, found = findings(File, document("numbr = 3"))
    assert result is None
    assert [one.location for one in found] == [("numbr",)]


def test_a_mistake_reads_as_one_sentence() -> None:
    assert str(Mistake("is wrong", "write this")) == "is wrong, write this"
    assert str(Mistake("is wrong")) == "is wrong"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("number names item name".split()), inner)
        ),
        max_leaves=8,
    )
)
def test_any_data_is_taken_or_explained(value: object) -> None:
    result, found = findings(File, Document(Path("f"), {"number": value, "item": value, "names": value}))
    assert (result is None) == bool(found)
