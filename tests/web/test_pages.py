from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import html5lib
import pytest

from relay.policy.model import Policies
from relay.web.language import LANGUAGES
from relay.web.pages import NAMES, NOTHING, Pages, Subject, contact_link, subject_of

PAGES = Pages()
NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
FULL = Subject(
    "Brand K.K.", "Product news", NOW, "https://brand.example/contact", "https://brand.example/privacy",
    date(2025, 3, 1), "https://brand.example/signup", "/u/000001AAAA", "unticked",
)  # fmt: skip
BARE = Subject(mail="newsletter")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags_of(page: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = _Tags()
    parser.feed(page)
    return parser.found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("subject", [FULL, BARE, NOTHING], ids=["full", "bare", "nothing"])
def test_every_page_is_valid_html_that_loads_and_runs_nothing(language: str, name: str, subject: Subject) -> None:
    page = PAGES.render(name, language, subject, NOW)
    html5lib.HTMLParser(strict=True).parse(page)
    names = [tag for tag, _ in tags_of(page)]
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "svg"} & set(names)
    attributes = {attribute for _, found in tags_of(page) for attribute in found}
    assert not {attribute for attribute in attributes if attribute.startswith("on")} | ({"style", "src"} & attributes)
    assert "url(" not in page
    assert "@import" not in page
    assert names.count("h1") == names.count("title") == names.count("main") == 1
    assert f'<html lang="{language}">' in page


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("subject", [FULL, BARE], ids=["full", "bare"])
def test_both_languages_say_the_same_in_the_same_places(name: str, subject: Subject) -> None:
    """The order of names within a sentence may differ; headings, paragraphs, links and buttons may not."""
    english, japanese = (
        [tag for tag in tags_of(PAGES.render(name, language, subject, NOW)) if tag[0] not in ("bdi", "time")]
        for language in ("en", "ja")
    )
    assert english == japanese


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_cannot_become_markup(language: str) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }}{% raw %}'
    page = PAGES.render("stopped", language, Subject(evil, evil, NOW, evil, evil), NOW)
    assert "<script" not in page
    assert "{{ 7*7 }}" in page
    html5lib.HTMLParser(strict=True).parse(page)


def test_the_content_security_policy_allows_exactly_the_style_of_the_pages() -> None:
    page = PAGES.render("ask", "en", FULL)
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in PAGES.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("https://brand.example/contact?a=b", "https://brand.example/contact?a=b"),
        ("help@brand.example", "mailto:help@brand.example"),
        ("help+news@brand.example", "mailto:help+news@brand.example"),
        ("+81 3-1234-5678", "tel:+81312345678"),
        ("03-1234-5678", "tel:0312345678"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x@y", ""),
        ("the shop on the corner", ""),
        ("", ""),
    ],
)
def test_a_contact_is_linked_by_its_kind_and_never_as_a_script(contact: str, link: str) -> None:
    assert contact_link(contact) == link


def test_a_contact_without_a_link_is_shown_as_it_is() -> None:
    page = PAGES.render("stopped", "en", Subject("Brand", "News", None, "the shop on the corner"), NOW)
    assert "the shop on the corner" in page


def test_the_subject_is_in_the_readers_language(policies: Policies) -> None:
    stream = policies.by_id["newsletter"]
    assert subject_of("newsletter", stream, "ja", NOW).sender == "ブランド株式会社"
    assert subject_of("newsletter", stream, "en", NOW).sender == "Brand & Sons K.K."


def test_a_stream_without_a_policy_is_named_by_its_id() -> None:
    assert subject_of("old-news", None, "en", None) == Subject(mail="old-news")
