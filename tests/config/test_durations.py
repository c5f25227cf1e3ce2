from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.durations import LONGEST, Duration, LastingDuration, parse_duration, write_duration
from relay.config.mistakes import Mistake, Table


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("0s", 0), ("365d", 31_536_000)]
)
def test_a_number_and_a_unit_are_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("24 hours", 'write "24h"'),
        ("1 week", 'write "7d"'),
        ("2 Months", 'write "60d"'),
        ("5 m", 'write "5m"'),
        ("5", 'write the unit too: "5s", "5m", "5h" or "5d"'),
        ("1.5h", 'write a number and a unit: "30s", "5m", "24h" or "7d"'),
        ("", 'write a number and a unit: "30s", "5m", "24h" or "7d"'),
        ("-5m", 'write a number and a unit: "30s", "5m", "24h" or "7d"'),
        ("\u0665m", 'write a number and a unit: "30s", "5m", "24h" or "7d"'),
        ("99999999999999999d", 'write at most "36500d"'),
    ],
)
def test_everything_else_is_told_what_to_write(text: str, instead: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_duration(text)
    assert caught.value.instead == instead


def test_the_longest_duration_still_fits_behind_any_date() -> None:
    assert parse_duration("36500d") == LONGEST
    with pytest.raises(Mistake):
        parse_duration("36501d")


@given(st.integers(0, 36_500 * 86_400))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_duration(write_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(st.text(max_size=12))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse_duration(text)
    except Mistake as mistake:
        said = mistake
    else:
        return
    assert said.instead


@pytest.mark.parametrize(
    ("duration", "text"), [("24h", "24h"), ("48h", "48h"), ("72h", "3d"), ("90s", "90s"), ("60m", "1h")]
)
def test_durations_are_written_as_people_say_them(duration: str, text: str) -> None:
    assert write_duration(parse_duration(duration)) == text


def test_a_duration_in_a_table_is_text_in_its_schema() -> None:
    class Times(Table):
        every: Duration = timedelta(minutes=5)
        wait: LastingDuration = timedelta(minutes=5)

    schema = Times.model_json_schema()["properties"]["every"]
    assert (schema["type"], schema["pattern"]) == ("string", "^[0-9]+[smhd]$")
    assert Times().model_dump_json() == '{"every":"5m","wait":"5m"}'
    assert Times.model_validate_json('{"every": "0s"}', strict=True).every == timedelta(0)
    with pytest.raises(ValueError, match="a time of nothing"):
        Times.model_validate_json('{"wait": "0s"}', strict=True)
