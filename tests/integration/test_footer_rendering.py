"""What readers see: pages as mailers make them, rewritten, and opened in a real browser.

With FOOTER_SCREENSHOTS=FOLDER every view is saved there as a picture, to be looked at.
"""

from __future__ import annotations

import email.policy
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.parser import BytesParser
from functools import reduce
from pathlib import Path
from typing import Any, Final

import pytest
from integration.chromium import Browser, missing_for_chromium, running_chromium
from rewritten import FACTS

from relay.message.compose import Common, Copy, Personal, copy_for, prepare
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.index import index
from relay.message.own_footer import HTML_BEGIN
from relay.message.rules import Rules
from relay.message.wording import WORDINGS, Wording
from relay.message.wording_check import problems

URL: Final = "https://mail.brand.example/u/" + "k1-Zm9vdGVyLXRva2Vu" * 9
ENGLISH: Final = replace(FACTS["en"], stop_address="stop@brand.example")
JAPANESE: Final = replace(FACTS["ja"], contact=ENGLISH.contact, stop_address=ENGLISH.stop_address)
LONG: Final = replace(
    ENGLISH,
    source="https://brand.example/join/" + "a-form-with-a-very-long-name-" * 8,
    contact="customer-care-for-readers-of-the-newsletter@a-very-long-name-of-a-department.brand.example",
    postal_address="Rindfleischetikettierungsueberwachungsaufgabenuebertragungsgesetzstrasse " * 2,
)
#: Words of an operator's own, in a language that is written from right to left.
ARABIC: Final = replace(
    WORDINGS["en"],
    html=reduce(
        lambda html, pair: html.replace(*pair),
        [
            ("Why you receive this:", "لماذا تصلك هذه الرسالة:"),
            ('"Your consent" if agreed else "Your address"', '"موافقتك" if agreed else "عنوانك"'),
            (": recorded", ": سُجلت"),
            (" on {{", " في {{"),
            ("Stop these emails", "إيقاف هذه الرسائل"),
            (" at any time, without logging in.", " في أي وقت دون تسجيل الدخول."),
            ("To stop by mail, write to:", "للإيقاف بالبريد:"),
            ("Sent by:", "المرسل:"),
            ("Postal address:", "العنوان البريدي:"),
            ("Questions and complaints:", "للأسئلة والشكاوى:"),
            ("Privacy policy:", "سياسة الخصوصية:"),
        ],
        WORDINGS["en"].html,
    ),
    why="يرسل {{ sender }} «{{ purpose }}» إلى {{ audience or 'من' }}{% if agreed %} الذين وافقوا على ذلك{% endif %}.",
    date="{year}-{month:02}-{day:02}",
    months=(),
)

TEXT: Final = "<h1>November offers</h1><p>A few things that you may like, chosen for you.</p>" + (
    "<p>Green tea from Uji, roasted tea from Kaga, and a pot to make it in. <a href='https://x.example/'>See all</a></p>"
    * 2
)
TABLE: Final = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" bgcolor="{0}"><tr><td align="center">'
    '<table role="presentation" cellpadding="0" cellspacing="0" style="width:100%;max-width:600px" bgcolor="{1}">'
    '<tr><td style="padding:24px;color:{2};font-family:Georgia,serif">' + TEXT + "</td></tr></table></td></tr></table>"
)


@dataclass(frozen=True, slots=True)
class Page:
    """head, body: of the HTML. attributes: of <html> and <body>."""

    body: str
    head: str = ""
    html: str = ""
    attributes: str = ""
    facts: FooterFacts = ENGLISH
    language: str = "en"
    wording: Wording = WORDINGS["en"]

    @property
    def source(self) -> str:
        return (
            f'<!DOCTYPE html>\n<html {self.html}><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width">{self.head}</head>\n'
            f"<body {self.attributes}>{self.body}</body>\n</html>\n"
        )


PAGES: Final = {
    "simple": Page(TEXT),
    "dark-theme": Page(TEXT, head='<meta name="color-scheme" content="light dark">'),
    "dark-theme-of-its-own": Page(
        TEXT,
        head="<style>body{font-family:sans-serif} @media (prefers-color-scheme: dark)"
        "{body{background:#101418;color:#dde} a{color:#8cf}}</style>",
    ),
    "dark": Page(TEXT, head="<style>body{background:#111;color:#eee} a{color:#8cf}</style>"),
    "table": Page(TABLE.format("#f0f0f0", "#ffffff", "#333333"), attributes='style="margin:0;background:#f0f0f0"'),
    "dark-table": Page(TABLE.format("#202428", "#30363c", "#ffffff"), attributes='bgcolor="#202428" style="margin:0"'),
    "center-and-float": Page(
        "<center><h1>Offers</h1><div style='float:left;width:45%;height:220px;background:#def'>left</div>"
        "<div style='float:right;width:45%;height:160px;background:#fed'>right</div></center>",
    ),
    "open-center": Page("<center><b><i>" + TEXT),
    "open-table": Page("<table width='100%' bgcolor='#ffeedd'><tr><td style='font:bold 9px monospace'>" + TEXT),
    "right-to-left": Page(
        "<h1>عروض نوفمبر</h1><p>بعض الأشياء التي قد تعجبك، مختارة لك.</p>",
        html='dir="rtl" lang="ar"',
        head="<style>body{font-family:sans-serif}</style>",
    ),
    "japanese": Page(
        "<h1>11月のおすすめ</h1><p>宇治の緑茶、加賀のほうじ茶、そして急須をご紹介します。</p>",
        html='lang="ja"',
        head="<style>p{text-indent:1em;line-height:2}</style>",
        facts=JAPANESE,
        language="ja",
        wording=WORDINGS["ja"],
    ),
    "arabic": Page(
        "<h1>عروض نوفمبر</h1><p>بعض الأشياء التي قد تعجبك، مختارة لك.</p>",
        html='dir="rtl" lang="ar"',
        facts=replace(ENGLISH, sender="شركة العلامة", purpose="أخبار المنتجات", audience="الأعضاء"),
        language="ar",
        wording=ARABIC,
    ),
    "arabic-below-english": Page(TEXT, language="ar", wording=ARABIC),
    "odd-styles": Page(
        "<h1>Offers</h1><p>A few things.</p>",
        head="<style>p{margin:40px;font-size:30px;white-space:nowrap;width:900px;text-align:center;font-weight:bold}"
        "a{display:block;padding:20px;background:#c00;color:#fff;font-size:40px} div{padding:30px;float:left}</style>",
    ),
    "important-styles": Page(
        TEXT,
        head="<style>a{color:#fff !important;text-decoration:none !important} div{background:#fff !important}"
        "@media (prefers-color-scheme: dark){p,div{color:#eee !important} body{background:#000 !important}}"
        "p{color:#fafafa !important;background:#fff !important}</style>",
    ),
    "no-wrap": Page("<p>Offers</p>", head="<style>body,p,div,a{white-space:nowrap}</style>", facts=LONG),
    "column": Page(
        f"<div style='max-width:600px'>{TEXT}</div>",
        attributes='style="display:flex;flex-direction:column;align-items:center;margin:0"',
    ),
    "long-values": Page(TEXT, facts=LONG),
}
VIEWS: Final = (("light", 1000), ("dark", 1000), ("light", 320), ("dark", 320))

_MEASURE: Final = """
const walker = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT), marks = [];
while (walker.nextNode()) if ('<!--' + walker.currentNode.data + '-->' === arguments[0]) marks.push(walker.currentNode);
const box = marks[0].nextElementSibling;
function solid(colour) { return !/^rgba\\(.*, 0\\)$/.test(colour) && colour !== 'transparent'; }
function ground(element) {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (solid(colour)) return colour;
  }
  const probe = document.createElement('i');
  probe.style.backgroundColor = 'Canvas';
  document.documentElement.append(probe);
  const colour = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return colour;
}
function rectangle(node, start, end) {
  const range = document.createRange();
  if (end) { range.setStart(node, start); range.setEnd(node, end); } else range.selectNodeContents(node);
  const found = range.getBoundingClientRect();
  return [found.left, found.top + scrollY, found.right, found.bottom + scrollY];
}
const texts = [], before = [];
const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (all.nextNode()) {
  const node = all.currentNode, parent = node.parentElement;
  if (!node.data.trim()) continue;
  if (!box.contains(node)) { before.push(rectangle(node)); continue; }
  const style = getComputedStyle(parent);
  texts.push({text: node.data.trim(), place: rectangle(node), colour: style.color, ground: ground(parent),
              underlined: ['a', 'p'].map(one => parent.closest(one)).some(
                one => one && getComputedStyle(one).textDecorationLine === 'underline'),
              link: parent.closest('a') !== null, size: parseFloat(style.fontSize), align: style.textAlign, direction: getComputedStyle(parent.closest('p')).direction,
              ends: [rectangle(node, 0, 1)[0], rectangle(node, node.length - 1, node.length)[0]],
              weight: style.fontWeight, slant: style.fontStyle, seen: parent.checkVisibility()});
}
const wide = document.documentElement.scrollWidth, place = box.getBoundingClientRect();
const found = {marks: marks.length, language: box.closest('[lang]').lang, texts: texts, said: box.innerText,
  before: Math.max(...before.map(one => one[3])), width: innerWidth, wide: wide,
  box: [place.left, place.top + scrollY, place.right, place.bottom + scrollY],
  links: [...box.querySelectorAll('a')].map(one => [one.innerText, one.href]),
  last: box.parentElement.lastElementChild === box};
box.remove();
found.wideWithout = document.documentElement.scrollWidth;
return found;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    missing = missing_for_chromium()
    if missing:
        pytest.skip(missing)
    with running_chromium("en-GB,en,ja") as running:
        yield running


def rewritten(page: Page) -> str:
    """The HTML as the reader's mail program gets it."""
    head = (
        b"From: Brand <news@brand.example>\r\nSubject: Offers\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    message = index(head + page.source.replace("\n", "\r\n").encode())
    prepared = prepare(message, Common(b"", b"", b""), Rules(commercial=True))
    version = Version(page.facts, page.wording, page.language)
    copy = copy_for(prepared, Personal(URL, True, Disclosure((version,), URL)))
    assert isinstance(copy, Copy)
    return str(BytesParser(policy=email.policy.default).parsebytes(copy.content).get_content())


def seen(browser: Browser, name: str, scheme: str, width: int, folder: Path) -> dict[str, Any]:
    file = folder / f"{name}.html"
    file.write_text(rewritten(PAGES[name]), "utf-8")
    browser.prefer(scheme)
    browser.resize(width, 1200)
    browser.open(file.as_uri())
    pictures = os.environ.get("FOOTER_SCREENSHOTS")
    if pictures:
        (Path(pictures) / f"{name}-{scheme}-{width}.png").write_bytes(browser.picture())
    found: dict[str, Any] = browser.driver.execute_script(_MEASURE, HTML_BEGIN)
    return found


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_the_footer_can_be_read_below_the_page(
    browser: Browser, tmp_path: Path, name: str, scheme: str, width: int
) -> None:
    found = seen(browser, name, scheme, width, tmp_path)
    page = PAGES[name]
    assert found["marks"] == 1
    assert found["language"] == page.language
    assert found["last"]
    assert found["box"][1] >= found["before"]
    assert found["box"][0] >= 0
    assert found["box"][2] <= found["width"]
    assert found["wide"] <= found["wideWithout"]
    for text in found["texts"]:
        left, top, right, bottom = text["place"]
        assert text["seen"]
        assert bottom > top >= found["before"], text
        assert 0 <= left < right <= found["width"], text
        assert 12 <= text["size"] <= 16, text
        assert (text["align"], text["direction"]) == (("right", "rtl") if page.language == "ar" else ("left", "ltr"))
        assert (text["weight"], text["slant"]) == ("400", "normal"), text
        assert contrast(text["colour"], text["ground"]) >= 4.5, text
        assert text["underlined"] == text["link"], text
    links = dict(found["links"])
    assert URL in links.values()
    assert links[page.facts.privacy_policy] == page.facts.privacy_policy
    assert links[page.facts.contact] == f"mailto:{page.facts.contact}"
    assert page.facts.sender in found["said"]


def test_a_plain_text_view_of_the_footer_has_one_line_an_item(browser: Browser, tmp_path: Path) -> None:
    said = seen(browser, "simple", "light", 1000, tmp_path)["said"].splitlines()
    assert [line for line in said if line] == [
        'Why you receive this: Brand K.K. sends "Product news" to members who agreed to receive it.',
        "Your consent: recorded on 1 May 2024 (https://brand.example/join)",
        "Stop these emails at any time, without logging in.",
        "To stop by mail, write to: stop@brand.example",
        "Sent by: Brand K.K.",
        "Postal address: 1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan",
        "Questions and complaints: care@brand.example",
        "Privacy policy: https://brand.example/privacy",
    ]


def test_an_address_in_latin_letters_is_read_from_its_number_on_in_an_arabic_line(
    browser: Browser, tmp_path: Path
) -> None:
    texts = seen(browser, "arabic", "light", 1000, tmp_path)["texts"]
    for words in (ENGLISH.postal_address, "2024-05-01", ENGLISH.privacy_policy):
        (first, last) = next(text["ends"] for text in texts if text["text"] == words)
        assert first < last
    (first, last) = next(text["ends"] for text in texts if text["text"].endswith("شركة العلامة"))
    assert first > last


def test_the_words_from_right_to_left_are_such_as_a_policy_may_have() -> None:
    assert problems(ARABIC) == ()


def luminance(colour: str) -> float:
    """Relative luminance of a computed colour (WCAG 2.2)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
