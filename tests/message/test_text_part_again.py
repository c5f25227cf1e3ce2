"""A text part that is rewritten again stays as it is, whatever it is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message.one_text import (
    ASCII,
    JAPANESE,
    KEEP,
    LINK,
    RULES,
    body_of,
    disclosure,
    edited,
    head,
    plain,
    plan_of,
    rewritten,
)

from relay.message.footer import Disclosure
from relay.message.index import index
from relay.message.own_footer import PLAIN_RULE
from relay.message.text_part import TextPlan, with_footer
from relay.message.transfer import Transfer, decode, encode

SAMPLES = {
    "us-ascii": "abc",
    "utf-8": "ab\u00e9\u8336\U0001f375",
    "iso-8859-1": "ab\u00e9",
    "iso-8859-15": "ab\u20ac",
    "windows-1252": "ab\u201c",
    "koi8-r": "ab\u0447\u0430\u0439",
    "iso-2022-jp": "ab\u304a\u8336",
    "shift_jis": "ab\u8336\u30bd\u30dc",
    "euc-jp": "ab\u8336\u30bd",
    "gb18030": "ab\u8336",
    "big5": "ab\u8336\u529f",
    "euc-kr": "ab\ucc28",
    "utf-16": "ab\u8336",
    "utf-16le": "ab\u8336",
    "utf-16be": "ab\u8336",
}
LINES = [
    "\r\n",
    "\r\n\r\n",
    " ",
    "> ",
    "=",
    "-- \r\n",
    "_" * 40,
    "<p>",
    "</p>",
    "<blockquote>",
    "</blockquote>",
    "</body>",
]
DISCLOSURES = [disclosure("footer"), disclosure("\u8336 <&>", "tea"), disclosure("\u2460")]
PARTS = st.sampled_from(sorted(SAMPLES)).flatmap(
    lambda charset: st.tuples(
        st.just(charset),
        st.sampled_from(
            ["base64", "quoted-printable"] if "16" in charset else ["7bit", "8bit", "base64", "quoted-printable"]
        ),
        st.lists(st.sampled_from([*SAMPLES[charset], *LINES, "{{footer}}"]), max_size=12).map("".join),
    )
)


@given(
    PARTS,
    st.sampled_from(["plain", "html", "plain; format=flowed"]),
    st.sampled_from(DISCLOSURES),
    st.booleans(),
    st.booleans(),
)
def test_a_part_rewritten_again_stays_as_it_is(
    part: tuple[str, str, str], kind: str, footer: Disclosure, keeps: bool, lf: bool
) -> None:
    charset, transfer, text = part
    octets = (text.replace("\r\n", "\n") if lf and transfer not in ("7bit", "8bit") else text).encode(charset)
    content = head(
        f"text/{kind}", charset, "8bit" if transfer == "7bit" and not octets.isascii() else transfer
    ).encode()
    content += b"\r\n" + encode(octets, Transfer(transfer))
    rules = KEEP if keeps else RULES
    plan = plan_of(content, rules)
    if isinstance(plan, str):
        assert "UTF-16" in plan
        return
    once = rewritten(content, footer, rules)
    assert once is not None
    assert rewritten(once, footer, rules) == once
    shown = shown_text(once)
    assert shown.count(LINK) == 1
    if "html" not in kind:
        assert words(text) == words(shown.replace(footer_in(shown), ""))
    assert max(map(len, once.split(b"\r\n"))) <= 998


def words(text: str) -> str:
    return "".join(text.replace("{{footer}}", "").split())


def shown_text(content: bytes) -> str:
    plan = plan_of(content)
    assert isinstance(plan, TextPlan)
    octets = decode(content[plan.part.body : plan.part.end], plan.transfer)
    assert octets is not None
    return octets.decode(plan.charset.codec).removeprefix("\ufeff")


def footer_in(text: str) -> str:
    start = text.rindex(PLAIN_RULE, 0, text.index(LINK))
    return text[start : text.index(PLAIN_RULE, text.index(LINK)) + len(PLAIN_RULE)]


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_part_with_endless_lines_rewritten_again_stays_as_it_is(kind: str) -> None:
    once = edited(head(kind, "utf-8", "7bit"), b"tea " * 400 + b"\r\n", JAPANESE)
    assert once is not None
    assert rewritten(once, JAPANESE) == once


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_quoted_printable_whose_line_ends_are_octets_rewritten_again_stays_as_it_is(kind: str) -> None:
    once = edited(head(kind, "utf-8", "quoted-printable"), b"tea=0Atea", ASCII)
    assert once is not None
    assert rewritten(once, ASCII) == once


def test_footers_of_before_make_room_for_one() -> None:
    other = disclosure("old").footer().plain.replace("\n", "\r\n").replace("A" * 128, "B" * 128)
    body = f"tea\r\n\r\n{other}\r\n> {other}---- forwarded\r\n\r\n{other}".encode()
    left = body_of(edited(head("text/plain", "utf-8"), body, ASCII)).decode()
    assert left.count(LINK) == 1
    assert left == f"tea\r\n\r\n> {other}---- forwarded\r\n\r\n{plain(ASCII)}"


@given(
    st.binary(max_size=200),
    st.sampled_from(["text/plain", "text/html"]),
    st.sampled_from(sorted(SAMPLES)),
    st.sampled_from(list(Transfer)),
)
def test_no_bytes_at_all_make_it_fail(body: bytes, kind: str, charset: str, transfer: Transfer) -> None:
    content = head(kind, charset, transfer).encode() + b"\r\n" + body
    plan = plan_of(content)
    if isinstance(plan, TextPlan):
        with_footer(index(content), plan, DISCLOSURES[1])
