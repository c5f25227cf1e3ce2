"""Patterns of senders: which addresses one matches, and which of them can match none."""

from __future__ import annotations

import pytest
from addresses import parsed

from relay.address import (
    AddressError,
    check_pattern,
    matches_pattern,
)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "user@example.com", True),
        ("<>", "user@example.com", False),
        ("*@example.com", "user@example.com", True),
        ("*@example.com", "user@mail.example.com", False),
        ("*@*.example.com", "user@mail.example.com", True),
        ("*@*.example.com", "user@a.b.example.com", True),
        ("*@*.example.com", "user@example.com", False),
        ("*@*.example.com", "user@badexample.com", False),
        ("user@example.com", "user@example.com", True),
        ("user@EXAMPLE.com", "user@example.com", True),
        ("news@example.com", "NEWS@example.com", True),
        ("NEWS-*@example.com", "news-42@example.com", True),
        ("news-*@example.com", "old-news-42@example.com", False),
        ("*@bücher.example", "user@xn--bcher-kva.example", True),
        ("*@*.BÜCHER.example", "user@mail.xn--bcher-kva.example", True),
        ("*@xn--bcher-kva.example", "user@bücher.example", True),
        ("*@example.com.", "user@example.com", True),
        ('"a b"@example.com', '"a b"@example.com', True),
        ("us?r@example.com", "user@example.com", False),
        ("us[e]r@example.com", "user@example.com", False),
        ("*.*@example.com", "us.er@example.com", True),
        ("*@example*", "user@example.org", True),
        ("example.com", "user@example.com", False),
        ("@example.com", "user@example.com", False),
        ("*@", "user@example.com", False),
    ],
)
def test_a_pattern_matches(pattern: str, text: str, matches: bool) -> None:
    assert matches_pattern(pattern, parsed(text)) is matches


def test_the_null_sender_is_matched_by_its_own_pattern_and_by_the_star_alone() -> None:
    assert matches_pattern("<>", None)
    assert matches_pattern("*", None)
    assert not matches_pattern("*@example.com", None)
    assert not matches_pattern("*@*", None)


@pytest.mark.parametrize(
    "pattern", ["", "example.com", "@example.com", "user@", "*@exa mple.com", "*@-x.com", "user", "*@a..b"]
)
def test_a_pattern_that_can_never_match_is_reported(pattern: str) -> None:
    with pytest.raises(AddressError):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["*", "<>", "*@*", "*@example.com", "*@*.example.com", "a*b@*.com", "*@bücher.example"]
)
def test_a_pattern_that_can_match_is_not_reported(pattern: str) -> None:
    check_pattern(pattern)
