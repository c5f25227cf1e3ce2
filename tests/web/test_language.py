from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.web.language import LANGUAGES, date_in, preferred, time_in


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja", "ja"),
        ("en", "en"),
        ("ja-JP", "ja"),
        ("JA-jp", "ja"),
        ("en-GB,en;q=0.9,ja;q=0.8", "en"),
        ("en;q=0.7,ja;q=0.8", "ja"),
        ("en;q=0.7, ja ; q=0.8", "ja"),
        ("fr-FR,fr;q=0.9,ja;q=0.2,en;q=0.1", "ja"),
        ("ja;q=0,en;q=0.1", "en"),
        ("ja;q=0.001,*;q=0.5", "en"),
        ("en;q=0.5,*", "en"),
        ("en-US,en;q=0.5", "en"),
        ("ja;q=1.000", "ja"),
        ("zh-Hant-TW,ja;q=0.5", "ja"),
    ],
)
def test_the_reader_gets_the_language_they_like_best(header: str, language: str) -> None:
    assert preferred(header) == language


@pytest.mark.parametrize("header", ["", "*", "fr", "fr-CH, de;q=0.9", "ja;q=2", ";;;,,,", "x" * 5000, "日本語"])
def test_a_header_that_names_none_of_ours_leaves_the_language_of_the_mail(header: str) -> None:
    assert preferred(header, "ja") == "ja"
    assert preferred(header, "en") == "en"


def test_a_language_of_the_mail_that_we_lack_becomes_english() -> None:
    assert preferred("", "de") == "en"


def test_a_refused_language_is_not_used_even_as_the_mails_own() -> None:
    assert preferred("ja;q=0", "ja") == "en"
    assert preferred("en;q=0", "en") == "ja"
    assert preferred("ja;q=0,en;q=0", "ja") == "ja"


@given(st.text(), st.text())
def test_no_header_breaks_it(header: str, default: str) -> None:
    assert preferred(header, default) in LANGUAGES


def test_dates_are_written_as_readers_of_the_language_write_them() -> None:
    late = datetime(2026, 11, 22, 22, 5, tzinfo=UTC)
    assert date_in("en", late) == "22 November 2026"
    assert time_in("en", late) == "22 November 2026, 22:05 UTC"
    assert date_in("ja", late) == "2026年11月23日"
    assert time_in("ja", late) == "2026年11月23日 07:05（日本時間）"  # noqa: RUF001 - so in Japanese
