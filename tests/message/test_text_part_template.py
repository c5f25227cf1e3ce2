"""Placeholders in a text part: filled, and what they say is not said again by the footer."""

from __future__ import annotations

import pytest
from message.one_text import (
    ASCII,
    LINK,
    body_of,
    edited,
    head,
    markup,
    plain,
    plan_of,
    read,
    version,
)

from relay.message.footer import Disclosure
from relay.message.text_part import TextPlan


def test_placeholders_are_filled_and_the_footer_says_the_rest() -> None:
    body = body_of(edited(head("text/plain", "utf-8"), b"Stop: {{ unsubscribe_url }}\r\n", ASCII)).decode()
    assert body == f"Stop: {LINK}\r\n\r\n{plain(ASCII, frozenset({'unsubscribe_url'}))}"


ALL = b"{{unsubscribe_url}} {{why}} {{sender}} {{postal_address}} {{contact}} {{privacy_policy}}\r\n"


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_where_the_template_says_it_all_there_is_no_footer(kind: str) -> None:
    fields = head(kind, "utf-8")
    plan = plan_of(fields.encode() + b"\r\n" + ALL)
    assert isinstance(plan, TextPlan)
    assert not plan.adds_footer(ASCII)
    assert plan.fills == {"unsubscribe_url", "why", "sender", "postal_address", "contact", "privacy_policy"}
    assert body_of(edited(fields, ALL, ASCII)).decode() == (
        f"{LINK} Tea House writes Tea House 1 Tea Street tea@example.com https://example.com/privacy\r\n"
    )


def test_a_link_that_is_none_is_not_said() -> None:
    words = Disclosure((version("{{ contact }}", contact="call us"),), LINK)
    body = body_of(edited(head("text/html", "utf-8"), b"<a href='{{contact}}'>x</a>", words)).decode()
    assert body.startswith("<a href=''>x</a>\r\n")
    assert "call us" in body


def test_the_footer_stands_where_the_template_wants_it() -> None:
    body = body_of(edited(head("text/html", "utf-8"), b"<td>{{footer}}</td><p>bye</body>", ASCII)).decode()
    assert body == f"<td>\r\n{markup(ASCII)}</td><p>bye</body>"


def test_a_value_of_another_charset_recodes_the_part() -> None:
    tea = Disclosure((version("x", sender="\u8336"),), LINK)
    changed = edited(head("text/plain", "iso-8859-1"), "caf\u00e9 {{sender}}\r\n".encode("latin-1"), tea)
    assert body_of(changed).decode().startswith("caf\u00e9 \u8336\r\n")
    changed = edited(head("text/html", "iso-8859-1"), "caf\u00e9 {{sender}}\r\n".encode("latin-1"), tea)
    assert body_of(changed).startswith(b"caf\xe9 &#33590;\r\n")


def test_a_line_that_a_value_makes_too_long_is_encoded() -> None:
    long = Disclosure((version("x", sender="Tea House " * 49),), LINK)
    changed = edited(head("text/html", "utf-8"), b"<p>" + b"x" * 800 + b"{{sender}}</p>\r\n", long)
    assert changed is not None
    assert max(map(len, changed.split(b"\r\n"))) <= 998
    assert read(changed).startswith("<p>" + "x" * 800 + "Tea House Tea")


def test_in_the_middle_of_what_nobody_reads_only_ascii_is_put() -> None:
    for body in (b"\xff {{sender}}\r\n", b"{{sender}}\r\n\xe3"):
        assert edited(head("text/plain", "utf-8"), body, Disclosure((version("x", sender="\u8336"),), LINK)) is None
        assert edited(head("text/plain", "utf-8"), body, ASCII) is not None
