"""A reader with a real browser, without scripts, says yes again: from the mail that asks to the mail that was held."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from integration.chromium import Browser, missing_for_chromium, running_chromium
from integration.clients import by_smtplib
from integration.mails import newsletter, parsed, texts_of, unsubscribe_url
from integration.postfix import Postfix
from integration.serving import NEWS, Relay
from integration.test_unsubscribe_page import contrast, luminance
from patience import until
from selenium.webdriver.common.keys import Keys

from relay.address import Address
from relay.decision import new_id
from relay.store.keys import load_token_keys
from relay.tokens import Claims, Purpose, seal

BOX = "input[type=checkbox]"


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


def link(relay: Relay, reader: str = "", *, days: float = 0) -> str:
    """The address of the page that a mail of so many days ago would have."""
    local, _, domain = (reader or relay.stranger()).partition("@")
    keys = load_token_keys(relay.folder / "var" / "keys" / "tokens")
    decision = new_id(datetime.now(UTC) - timedelta(days=days), secrets.token_bytes(10))
    token = seal(keys, Purpose.CONFIRM, Claims(Address(local, domain), "newsletter", decision))
    return f"http://127.0.0.1:{relay.web}/c/{token}"


def stale_reader(relay: Relay) -> str:
    """Somebody who said yes long ago and has had no mail since."""
    reader = relay.stranger(local="old")
    at = (datetime.now(UTC) - timedelta(days=500)).isoformat()
    relay.command(
        "consent", "grant", reader, "--stream", "newsletter", "--basis", "double-opt-in", "--at", at,
        "--source", "fair in Osaka",
    )  # fmt: skip
    return reader


def mails_to(postfix: Postfix, reader: str, number: int) -> list[bytes]:
    def enough() -> list[bytes]:
        found = postfix.delivered_to(reader)
        return found if len(found) >= number else []

    return until(enough, lambda: f"{len(postfix.delivered_to(reader))} mails instead of {number}")


def page_of(relay: Relay, mail: bytes) -> str:
    """Where the link to say yes leads, on this machine."""
    (url,) = set(re.findall(r"https://\S+/c/[A-Za-z0-9_-]+", texts_of(mail)["text/plain"]))
    return f"http://127.0.0.1:{relay.web}{urlsplit(url).path}"


def test_who_is_asked_and_ticks_the_box_gets_what_was_held(relay: Relay, postfix: Postfix, english: Browser) -> None:
    reader = stale_reader(relay)
    said = by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader, subject="Held for you"))
    assert said.accepted, said.said
    (asks,) = mails_to(postfix, reader, 1)
    assert parsed(asks)["subject"] == 'Do you still want "Product news" from Brand K.K.?'
    assert "fair in Osaka" in texts_of(asks)["text/plain"]
    assert unsubscribe_url(asks)
    english.open(page_of(relay, asks))
    assert english.heading == "Receive “Product news”?"
    assert "fair in Osaka" in english.text_of("dl")
    english.driver.find_element("css selector", BOX).click()
    english.press_the_button()
    assert english.heading.startswith("Thank you")
    both = mails_to(postfix, reader, 2)
    # A mailbox's files of one second stand in no order.
    (held,) = [one for one in both if one != asks]
    assert parsed(held)["subject"] == "Held for you"
    assert english.complaints() == []
    shown = relay.command("consent", "show", reader).stdout
    assert "renew" in shown
    assert "confirm-page" in shown


def test_looking_at_the_page_and_stopping_there_lets_nothing_go(
    relay: Relay, postfix: Postfix, english: Browser
) -> None:
    reader = stale_reader(relay)
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).accepted
    (asks,) = mails_to(postfix, reader, 1)
    page = page_of(relay, asks)
    english.open(page)
    english.driver.find_element("css selector", ".note a").click()
    assert english.heading == "Stop “Product news”?"
    english.press_the_button()
    assert english.heading == "“Product news” has stopped"
    english.open(page)
    assert english.heading == "“Product news” has been stopped"
    assert english.count("form") == 0
    time.sleep(1)
    assert len(postfix.delivered_to(reader)) == 1


def test_the_mail_that_asks_can_be_stopped_by_one_click_and_its_other_link_then_takes_no_yes(
    relay: Relay, postfix: Postfix
) -> None:
    reader = stale_reader(relay)
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).accepted
    (asks,) = mails_to(postfix, reader, 1)
    form = {"content-type": "application/x-www-form-urlencoded"}
    stop, page = urlsplit(unsubscribe_url(asks)).path, urlsplit(page_of(relay, asks)).path
    assert relay.http("POST", page, "List-Unsubscribe=One-Click", form)[0] == 422
    assert relay.http("POST", stop, "List-Unsubscribe=One-Click", form)[0] == 200
    assert relay.http("POST", page, "agree=yes", form)[0] == 409
    assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader)).said.startswith("550 5.7.1 withdrawn: ")


def test_the_button_without_the_box_leads_back_to_the_box(relay: Relay, english: Browser) -> None:
    english.open(link(relay))
    english.press_the_button()
    assert english.heading == "Receive “Product news”?"
    assert "not ticked" in english.text_of("[role=alert]")
    box = english.driver.switch_to.active_element
    assert box.get_attribute("type") == "checkbox"
    assert ("checkbox", "Yes, I want to receive “Product news” from Brand K.K. by email.") in english.roles()
    box.send_keys(Keys.SPACE)
    english.press_the_button()
    assert english.heading.startswith("Thank you")


def test_a_japanese_reader_gets_every_page_in_japanese(relay: Relay, japanese: Browser) -> None:
    japanese.open(link(relay))
    assert japanese.heading == "「新商品のお知らせ」を受け取りますか"
    assert japanese.text_of("label") == "Brand K.K.から、「新商品のお知らせ」をメールで受け取ることに同意します。"
    japanese.press_the_button()
    assert "チェックが入っていない" in japanese.text_of("[role=alert]")
    japanese.driver.find_element("css selector", "label").click()  # the words are as good as the box
    japanese.press_the_button()
    assert japanese.heading == "ありがとうございます。「新商品のお知らせ」をお送りします"
    japanese.open(link(relay, days=61))
    assert japanese.heading == "このリンクはご利用いただけません"
    assert japanese.driver.title == "このリンクはご利用いただけません"


def test_reloading_and_going_back_do_no_harm(relay: Relay, english: Browser) -> None:
    english.open(link(relay))
    english.driver.find_element("css selector", BOX).click()
    english.press_the_button()
    english.driver.refresh()
    assert english.heading.startswith("Thank you")
    english.driver.back()
    assert english.heading == "Receive “Product news”?"


@pytest.mark.parametrize("width", [280, 360, 1100])
def test_the_page_fits_every_screen_and_every_finger(
    relay: Relay, english: Browser, japanese: Browser, width: int
) -> None:
    for browser in (english, japanese):
        browser.resize(width)
        browser.open(link(relay))
        for selector in ("button", "label"):
            size = browser.driver.find_element("css selector", selector).size
            assert min(size["height"], size["width"]) >= 44
        assert browser.content_width() <= width
        browser.press_the_button()
        assert browser.content_width() <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_daylight_and_in_the_dark(relay: Relay, english: Browser, scheme: str) -> None:
    english.prefer(scheme)
    english.open(link(relay))
    english.press_the_button()
    paper = english.style_of("body", "background-color")
    assert (luminance(paper) < 0.2) == (scheme == "dark")
    for selector in ("h1", "main p", "dt", "dd", "label span", ".wrong", ".note", ".note a", "footer a"):
        assert contrast(english.style_of(selector, "color"), paper) >= 4.5, selector
    assert contrast(english.style_of("label", "border-top-color"), paper) >= 3
    button = english.style_of("button", "background-color")
    assert contrast(english.style_of("button", "color"), button) >= 4.5


def test_the_keyboard_alone_is_enough_and_shows_where_it_is(relay: Relay, english: Browser) -> None:
    english.open(link(relay))
    english.type_keys(Keys.TAB)
    assert english.driver.switch_to.active_element.get_attribute("type") == "checkbox"
    assert english.style_of("label", "outline-style") == "solid"
    english.type_keys(Keys.SPACE)
    english.type_keys(Keys.TAB)
    assert english.driver.switch_to.active_element.tag_name == "button"
    assert english.style_of("button", "outline-style") == "solid"
    english.press_enter()
    assert english.heading.startswith("Thank you")


def test_a_screen_reader_is_told_the_heading_the_box_with_its_words_and_one_button(
    relay: Relay, english: Browser
) -> None:
    english.open(link(relay))
    roles = english.roles()
    assert ("heading", "Receive “Product news”?") in roles
    assert [name for role, name in roles if role == "checkbox"] == [
        "Yes, I want to receive “Product news” from Brand K.K. by email."
    ]
    assert [name for role, name in roles if role == "button"] == ["Send it to me"]
    assert [role for role, _ in roles if role in ("main", "contentinfo")] == ["main", "contentinfo"]
