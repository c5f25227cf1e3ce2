from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.evidence import Evidence, is_wording_hash, wording_hash, wording_text

TEXT = "Yes, send me the newsletter.\nI can stop at any time."
WORDS = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_hash_is_the_one_of_the_text_that_is_kept() -> None:
    assert wording_hash(TEXT) == hashlib.sha256(TEXT.encode()).hexdigest()
    assert is_wording_hash(wording_hash(TEXT))


@pytest.mark.parametrize("same", [TEXT.replace("\n", "\r\n"), TEXT.replace("\n", "\r"), f"  {TEXT}\r\n"])
def test_another_editor_makes_no_other_wording(same: str) -> None:
    assert wording_hash(same) == wording_hash(TEXT)


def test_composed_and_decomposed_letters_are_one_wording() -> None:
    assert wording_hash("Ja, gerne für mich") == wording_hash("Ja, gerne fu\u0308r mich")


def test_a_word_more_is_another_wording() -> None:
    assert wording_hash(TEXT) != wording_hash(f"{TEXT} Please.")
    assert wording_hash("Yes") != wording_hash("yes")


@given(WORDS)
def test_what_is_kept_keeps_its_hash(words: str) -> None:
    assert wording_hash(wording_text(words)) == wording_hash(words)


@given(WORDS)
def test_words_that_fold_to_nothing_have_no_hash(words: str) -> None:
    assert (wording_hash(words) == "") == (words.strip() == "")


@pytest.mark.parametrize("text", ["", "yes", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "g" * 64])
def test_what_is_no_hash(text: str) -> None:
    assert not is_wording_hash(text)


def test_evidence_names_words_by_their_hash_only() -> None:
    assert Evidence(wording=wording_hash(TEXT)).wording
    assert Evidence().wording == ""
    with pytest.raises(ValueError, match="by their hash"):
        Evidence(wording=TEXT)
