from __future__ import annotations

import re

from relay.message.wording import WORDINGS


def test_every_language_asks_for_the_same_values() -> None:
    for kind in ("plain", "html"):
        asked = {
            language: set(
                re.findall(
                    r"\b(sender|postal_address|purpose|audience|agreed|consented_on|source|unsubscribe_url|contact|privacy_policy)\b",
                    getattr(wording, kind),
                )
            )
            for language, wording in WORDINGS.items()
        }
        assert asked["ja"] == asked["en"]
        assert len(asked["ja"]) == 10


def test_no_line_of_the_plain_text_begins_with_a_value() -> None:
    for wording in WORDINGS.values():
        lines = [line for line in wording.plain.split("\n") if line.startswith("{{")]
        assert all(line.startswith(('{{ "', "{{ unsubscribe_url")) for line in lines)


def test_japanese_wording_can_be_written_in_iso_2022_jp() -> None:
    for character in WORDINGS["ja"].plain + WORDINGS["ja"].date:
        character.encode("iso2022_jp")


def test_colours_are_left_to_the_mail_program() -> None:
    for wording in WORDINGS.values():
        assert "color" not in wording.html
