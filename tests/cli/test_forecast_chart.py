from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from cli.forecasts import PEOPLE, newsletter, told
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.forecast_chart import chart
from relay.cli.forecast_words import LABELS, Told
from relay.consent.forecast import ENDS
from relay.consent.freshness import Rule

SVG = "{http://www.w3.org/2000/svg}"
WHOLE = told(*PEOPLE)


def parsed(*several: Told) -> ET.Element:
    return ET.fromstring(chart(several))


def bars(root: ET.Element) -> list[ET.Element]:
    return [one for one in root.iter(f"{SVG}rect") if (one.get("class") or "").startswith("bar ")]


def texts(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_its_numbers_are_those_of_the_table() -> None:
    """Each bar says what it counts, in the order of days and rules, and nothing is left out."""
    said = [re.fullmatch(r"(.+): ([\d,]+) ([a-z-]+)", one[0].text or "") for one in bars(parsed(WHOLE))]
    expected = [(f"{one.counts[rule]:,}", LABELS[rule]) for one in WHOLE.stretches for rule in ENDS if one.counts[rule]]

    assert [found and (found[2], found[3]) for found in said] == expected
    assert said[0] is not None
    assert said[0][1] == "1 Jun 2026 to 7 Jun 2026"


def forecast_of(counts: list[list[int]]) -> Told:
    """Any numbers at all: a row a day, a column a rule."""
    one = told(days=len(counts))
    for day, row in enumerate(counts):
        for rule, count in zip(ENDS, row, strict=True):
            one.forecast.ends[rule][day] = count
    return one


some_counts = st.lists(
    st.lists(st.integers(0, 20) | st.integers(0, 10_000_000), min_size=len(ENDS), max_size=len(ENDS)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(some_counts)
def test_the_height_of_a_bar_is_its_number_and_no_bar_leaves_the_picture(counts: list[list[int]]) -> None:
    one = forecast_of(counts)
    root = parsed(one)
    if not one.rules:
        assert bars(root) == []
        return
    ticks = [int(text.replace(",", "")) for text in texts(root) if re.fullmatch(r"[\d,]+", text)]
    highest = max(one.total for one in one.stretches)
    # the axis is drawn first, from zero up
    top = next(tick for tick, after in zip(ticks, [*ticks[1:], 0], strict=True) if after <= tick)
    assert top >= highest
    numbers = [stretch.counts[rule] for stretch in one.stretches for rule in ENDS if stretch.counts[rule]]
    for bar, number in zip(bars(root), numbers, strict=True):
        assert float(bar.get("height") or 0) == pytest.approx(number / top * 240, abs=0.006)
        assert float(bar.get("y") or 0) >= -0.06
        assert float(bar.get("y") or 0) + float(bar.get("height") or 0) <= 240.06


def test_the_legend_names_the_rules_that_are_drawn_with_their_sums() -> None:
    assert {f"{LABELS[rule]} {WHOLE.forecast.total(rule):,}" for rule in ENDS} <= set(texts(parsed(WHOLE)))
    only = told(*PEOPLE[:3])
    assert [text for text in texts(parsed(only)) if text.split()[0] in LABELS.values()] == ["stale 3"]


def test_a_long_legend_goes_on_in_a_second_row() -> None:
    many = forecast_of([[10_000_000] * len(ENDS)])
    squares = [one for one in parsed(many).iter(f"{SVG}rect") if one.get("width") == "12"]

    assert len(squares) == len(ENDS)
    assert len({one.get("y") for one in squares}) == 2


def test_it_stands_alone_without_scripts_or_anything_from_elsewhere() -> None:
    text = chart([WHOLE])
    names = {element.tag.removeprefix(SVG) for element in parsed(WHOLE).iter()}

    assert names == {"svg", "title", "desc", "style", "rect", "text", "g", "line"}
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in text
    assert "@import" not in text


def test_who_does_not_see_it_is_told_everything_in_words() -> None:
    root = parsed(WHOLE)
    description = root.findtext(f"{SVG}desc") or ""

    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title description"
    assert root.findtext(f"{SVG}title") == "Consents and open questions that run out, 1 Jun 2026 to 29 Aug 2026 (UTC)"
    assert "newsletter: 17 get mail today; 17 of them no more by then if nobody does anything" in description
    assert "1 Jun 2026 to 7 Jun 2026: 12 stale, 1 first-mail-late, 1 unanswered." in description
    assert "1 asked for this mail and were not sent the mail that asks for the click in time." in description


def test_colours_follow_the_readers_setting_and_each_rule_has_its_own() -> None:
    style = parsed(WHOLE).findtext(f"{SVG}style") or ""
    light, _, dark = style.partition("@media (prefers-color-scheme:dark)")

    for part in (light, dark):
        fills = re.findall(r"\.([a-z-]+)\{fill:(#[0-9a-f]+)\}", part)
        of_rules = {name: fill for name, fill in fills if name in LABELS.values()}
        assert set(of_rules) == set(LABELS.values())
        assert len(set(of_rules.values())) == len(LABELS)


def test_each_stream_has_a_panel_and_one_where_nothing_ends_says_so_without_an_axis() -> None:
    quiet = told(stream=replace(newsletter(), id="quiet", purpose={"en": "This & <that>"}))
    root = parsed(WHOLE, quiet)

    assert "quiet: This & <that>" in texts(root)
    assert "0 get mail today; nothing runs out" in texts(root)
    assert texts(root).count("people") == 1
    assert len(list(parsed(quiet).iter(f"{SVG}line"))) == 0


@pytest.mark.parametrize(("days", "words"), [(7, "day"), (90, "week beginning"), (365, "28 days beginning")])
def test_the_axis_says_what_a_bar_is(days: int, words: str) -> None:
    assert words in texts(parsed(told(*PEOPLE, days=days)))


def test_numbers_that_would_run_into_each_other_are_written_short() -> None:
    crowded = forecast_of([[12_345_678, 0, 0, 0, 0, 0, 0]] * 210)
    labels = [text for text in texts(parsed(crowded)) if text.endswith("M")]

    assert len(labels) == 30
    assert set(labels) == {"86M"}


def test_first_the_rule_that_is_named_first_is_lowest() -> None:
    one = forecast_of([[1, 2, 0, 0, 0, 0, 3]])
    lowest, middle, highest = bars(parsed(one))

    assert [bar.get("class") for bar in (lowest, middle, highest)] == [
        f"bar {LABELS[rule]}" for rule in (Rule.STALE_AFTER, Rule.RENEW_EVERY, Rule.CONFIRM_WITHIN)
    ]
    assert float(lowest.get("y") or 0) > float(middle.get("y") or 0) > float(highest.get("y") or 0)
