from __future__ import annotations

import json

import pytest
from pydantic import Field, ValidationError, model_validator

from relay.config.mistakes import Found, Mistake, Mistakes, Table, did_you_mean, in_words, one_of, shown


class Inner(Table):
    word: str = ""
    count: int = Field(default=1, ge=1, le=9)
    for_: str = Field(default="", alias="for")

    @model_validator(mode="after")
    def _checked(self) -> Inner:
        if self.word == "bad":
            Mistakes.raise_any([Mistake("no", "write yes", at=("word",)), Mistake("never")])
        return self


class Outer(Table):
    text: str | dict[str, str] = ""
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner | tuple[Inner, ...]] = Field(default_factory=dict)


def found_in(data: dict[str, object]) -> list[Found]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(json.dumps(data), strict=True)
    return in_words(Outer, data, caught.value.errors())


def test_the_branches_of_a_choice_are_one_mistake() -> None:
    assert found_in({"text": 5}) == [
        Found(("text",), "must be text in quotes or a table, not a number (5)", 'write text = "5"')
    ]


def test_what_is_wrong_inside_decides_which_branch_was_meant() -> None:
    assert [one.location for one in found_in({"text": {"ja": 5}})] == [("text", "ja")]
    assert [one.location for one in found_in({"named": {"x": [{"count": "2"}]}})] == [("named", "x", 0, "count")]


def test_several_mistakes_of_one_check_have_each_its_place() -> None:
    assert found_in({"inner": {"word": "bad"}}) == [
        Found(("inner", "word"), "no", "write yes"),
        Found(("inner",), "never", ""),
    ]


def test_a_key_of_another_table_is_sent_there() -> None:
    assert found_in({"count": 1})[0].instead == "it belongs below [inner]"
    assert found_in({"inner": {"named": {}}})[0].instead == "it belongs at the head of the file"


def test_a_key_is_known_by_its_name_in_the_file() -> None:
    assert found_in({"inner": {"fro": ""}})[0].instead == "did you mean for?"


def test_bounds_are_told_in_words() -> None:
    assert found_in({"inner": {"count": 0}}) == [Found(("inner", "count"), "0 cannot be", "it must be 1 or more")]
    assert found_in({"many": [{"count": 10}]}) == [Found(("many", 0, "count"), "10 cannot be", "it must be 9 or less")]


def test_the_nearest_word_is_found_whatever_its_dashes_and_case() -> None:
    assert did_you_mean("Public-URL", ["address", "public_url"]) == "public_url"
    assert did_you_mean("colour", ["address", "public_url"]) == ""


def test_a_list_of_words_reads_like_a_sentence() -> None:
    assert [one_of(["a"]), one_of(["a", "b"]), one_of(["a", "b", "c"])] == ["a", "a or b", "a, b or c"]


def test_values_are_shown_as_they_stand_in_a_file_on_one_line_and_cut() -> None:
    assert [shown(True), shown(5), shown("x")] == ["true", "5", '"x"']
    assert shown("a\r\nb\x1b") == '"a b "'
    assert len(shown("x" * 500)) == 60


def test_no_mistakes_are_raised_from_an_empty_list() -> None:
    Mistakes.raise_any([])
