from __future__ import annotations

import pytest

from relay.policy.model import Origin, Policies, Stream, text_in


@pytest.mark.parametrize(
    ("texts", "language", "found"),
    [
        ({"ja": "日", "en": "E"}, "ja", "日"),
        ({"ja": "日", "en": "E"}, "ja-JP", "日"),
        ({"ja": "日", "en": "E"}, "fr", "E"),
        ({"ja": "日"}, "fr", "日"),
        ({"": "any", "en": "E"}, "fr", "any"),
        ({}, "en", ""),
    ],
)
def test_a_text_is_found_in_the_language_nearest_to_the_wanted_one(
    texts: dict[str, str], language: str, found: str
) -> None:
    assert text_in(texts, language) == found


def test_policies_are_found_by_id(newsletter: Stream, receipts: Stream) -> None:
    policies = Policies((newsletter, receipts), "hash")

    assert policies.by_id["receipts"] is receipts


def test_an_origin_reads_as_a_place_with_its_source() -> None:
    assert str(Origin("a.toml", 3)) == "a.toml:3"
    assert str(Origin("jp.toml", 3, "profile jp, art. 3")) == "jp.toml:3 (profile jp, art. 3)"
    assert str(Origin()) == "default"


def test_a_key_that_nobody_wrote_comes_from_nowhere(newsletter: Stream) -> None:
    assert newsletter.origin("message.language") == Origin()
    assert newsletter.origin("stream.kind").line == 6
