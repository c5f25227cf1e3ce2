from __future__ import annotations

import re
from dataclasses import replace

import pytest

from relay.message.wording import WORDINGS, wording_for

ITEMS = (
    "unsubscribe_url why sender postal_address contact privacy_policy consent_date consent_source stop_address agreed"
).split()


@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize("language", WORDINGS)
def test_every_language_asks_for_every_item_in_text_and_in_html(language: str, kind: str) -> None:
    source = getattr(WORDINGS[language], kind)
    assert [name for name in ITEMS if not re.search(rf"\b{name}\b", source)] == []


@pytest.mark.parametrize("language", WORDINGS)
def test_the_reason_names_the_sender_what_is_sent_and_to_whom(language: str) -> None:
    why = WORDINGS[language].why
    assert [name for name in ("sender", "purpose", "audience", "agreed") if name not in why] == []


def test_japanese_wording_can_be_written_in_iso_2022_jp() -> None:
    japanese = WORDINGS["ja"]
    for character in japanese.plain + japanese.why + japanese.date:
        character.encode("iso2022_jp")


def test_english_wording_can_be_written_in_any_charset() -> None:
    english = WORDINGS["en"]
    assert (english.plain + english.html + english.why + english.date + "".join(english.months)).isascii()


def test_colours_are_the_readers_own_and_never_the_texts_alone() -> None:
    for wording in WORDINGS.values():
        colours = re.findall(r"(?<![-\w])(?:color|background)[-a-z]*:[^;\"]*", wording.html)
        own, others = colours[:4], colours[4:]
        assert own == twice("color:WindowText", "background:Window")
        assert others == twice("color:inherit", "background:none") * (len(others) // 4)


def twice(*styles: str) -> list[str]:
    """For programs that do not know the word, and against style sheets that do."""
    return [one for style in styles for one in (style, f"{style}!important")]


def test_own_words_come_before_built_in_ones_and_english_stands_in() -> None:
    german, british, japanese = (replace(WORDINGS["en"], why=text) for text in ("de", "en-GB", "ja"))
    own = {"de": german, "en-GB": british, "ja": japanese}
    assert wording_for("de", own) == ("de", german)
    assert wording_for("de-AT", own) == ("de", german)
    assert wording_for("ja-JP", own) == ("ja", japanese)
    assert wording_for("ja-JP", {}) == ("ja", WORDINGS["ja"])
    assert wording_for("fr", own) == ("en-GB", british)
    assert wording_for("fr", {}) == ("en", WORDINGS["en"])
    assert wording_for("", {}) == ("en", WORDINGS["en"])
