from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.footer import Footer, FooterFacts, render

URL = "https://mail.brand.example/u/k1.token"
FACTS = FooterFacts(
    sender="Brand K.K.",
    postal_address="1-1 Chiyoda, Tokyo",
    contact="https://brand.example/contact",
    privacy_policy="https://brand.example/privacy",
    purpose="Product news",
    audience="members",
    consented_on=date(2024, 5, 1),
    source="https://brand.example/join",
)


def shown(footer: Footer) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", footer.html))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_text_and_html_tell_all_that_has_to_be_told(language: str) -> None:
    footer = render(FACTS, URL, language)
    for value in (
        FACTS.sender,
        FACTS.postal_address,
        FACTS.contact,
        FACTS.privacy_policy,
        FACTS.purpose,
        FACTS.audience,
        FACTS.source,
    ):
        assert value in footer.plain
        assert value in shown(footer)
    assert URL in footer.plain
    assert f'href="{URL}"' in footer.html
    assert ("2024年5月1日" if language == "ja" else "1 May 2024") in footer.plain


def test_a_language_is_known_by_its_first_part_and_english_stands_in() -> None:
    assert render(FACTS, URL, "ja-JP") == render(FACTS, URL, "ja")
    assert render(FACTS, URL, "fr") == render(FACTS, URL, "en")


def test_what_is_unknown_is_left_out_without_a_trace() -> None:
    for language in ("ja", "en"):
        footer = render(replace(FACTS, audience="", consented_on=None, source=""), URL, language)
        assert "consent" not in footer.plain.lower().replace("complaints", "")
        assert "ご同意の記録" not in footer.plain
        assert "\n\n" not in footer.plain
        assert "None" not in footer.plain + footer.html
        assert "()" not in footer.plain


def test_another_basis_than_a_yes_is_not_called_consent() -> None:
    customer = replace(FACTS, agreed=False)
    assert "agreed" not in render(customer, URL, "en").plain
    assert "同意" not in render(customer, URL, "ja").plain


def test_values_are_never_templates_nor_markup() -> None:
    footer = render(replace(FACTS, sender='{{ 7 * 7 }}<b onclick="x">', contact="javascript:alert(1)"), URL, "en")
    assert "{{ 7 * 7 }}" in footer.plain
    assert "<b " not in footer.html
    assert "javascript" not in re.sub(r">[^<]*<", "><", footer.html)


def test_line_breaks_and_control_characters_in_values_become_spaces() -> None:
    footer = render(replace(FACTS, sender="Brand\r\nBcc: x\x1b$B\u2028\u202e"), URL, "en")
    assert "Brand Bcc: x $B" in footer.plain
    assert not set("\r\x1b\u2028\u202e") & set(footer.plain + footer.html)


def test_each_reader_has_their_own_link_and_no_value_can_stand_for_it() -> None:
    facts = replace(FACTS, sender="Brand\0K.K.")
    first, second = render(facts, f"{URL}1?a=1&b=2", "en"), render(facts, f"{URL}2", "en")
    assert first.plain.count(f"{URL}1?a=1&b=2") == second.plain.count(f"{URL}2") == 1
    assert f'href="{URL}1?a=1&amp;b=2"' in first.html
    assert f'href="{URL}2"' in second.html
    assert first.plain.replace(f"{URL}1?a=1&b=2", f"{URL}2") == second.plain
    assert "Brand K.K." in first.plain


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_line_looks_like_a_delimiter_a_quotation_or_an_mbox_line(language: str) -> None:
    footer = render(replace(FACTS, sender="--", purpose=">", audience="From "), URL, language)
    assert not [line for line in footer.plain.split("\n") if line.startswith(("-", ">", "From ", " ", "."))]
    assert not [line for line in footer.plain.split("\n") if line != line.rstrip()]


_VALUE = st.text(st.characters(exclude_categories=[]), max_size=60).flatmap(
    lambda text: st.sampled_from([text, text * 40])
)


@given(_VALUE, _VALUE, _VALUE, st.sampled_from(["ja", "en"]))
def test_lines_fit_into_mail_whatever_the_values(one: str, two: str, three: str, language: str) -> None:
    facts = replace(FACTS, sender=one, postal_address=two, contact=three, purpose=three, audience=two, source=one)
    footer = render(facts, "https://mail.brand.example/u/" + "x" * 800, language)
    assert max(len(line.encode()) for line in footer.plain.split("\n")) <= 998
    assert max(len(line.encode("ascii", "xmlcharrefreplace")) for line in footer.html.split("\n")) <= 998
    assert footer.html.count("<div") == footer.html.count("</div>") == 1
    assert footer.html.isprintable() or set(footer.html) - {"\n"}
