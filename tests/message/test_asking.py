from __future__ import annotations

import email
import email.policy
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.message.asking import Asking, asking_mail, letter
from relay.message.footer import FooterFacts, Version
from relay.message.index import index
from relay.message.wording import WORDINGS
from relay.reason import Reason

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "asking"
NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
TO = Address("hanako", "example.jp")
CONFIRM = "https://mail.brand.example/c/" + "A" * 134
STOP = "https://mail.brand.example/u/" + "B" * 134
FACTS = FooterFacts(
    sender="Brand & Sons K.K.",
    postal_address="1-2-3 Ginza, Chuo-ku, Tokyo",
    contact="https://brand.example/contact",
    privacy_policy="https://brand.example/privacy",
    purpose="Product <news>",
    consented_on=date(2025, 3, 1),
    source="https://brand.example/signup?a=1&b=2",
)
ASKED_ABOUT = (Reason.STALE, Reason.RENEWAL_DUE, Reason.FIRST_MAIL_LATE, Reason.CONFIRMED, Reason.MIGRATION)


def asking(language: str = "en", reason: Reason = Reason.STALE, facts: FooterFacts = FACTS) -> Asking:
    return Asking(Version(facts, WORDINGS[language], language), reason, CONFIRM, STOP)


def mail(what: Asking, *, one_click: bool = True) -> bytes:
    return asking_mail(what, identifier="01J0", mail_domain="relay.brand.example", to=TO, at=NOW, one_click=one_click)


def read(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def texts_of(content: bytes) -> dict[str, str]:
    return {part.get_content_subtype(): part.get_content() for part in read(content).iter_parts()}


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("reason", ASKED_ABOUT)
def test_text_and_html_say_who_asks_for_what_since_when_and_how_to_answer(language: str, reason: Reason) -> None:
    texts = texts_of(mail(asking(language, reason)))
    day = {"en": "1 March 2025", "ja": "2025年3月1日"}[language]
    for text, escaped in ((texts["plain"], False), (texts["html"], True)):
        for expected in ("Brand & Sons K.K.", "Product <news>", day, "https://brand.example/signup?a=1&b=2"):
            shown = expected.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if escaped else expected
            assert shown in text
        for url in (CONFIRM, STOP, FACTS.contact, FACTS.privacy_policy):
            assert url in text
        assert FACTS.postal_address in text
        assert {"en": "60 days", "ja": "60日"}[language] in text


@pytest.mark.parametrize("language", WORDINGS)
def test_the_mail_reads_as_written_down(language: str) -> None:
    """tests/golden/asking has it word for word (GOLDEN=write writes it anew)."""
    message, words = read(mail(asking(language))), letter(asking(language))
    assert message.get_content_type() == "multipart/alternative"
    written = f"Subject: {message['subject']}\n\n{words.plain}"
    file = GOLDEN / f"{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(written, "utf-8")
    assert file.read_text("utf-8") == written


@pytest.mark.parametrize("own", ["", "Since {{ consent_date }}, {{ consent_source }}. {{ unsubscribe_url }}"])
def test_what_the_words_above_have_said_the_footer_does_not_say_again(own: str) -> None:
    wording = replace(WORDINGS["en"], plain=own or WORDINGS["en"].plain)
    plain = letter(Asking(Version(FACTS, wording, "en"), Reason.STALE, CONFIRM, STOP)).plain
    assert plain.count("1 March 2025") == plain.count("https://brand.example/signup?a=1&b=2") == 1


@pytest.mark.parametrize(
    ("language", "held", "passing"),
    [
        ("en", "you will get no more of it", "soon stop by itself"),
        ("ja", "お送りいたしません", "まもなく終了いたします"),
    ],
)
def test_nobody_has_to_do_anything_to_get_no_more_of_it(language: str, held: str, passing: str) -> None:
    for reason in ASKED_ABOUT:
        still_passes = reason in (Reason.CONFIRMED, Reason.MIGRATION)
        for text in texts_of(mail(asking(language, reason))).values():
            assert ((held in text), (passing in text)) == (not still_passes, still_passes)


@pytest.mark.parametrize("language", WORDINGS)
def test_every_reason_to_ask_is_told_in_words_of_its_own(language: str) -> None:
    assert len({letter(asking(language, reason)).plain for reason in ASKED_ABOUT}) == len(ASKED_ABOUT)


@pytest.mark.parametrize(("language", "word"), [("en", "agreed"), ("ja", "同意")])
def test_who_never_agreed_is_not_told_that_they_did(language: str, word: str) -> None:
    words = letter(asking(language, facts=replace(FACTS, agreed=False)))
    assert word not in words.plain
    assert word not in words.html
    assert word in letter(asking(language)).plain


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("agreed", [True, False])
def test_what_is_not_known_leaves_no_hole(language: str, agreed: bool) -> None:
    plain = letter(asking(language, facts=replace(FACTS, agreed=agreed, consented_on=None, source=""))).plain
    for hole in ("()", "None", "it on", "for it on", "、、", "、にて", "  ", " ."):
        assert hole not in plain.partition("____")[0]
    assert "\n\n\n" not in plain


def test_the_subject_asks_what_the_mail_asks() -> None:
    assert read(mail(asking()))["subject"] == 'Do you still want "Product <news>" from Brand & Sons K.K.?'
    japanese = asking("ja", facts=replace(FACTS, sender="ブランド株式会社", purpose="新商品のお知らせ"))
    assert read(mail(japanese))["subject"] == "「新商品のお知らせ」を今後もお送りしてよろしいですか（ブランド株式会社）"  # noqa: RUF001


def test_the_header_names_sender_language_and_the_way_to_stop() -> None:
    message = read(mail(asking("ja")))
    assert message["from"] == '"Brand & Sons K.K." <notices@relay.brand.example>'
    assert message["to"] == "hanako@example.jp"
    assert message["auto-submitted"] == "auto-generated"
    assert message["content-language"] == "ja"
    assert message["list-unsubscribe"] == f"<{STOP}>"
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert message["reply-to"] is None
    for one in message.iter_parts():
        assert one["content-language"] == "ja"


def test_one_click_is_not_offered_where_it_would_not_be_signed() -> None:
    message = read(mail(asking(), one_click=False))
    assert message["list-unsubscribe"] == f"<{STOP}>"
    assert message["list-unsubscribe-post"] is None


@pytest.mark.parametrize("contact", ["help@brand.example", "mailto:help@brand.example"])
def test_answers_go_to_the_senders_contact_where_it_is_a_mail_address(contact: str) -> None:
    assert read(mail(asking(facts=replace(FACTS, contact=contact))))["reply-to"] == "help@brand.example"


@pytest.mark.parametrize("language", WORDINGS)
def test_the_page_is_valid_and_loads_nothing(language: str) -> None:
    page = letter(asking(language)).html
    html5lib.HTMLParser(strict=True).parse(page)
    assert f'<html lang="{language}"' in page
    for forbidden in ("<img", "<script", "<link", "url(", "src="):
        assert forbidden not in page


def test_a_link_that_cannot_stand_in_a_field_is_a_bug_of_ours() -> None:
    with pytest.raises(ValueError, match="link"):
        Asking(Version(FACTS, WORDINGS["en"], "en"), Reason.STALE, "javascript:alert(1)", STOP)
    with pytest.raises(ValueError, match="link"):
        Asking(Version(FACTS, WORDINGS["en"], "en"), Reason.STALE, CONFIRM, "https://x.example/ü")
    with pytest.raises(ValueError, match="words"):
        Asking(Version(FACTS, WORDINGS["en"], "fr"), Reason.STALE, CONFIRM, STOP)


EVIL = st.text(max_size=60) | st.sampled_from(
    [
        "\r\nBcc: all@example.org",
        "</title><script>",
        "{{ 7*7 }}",
        "\n.\n",
        "From me",
        ">x",
        "-- ",
        "__" * 30,
        "\u202eabc",
    ]
)


@given(EVIL, EVIL, EVIL, st.sampled_from(sorted(WORDINGS)), st.booleans())
def test_no_value_becomes_a_field_a_tag_or_a_template(
    sender: str, purpose: str, source: str, language: str, agreed: bool
) -> None:
    facts = replace(FACTS, sender=sender, purpose=purpose, source=source, agreed=agreed)
    content = mail(asking(language, facts=facts))
    message = read(content)
    names = [field.name for field in index(content).head.fields]
    assert len(names) == len(set(names)) == 11
    assert "bcc" not in names
    html5lib.HTMLParser(strict=True).parse(texts_of(content)["html"])
    assert "<script" not in texts_of(content)["html"]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
