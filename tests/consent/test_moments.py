from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.moments import GO, ISO, UNIX, check_format, is_unset, parse_moment

TOKYO = timezone(timedelta(hours=9))


def test_a_time_without_a_zone_takes_that_of_the_command() -> None:
    assert parse_moment("2025-05-01 10:00", TOKYO) == datetime(2025, 5, 1, 1, tzinfo=UTC)
    assert parse_moment("2025-05-01", TOKYO) == datetime(2025, 4, 30, 15, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no zone"):
        parse_moment("2025-05-01 10:00", None)


@pytest.mark.parametrize(
    ("text", "formats", "moment"),
    [
        ("1443651125", (UNIX,), datetime(2015, 9, 30, 22, 12, 5, tzinfo=UTC)),
        ("1443651125.5", (UNIX,), datetime(2015, 9, 30, 22, 12, 5, 500_000, tzinfo=UTC)),
        ("2020-02-10 23:07:16.199433 +0100 CET", (GO,), datetime(2020, 2, 10, 22, 7, 16, 199_433, tzinfo=UTC)),
        ("2020-02-10 23:07:16.199433999 +0000 UTC", (GO,), datetime(2020, 2, 10, 23, 7, 16, 199_433, tzinfo=UTC)),
        ("2020-02-10 23:07:16 -0330 -0330", (GO,), datetime(2020, 2, 11, 2, 37, 16, tzinfo=UTC)),
        ("2020-02-10 23:07:16 +0900 JST m=+0.5", (GO,), datetime(2020, 2, 10, 14, 7, 16, tzinfo=UTC)),
        ("2020-02-10T23:07:16+01:00", (GO, ISO), datetime(2020, 2, 10, 22, 7, 16, tzinfo=UTC)),
        ("2025/05/01 10:00", ("%Y/%m/%d %H:%M",), datetime(2025, 5, 1, 1, tzinfo=UTC)),
        ("01.05.25", ("%d.%m.%y",), datetime(2025, 4, 30, 15, tzinfo=UTC)),
    ],
)
def test_times_of_other_programs(text: str, formats: tuple[str, ...], moment: datetime) -> None:
    assert parse_moment(text, TOKYO, formats) == moment


@pytest.mark.parametrize("text", ["1_443_651_125", "inf", "nan", "1e9", "-5", "٣٣٣٣٣٣٣٣٣"])
def test_seconds_since_1970_are_digits(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_moment(text, UTC, (UNIX,))


@pytest.mark.parametrize(
    "text", ["01/05/2025", "45778", "45778.5", "5/1/25 10:00", "yesterday", "20250501100", "2025-05-01x10:00"]
)
def test_a_time_that_could_be_two_is_never_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time in ISO 8601"):
        parse_moment(text, UTC)


def test_a_time_in_no_format_names_the_formats() -> None:
    with pytest.raises(ValueError, match="is not a time in the format unix or iso"):
        parse_moment("x", UTC, (UNIX, ISO))


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00 +0000 UTC", "0000-00-00 00:00:00"])
def test_a_time_that_nobody_set_is_none(text: str) -> None:
    assert is_unset(text)
    assert not is_unset("2020-02-10 23:07:16 +0000 UTC")


@pytest.mark.parametrize("name", ["iso", "unix", "go", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S"])
def test_formats_that_name_a_day_are_taken(name: str) -> None:
    check_format(name)


@pytest.mark.parametrize("name", ["", "YYYY-MM-DD", "%H:%M", "%d.%m.", "%Y %", "%Q"])
def test_formats_that_name_none_are_not(name: str) -> None:
    with pytest.raises(ValueError, match=r"%Y/%m/%d|does not name"):
        check_format(name)


@given(st.text(), st.sampled_from([(ISO,), (UNIX,), (GO,), ("%Y-%m-%d",), (GO, ISO, UNIX)]))
def test_whatever_is_written_is_a_time_or_refused_in_words(text: str, formats: tuple[str, ...]) -> None:
    try:
        assert parse_moment(text, UTC, formats).tzinfo is UTC
    except ValueError as error:
        assert "is " in str(error) or "has " in str(error)  # noqa: PT017 - both ways out are fine
