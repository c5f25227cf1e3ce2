from __future__ import annotations

import zoneinfo
from contextlib import suppress
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy.problems import accepts
from pydantic import TypeAdapter

from relay.config.mistakes import Mistake
from relay.policy import message_values as values


@pytest.mark.parametrize("text", ["", "brand", "Brand_news-2026", "a" * 15])
def test_a_sender_id_of_gmail_has_5_to_15_characters_or_is_none(text: str) -> None:
    assert accepts(values.SenderId, text)


@pytest.mark.parametrize(
    "text", ["abcd", "a" * 16, "a:bcd", "a bcde", "ブランドニュース", "brand\r\n", " ", 12345, None]
)
def test_nothing_else_is_a_sender_id(text: object) -> None:
    assert not accepts(values.SenderId, text)


def test_an_address_is_kept_in_its_canonical_form() -> None:
    assert TypeAdapter(values.MailAddress).validate_python(" Stop@Brand.Example ") == "Stop@brand.example"
    assert TypeAdapter(values.MailAddress).validate_python("stop@例え.jp") == "stop@xn--r8jz45g.jp"
    assert TypeAdapter(values.MailAddressOrNone).validate_python("") == ""


@given(
    st.text(max_size=40)
    | st.sampled_from(['"a b"@brand.example', "a@b.example; report=xarf", "<a@b.example>", "停@b.jp"])
)
def test_no_address_can_end_its_header_field_or_begin_a_parameter(text: str) -> None:
    if accepts(values.MailAddress, text):
        address = TypeAdapter(values.MailAddress).validate_python(text)
        assert address.isascii()
        assert not set(address) & set(' \t\r\n";,<>()\\')


def test_every_zone_of_the_list_is_one() -> None:
    named = available_timezones() - {"localtime"}

    assert len(named) > 400
    assert [name for name in sorted(named) if not accepts(values.Timezone, name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Asia",
        "Asia/",
        "/Asia/Tokyo",
        "asia/tokyo",
        "Asia/Tokyo\n",
        "localtime",
        "posix/UTC",
        "right/UTC",
        "A" * 300,
        9,
    ],
)
def test_what_is_no_name_of_the_list_is_no_zone(text: object) -> None:
    assert not accepts(values.Timezone, text)


def test_zones_load_on_a_machine_that_has_none() -> None:
    """Slim container images come without; the package tzdata stands in."""
    try:
        zoneinfo.reset_tzpath(())
        ZoneInfo.clear_cache()
        assert values.read_timezone("Asia/Tokyo") == "Asia/Tokyo"
        assert values.read_timezone("UTC") == "UTC"
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()


@given(st.text(max_size=20) | st.from_regex(r"[A-Z][A-Za-z/.+-]{0,12}", fullmatch=True))
def test_any_text_is_a_zone_that_loads_or_refused(text: str) -> None:
    with suppress(Mistake):
        name = values.read_timezone(text)
        assert ZoneInfo(name).key == name


@pytest.mark.parametrize("text", ["a", "footers/newsletter.fr.html", "本文.txt", "..a", "a..", "...", "a b.txt"])
def test_names_of_files_beside_the_policy(text: str) -> None:
    assert values.read_file_name(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "./a", "a/./b", "a\\b", "a\0b", "a\nb", 5, None],
)
def test_other_names_of_files_are_refused(text: object) -> None:
    with pytest.raises(Mistake):
        values.read_file_name(text)


@pytest.mark.parametrize(
    "text",
    ["{year}-{month}-{day}", "{day:02}/{month:02}/{year}", "le {day}. {month}. {year}", "{year}年{month}月{day}日"],
)
def test_a_day_is_written_with_year_month_and_day(text: str) -> None:
    assert values.read_day(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "{year}",
        "{day}/{month}",
        "{year}-{month}-{day",
        "{year}-{month}-{day}}",
        "{year}-{month}-{day} {hour}",
        "{year.__class__}-{month}-{day}",
        "{year:9999999999}-{month}-{day}",
        "{}-{month}-{day}",
        "2026",
        5,
    ],
)
def test_a_day_is_written_with_nothing_else(text: object) -> None:
    with pytest.raises(Mistake):
        values.read_day(text)
