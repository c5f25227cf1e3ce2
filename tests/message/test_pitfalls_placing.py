"""Pitfalls of where a footer stands and how it looks: once, seen, before the real end of the text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import pytest
from html5lib import parse
from message.rebuilt import (
    body_of,
    copy,
    mail,
    read,
    typed,
)
from rewritten import FACTS, LINK

RULE: Final = "_" * 40
#: Of another reader's copy.
OLD: Final = LINK[:-3] + "OLD"


@pytest.mark.parametrize(
    "page",
    [
        "<html><body><p>tea</p></body></html>",
        "<html><body><p>tea</p><!-- </body> --></body></html>",
        "<html><body><!-- <body> --><p>tea</p></body></html>",
        "<html><body><p>tea</p><script>var a = '</body>'</script></body></html>",
        "<html><body><p>tea</p><!--[if mso]></body><![endif]--></body></html>",
        "<html><body><p title='</body>'>tea</p></body></html>",
        "<html><body><p>tea</p></body><p>more</p></body></html>",
        "<html><body><p>tea</p></html>",
        "<p>tea</p>",
        "<HTML><BODY><p>tea</p></BODY  ></HTML >",
    ],
)
def test_26_the_footer_stands_before_the_last_real_end_of_the_body(page: str) -> None:
    """https://github.com/mailcow/mailcow-dockerized/pull/5546,
    https://github.com/jantimon/html-webpack-plugin/issues/702, https://github.com/BrowserSync/browser-sync/issues/1145,
    https://github.com/wp-media/wp-rocket/issues/1595
    """
    result = read(copy(mail(typed("text/html", "us-ascii", "7bit"), page.encode() + b"\r\n")))
    body = parse(result, namespaceHTMLElements=False).find("body")
    shown = "".join(body.itertext())
    assert shown.index("tea") < shown.index("Brand K.K.")
    assert [one.get("href") for one in body.iter("a")].count(LINK) == 1
    tail = result.rindex("<!--/consent-relay:footer-->")
    assert not re.search(r"<p>|<script>|<!--\s*</body>", result[tail:])


def test_27_a_thread_has_one_footer_and_quoted_ones_are_their_writers() -> None:
    """https://github.com/mailcow/mailcow-dockerized/issues/5588, https://github.com/MicrosoftDocs/OfficeDocs-Exchange/issues/118"""
    first = copy(mail(typed("text/plain", "utf-8", "7bit"), b"Hello\r\n"), link=OLD)
    again = copy(first.replace(b"List-Unsubscribe: ", b"X-Old: "))
    assert read(again).count(RULE) == 2
    assert OLD not in body_of(again).decode()
    quoted = b"Thanks!\r\n\r\n" + b"".join([b"> " + line + b"\r\n" for line in body_of(first).splitlines()])
    reply = read(copy(mail(b"In-Reply-To: <1@brand.example>\r\n" + typed("text/plain", "utf-8", "7bit"), quoted)))
    assert reply.startswith(quoted.decode().replace("\r\n", "\n"))
    assert len(re.findall(f"^{RULE}$", reply, re.MULTILINE)) == 2
    page = copy(mail(typed("text/html", "utf-8", "7bit"), b"<html><body>Hello</body></html>\r\n"), link=OLD)
    again = copy(mail(typed("text/html", "utf-8", "7bit"), body_of(page)))
    assert read(again).count("<!--consent-relay:footer-->") == 1
    assert OLD not in read(again)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_28_colours_are_the_readers_and_the_direction_is_the_footers_own(language: str) -> None:
    """https://www.kuon.ch/post/2020-06-07-dark-email/, https://emailmarkup.org/en/docs/sanitizer/features/html/global-attributes/dir"""
    page = "<html dir=rtl><body style='color:#fff;background:#000'>שלום</body></html>\r\n"
    result = read(copy(mail(typed("text/html", "utf-8"), page.encode()), language))
    footer = result.partition("<!--consent-relay:footer-->")[2].partition("<!--/consent-relay:footer-->")[0]
    assert re.search(r"<[^>]* dir=\"ltr\"", footer)
    assert re.search(rf"<[^>]* lang=\"{language}\"", footer)
    styles = " ".join(re.findall(r'style="([^"]*)"', footer))
    assert bool(re.search(r"(?<![\w-])color\s*:", styles)) == bool(re.search(r"background(?:-color)?\s*:", styles))
    assert "<img" not in footer


def test_29_flowed_text_does_not_flow_into_the_footer() -> None:
    """https://www.rfc-editor.org/rfc/rfc3676"""
    for more in ("format=flowed", "format=flowed; delsp=yes"):
        fields = f"Content-Type: text/plain; charset=utf-8; {more}\r\n".encode()
        facts = replace(FACTS["en"], sender="> From Brand", postal_address="  From here")
        result = copy(mail(fields, b"tea that waits \r\nfor you \r\n"), facts=facts)
        assert f"charset=utf-8; {more}\r\n".encode() in result
        text_before, _, footer = read(result).partition(RULE)
        assert text_before == "tea that waits \nfor you \n\n"
        assert not re.search(r"^(?:>|From )| $", footer, re.MULTILINE)
