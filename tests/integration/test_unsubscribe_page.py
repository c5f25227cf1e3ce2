"""A reader with a real browser, without scripts, on the page that a real mail led to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from integration.chromium import Browser, missing_for_chromium, running_chromium
from integration.clients import by_smtplib
from integration.mails import newsletter, unsubscribe_url
from integration.postfix import Postfix
from integration.serving import NEWS, Relay
from selenium.webdriver.common.keys import Keys

from relay.address import Address
from relay.decision import new_id
from relay.store.keys import load_token_keys
from relay.tokens import Claims, Purpose, seal


def chromium(languages: str) -> Iterator[Browser]:
    missing = missing_for_chromium()
    if missing:
        pytest.skip(missing)
    with running_chromium(languages) as browser:
        yield browser


@pytest.fixture(scope="module")
def english() -> Iterator[Browser]:
    yield from chromium("en-GB,en,ja")


@pytest.fixture(scope="module")
def japanese() -> Iterator[Browser]:
    yield from chromium("ja,en-US,en")


def link(relay: Relay, reader: str = "somebody@reader.example") -> str:
    """The address of the page that a mail to the reader would have."""
    local, _, domain = reader.partition("@")
    keys = load_token_keys(relay.folder / "var" / "keys" / "tokens")
    decision = new_id(datetime.now(UTC), secrets.token_bytes(10))
    token = seal(keys, Purpose.UNSUBSCRIBE, Claims(Address(local, domain), "newsletter", decision))
    return f"http://127.0.0.1:{relay.web}/u/{token}"


def test_a_reader_follows_the_link_presses_the_button_and_gets_no_more_mail(
    relay: Relay, postfix: Postfix, english: Browser
) -> None:
    reader = relay.reader()
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).accepted
    url = unsubscribe_url(postfix.wait_for(reader))
    english.open(f"http://127.0.0.1:{relay.web}{urlsplit(url).path}")
    assert english.heading == "Stop “Product news”?"
    assert "Brand K.K." in english.text_of("dl")
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).accepted  # looking changed nothing
    english.press_the_button()
    assert english.heading == "“Product news” has stopped"
    assert english.count("button") == 0
    assert "https://brand.example/contact" in english.text_of("main")
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).said.startswith("550 5.7.1 withdrawn: ")
    assert english.complaints() == []


def test_a_japanese_reader_gets_the_page_in_japanese_before_and_after(relay: Relay, japanese: Browser) -> None:
    japanese.open(link(relay))
    assert japanese.heading == "「新商品のお知らせ」の配信を停止しますか"
    assert japanese.text_of("button") == "配信を停止する"
    japanese.press_the_button()
    assert japanese.heading == "「新商品のお知らせ」の配信を停止しました"
    assert "日本時間" in japanese.text_of("main")
    assert japanese.complaints() == []


def test_reloading_and_going_back_do_no_harm(relay: Relay, english: Browser) -> None:
    english.open(link(relay))
    english.press_the_button()
    english.driver.refresh()
    assert english.heading == "“Product news” has stopped"
    english.driver.back()
    assert english.heading == "Stop “Product news”?"


@pytest.mark.parametrize("width", [280, 360, 1100])
def test_the_page_fits_every_screen_and_the_button_every_finger(
    relay: Relay, english: Browser, japanese: Browser, width: int
) -> None:
    for browser in (english, japanese):
        browser.resize(width)
        browser.open(link(relay))
        size = browser.driver.find_element("tag name", "button").size
        assert size["height"] >= 44
        assert size["width"] >= 44
        assert browser.content_width() <= width
        browser.press_the_button()
        assert browser.content_width() <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_daylight_and_in_the_dark(relay: Relay, english: Browser, scheme: str) -> None:
    english.prefer(scheme)
    english.open(link(relay))
    paper = english.style_of("body", "background-color")
    assert (luminance(paper) < 0.2) == (scheme == "dark")
    for selector in ("h1", "p", "dt", "dd", ".note", "footer a"):
        assert contrast(english.style_of(selector, "color"), paper) >= 4.5, selector
    button = english.style_of("button", "background-color")
    assert contrast(english.style_of("button", "color"), button) >= 4.5
    assert contrast(button, paper) >= 3
    english.press_the_button()
    for selector in ("h1", "h2", "p", ".note", "main a"):
        assert contrast(english.style_of(selector, "color"), paper) >= 4.5, selector


def test_a_screen_reader_is_told_the_title_the_heading_and_one_button(relay: Relay, english: Browser) -> None:
    english.open(link(relay))
    roles = english.roles()
    assert ("heading", "Stop “Product news”?") in roles
    assert [name for role, name in roles if role == "button"] == ["Stop these emails"]
    assert [role for role, _ in roles if role in ("main", "contentinfo")] == ["main", "contentinfo"]
    assert english.driver.title == "Stop “Product news”?"


def test_the_keyboard_alone_is_enough(relay: Relay, english: Browser) -> None:
    english.open(link(relay))
    english.type_keys(Keys.TAB)
    assert english.driver.switch_to.active_element.tag_name == "button"
    assert english.style_of("button", "outline-style") == "solid"
    english.press_enter()
    assert english.heading == "“Product news” has stopped"


def luminance(colour: str) -> float:
    """Relative luminance of a computed colour (WCAG 2.2)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
