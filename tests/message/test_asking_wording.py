from __future__ import annotations

import pytest

from relay.message.asking_wording import ASKING_WORDS, AskingWords
from relay.message.footer_template import problems_of
from relay.message.wording import WORDINGS

NAMES = frozenset(
    {"sender", "purpose", "consent_date", "consent_source", "agreed", "reason", "confirm_url", "days"}
    | {"language", "direction"}
)


def test_there_are_words_in_every_language_that_the_footer_has() -> None:
    assert ASKING_WORDS.keys() == WORDINGS.keys()


@pytest.mark.parametrize("words", ASKING_WORDS.values(), ids=ASKING_WORDS)
def test_the_templates_show_only_what_they_are_given(words: AskingWords) -> None:
    assert problems_of(words.subject, NAMES, html=False) == []
    assert problems_of(words.plain, NAMES, html=False) == []
    assert problems_of(words.html, NAMES | {"footer"}, html=True) == []


@pytest.mark.parametrize("words", ASKING_WORDS.values(), ids=ASKING_WORDS)
def test_the_html_loads_nothing_and_runs_nothing(words: AskingWords) -> None:
    for forbidden in ("<img", "<script", "<link", "url(", "@import", "src="):
        assert forbidden not in words.html
