"""The words for each mistake are in bad_configs/syntax-*.toml; here what these cannot show."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.lines import lines_of
from relay.config.syntax import syntax_problems


def said_of(text: str) -> list[str]:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    return [str(problem) for problem in syntax_problems("f", text, lines_of(text.encode()), str(caught.value))]


def test_a_file_cut_off_in_a_value_is_told_from_one_without_value() -> None:
    assert said_of("a = [1,\n") == ["f:1: the file ends in the middle of a value, close the text, list or table"]
    assert said_of("a = [1,\n# more\n") == [
        "f:2: the file ends in the middle of a value, close the text, list or table"
    ]
    assert said_of("a =") == ['f:1: a has no value, write a = "..."']
    assert said_of("a = # later\n") == ['f:1: a has no value, write a = "..."']


def test_every_key_that_stands_twice_is_told() -> None:
    assert said_of("a = 1\na = 2\nb = 1\nb = 2\n") == [
        "f:2: a: stands twice, first in line 1, keep one of them",
        "f:4: b: stands twice, first in line 3, keep one of them",
    ]


def test_what_has_no_words_of_its_own_is_told_as_it_is() -> None:
    assert said_of("\n= 1\n") == ["f:2: this is not TOML: invalid statement"]


@given(st.text(alphabet='ab=[]{}",\'\\#.1 \n\t"', max_size=40))
def test_no_text_is_too_broken_to_be_explained(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems = syntax_problems("f", text, lines_of(text.encode()), str(error))
        assert problems
        assert all(problem.line >= 1 for problem in problems)
