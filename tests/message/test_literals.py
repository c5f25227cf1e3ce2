from __future__ import annotations

import pytest

from relay.message.literals import said_in_html, said_in_plain

LITERALS = {
    "sender": ("Brand K.K.", "ブランド"),
    "postal_address": ("1-1 Tea Street, Tokyo",),
    "privacy_policy": ("https://brand.example/privacy",),
    "contact": ("care@brand.example",),
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("by Brand K.K.", {"sender"}),
        ("株式会社ブランドより", {"sender"}),
        ("1-1 Tea\r\n   Street, Tokyo", {"postal_address"}),
        ("11-1 Tea Street, Tokyo", set()),
        ("see <https://brand.example/privacy>.", {"privacy_policy"}),
        ("see https://brand.example/privacy-old", set()),
        ("see https://brand.example/privacy-old https://brand.example/privacy", {"privacy_policy"}),
        ("scare@brand.example", set()),
        ("write to care@brand.example.", {"contact"}),
        ("", set()),
    ],
)
def test_plain_text_says_things_word_for_word(text: str, said: set[str]) -> None:
    assert said_in_plain(text, LITERALS) == said


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<p>Brand&nbsp;<b>K</b>.K.</p>", {"sender"}),
        ("<p>Brand<br>K.K.", {"sender"}),
        ("<p>1-1 Tea Street,</p><p>Tokyo</p>", {"postal_address"}),
        ("<p hidden>Brand K.K.</p>", set()),
        ("<!-- Brand K.K. --><title>Brand K.K.</title>", set()),
        ("<img alt='Brand K.K.'>", set()),
        ("<a href='https://brand.example/privacy'>Privacy</a>", {"privacy_policy"}),
        ("<a href='https://brand.example/privacy'></a>", set()),
        ("<a href='https://brand.example/privacy'> &nbsp;</a>", set()),
        ("<a href='https://brand.example/privacy'><img src=x></a>", set()),
        ("<a href='https://brand.example/privacy'><b hidden><img alt=x></b></a>", set()),
        ("<a hidden href='https://brand.example/privacy'>x</a>", set()),
        ("<a href='https://brand.example/privacy?a&amp;b'>x</a>", set()),
        ("<a href=mailto:care@brand.example><img alt=Write></a>", {"contact"}),
        ("<p>care&#64;brand.example", {"contact"}),
    ],
)
def test_html_says_what_is_shown_or_can_be_clicked_on(page: str, said: set[str]) -> None:
    assert said_in_html(page, LITERALS) == said


def test_nothing_is_said_by_an_empty_value() -> None:
    assert said_in_plain("tea", {"sender": ("", " ")}) == set()
