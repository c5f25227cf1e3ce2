from __future__ import annotations

import quopri
from base64 import b64decode, b64encode
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.edits import applied
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.index import index, parts_of
from relay.message.own_footer import PLAIN_RULE
from relay.message.rules import PlainCharset, Rules
from relay.message.text_part import TextPlan, planned, with_footer
from relay.message.transfer import Transfer, decode, encode
from relay.message.wording import Wording

TOKEN = "k1abcd" + "A" * 128
LINK = f"https://mail.example/u/{TOKEN}"
RULES = Rules(commercial=True)
KEEP = Rules(commercial=True, charset=PlainCharset.KEEP)


def version(words: str, sender: str = "Tea House", contact: str = "tea@example.com") -> Version:
    facts = FooterFacts(sender, "1 Tea Street", contact, "https://example.com/privacy", "Tea news")
    plain = f"{words}{{% if unsubscribe_url %}} {{{{ unsubscribe_url }}}}{{% endif %}}\n"
    return Version(facts, Wording(plain, f"<div>{plain}</div>\n", "{{ sender }} writes", "{year}"), "en")


def disclosure(*words: str) -> Disclosure:
    return Disclosure(tuple([version(one) for one in words]), LINK)


ASCII = disclosure("footer")
JAPANESE = disclosure("\u8336")
OUTSIDE_JIS = disclosure("\u2460")


def plain(footer: Disclosure, said: frozenset[str] = frozenset(), version: int = 0) -> str:
    return footer.footer(said, version).plain.replace("\n", "\r\n")


def markup(footer: Disclosure) -> str:
    return footer.footer().html.replace("\n", "\r\n")


def plan_of(content: bytes, rules: Rules = RULES) -> TextPlan | str:
    return planned(index(content), parts_of(index(content)), rules)


def edited(head: str, body: bytes, footer: Disclosure, rules: Rules = RULES) -> bytes | None:
    return rewritten(f"MIME-Version: 1.0\r\n{head}\r\n".encode() + body, footer, rules)


def rewritten(content: bytes, footer: Disclosure, rules: Rules = RULES) -> bytes | None:
    plan = plan_of(content, rules)
    assert isinstance(plan, TextPlan), plan
    edits = with_footer(index(content), plan, footer)
    return None if edits is None else applied(content, edits)


def body_of(message: bytes | None) -> bytes:
    assert message is not None
    return message.partition(b"\r\n\r\n")[2]


def read(message: bytes | None) -> str:
    assert message is not None
    text = message_from_bytes(message, policy=policy.default).get_content()
    assert isinstance(text, str)
    return text


def head(kind: str, charset: str, transfer: str = "8bit", more: str = "") -> str:
    return f"Content-Type: {kind}; charset={charset}{more}\r\nContent-Transfer-Encoding: {transfer}\r\n"


def test_plain_text_gets_an_empty_line_and_the_footer_and_nothing_else() -> None:
    assert (
        body_of(edited(head("text/plain", "utf-8"), "th\u00e9\r\n".encode(), JAPANESE))
        == f"th\u00e9\r\n\r\n{plain(JAPANESE)}".encode()
    )


def test_text_without_a_last_line_end_is_finished_first() -> None:
    assert body_of(edited(head("text/plain", "us-ascii"), b"tea", ASCII)) == f"tea\r\n\r\n{plain(ASCII)}".encode()


def test_ascii_text_becomes_utf_8_where_the_footer_needs_it_and_stays_7bit() -> None:
    message = edited(head("text/plain", '"us-ascii"', "7bit", "; format=fixed"), b"a = b\r\n", JAPANESE)
    assert message is not None
    assert message.isascii()
    assert b"Content-Type: text/plain; charset=utf-8; format=fixed\r\n" in message
    assert read(message).replace("\r\n", "\n") == f"a = b\n\n{JAPANESE.footer().plain}"


def test_latin_1_text_becomes_utf_8_only_for_what_it_lacks() -> None:
    body = "caf\u00e9\r\n".encode("latin-1")
    kept = edited(head("text/plain", "iso-8859-1"), body, ASCII)
    assert body_of(kept).startswith(body)
    changed = edited(head("text/plain", "iso-8859-1"), body, JAPANESE)
    assert body_of(changed).decode() == f"caf\u00e9\r\n\r\n{plain(JAPANESE)}"
    assert b"charset=utf-8" in (changed or b"")


def test_lines_that_get_too_long_in_utf_8_are_encoded() -> None:
    text = "\u00e9" * 600 + "\r\n"
    changed = edited(head("text/plain", "iso-8859-1"), text.encode("latin-1"), JAPANESE)
    assert changed is not None
    assert max(map(len, changed.split(b"\r\n"))) <= 998
    assert read(changed).replace("\r\n", "\n") == f"{text[:-2]}\n\n{JAPANESE.footer().plain}"
    filled = edited(head("text/plain", "iso-8859-1"), b"\xe9" * 490 + b"{{unsubscribe_url}}\r\n", JAPANESE)
    assert max(map(len, (filled or b"").split(b"\r\n"))) <= 998
    assert ("\u00e9" * 490 + LINK) in read(filled)


def test_a_part_is_changed_to_utf_8_once_for_all_copies() -> None:
    content = f"MIME-Version: 1.0\r\n{head('text/plain', 'shift_jis')}\r\n".encode() + "\u8336\r\n".encode("shift_jis")
    plan = plan_of(content)
    assert isinstance(plan, TextPlan)
    first, second = with_footer(index(content), plan, OUTSIDE_JIS), with_footer(index(content), plan, OUTSIDE_JIS)
    assert first is not None
    assert second is not None
    assert applied(content, first) == applied(content, second)
    assert len(plan.in_utf_8) == len(plan.others) == 1


def test_latin_1_that_means_windows_1252_is_not_guessed_at() -> None:
    assert edited(head("text/plain", "iso-8859-1"), b"\x93tea\x94\r\n", JAPANESE) is None
    assert edited(head("text/plain", "iso-8859-1"), b"\x93tea\x94\r\n", ASCII) is not None


def test_japanese_text_stays_iso_2022_jp_unless_the_footer_has_other_characters() -> None:
    body = "\u304a\u8336\r\n".encode("iso2022_jp")
    assert body_of(edited(head("text/plain", "ISO-2022-JP", "7bit"), body, JAPANESE)).startswith(body)
    changed = edited(head("text/plain", "ISO-2022-JP", "7bit"), body, OUTSIDE_JIS)
    assert read(changed).replace("\r\n", "\n") == f"\u304a\u8336\n\n{OUTSIDE_JIS.footer().plain}"
    assert (changed or b"").isascii()


def test_encoded_ascii_that_becomes_utf_8_keeps_its_bytes() -> None:
    raw = quopri.encodestring(b"a = b\n" * 20).replace(b"\n", b"\r\n")
    assert body_of(edited(head("text/plain", "us-ascii", "quoted-printable"), raw, JAPANESE)).startswith(raw)


def test_a_message_without_mime_fields_gets_them_only_when_needed() -> None:
    content = b"Subject: x\r\n\r\ntea\r\n"
    plan = plan_of(content)
    assert isinstance(plan, TextPlan)
    as_plain = applied(content, with_footer(index(content), plan, ASCII) or [])
    assert as_plain.startswith(b"Subject: x\r\n\r\ntea\r\n")
    mime = applied(content, with_footer(index(content), plan, JAPANESE) or [])
    assert mime.startswith(
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


@pytest.mark.parametrize("charset", ["us-ascii", "iso-8859-1", "shift_jis", "utf-8"])
def test_html_keeps_its_charset_whatever_the_footer(charset: str) -> None:
    changed = edited(head("text/html", charset, "7bit"), b"<body>tea</body>", JAPANESE)
    assert body_of(changed) == f"<body>tea\r\n{markup(JAPANESE)}</body>".encode("ascii", "xmlcharrefreplace")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ("X-Odd : y\r\n", b"tea\r\n"),
        ("Content-Type: text/plain; charset=utf-8\r\nX-Odd : y\r\n", b"tea\r\n"),
        ("Content-Type: text/plain;; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n", b"th\xe9\r\n"),
    ],
)
def test_a_part_that_some_programs_would_not_see_labelled_anew_keeps_its_labels(fields: str, body: bytes) -> None:
    """In other words where there are some, which are the same in any charset; else it takes no footer."""
    content = f"MIME-Version: 1.0\r\n{fields}\r\n".encode() + body
    assert rewritten(content, disclosure("\u8336", "tea")) == content + b"\r\n" + plain(disclosure("tea")).encode()
    assert rewritten(content, disclosure("\u8336")) is None


def test_lines_too_long_in_a_part_that_some_programs_would_not_see_labelled_anew_stay() -> None:
    plan = plan_of(b"X-Odd : y\r\n\r\n" + b"tea " * 300 + b"\r\n")
    assert plan == "lines too long, and an encoding that not all programs would see"


def test_html_with_undeclared_octets_is_edited_in_ascii() -> None:
    changed = edited("Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n", b"<body>th\xe9</body>", JAPANESE)
    assert body_of(changed) == b"<body>th\xe9\r\n" + f"{markup(JAPANESE)}</body>".encode("ascii", "xmlcharrefreplace")


def test_text_in_base64_keeps_the_line_ends_of_its_author() -> None:
    changed = edited(head("text/plain", "utf-8", "base64"), b"dGVhCnRlYQo=\r\n", ASCII)
    assert b64decode(body_of(changed)) == f"tea\ntea\n\n{ASCII.footer().plain}".encode()


def test_lines_too_long_for_the_wire_are_encoded_so_that_the_signature_holds() -> None:
    text = "th\u00e9 " * 400
    changed = edited(head("text/plain", "utf-8"), f"{text}\r\n".encode(), ASCII)
    assert max(map(len, (changed or b"").split(b"\r\n"))) <= 76
    assert read(changed).startswith(text)


def test_fields_about_the_old_body_go() -> None:
    changed = edited(
        head("text/plain", "utf-8") + "Content-MD5: x\r\nContent-Length: 5\r\nLines: 1\r\nX-Other: kept\r\n",
        b"tea\r\n",
        ASCII,
    )
    assert b"MD5" not in (changed or b"")
    assert b"X-Other: kept\r\n" in (changed or b"")
    assert b"Length" not in (changed or b"")


def test_flowed_text_that_ends_in_a_space_does_not_flow_into_the_footer() -> None:
    body = body_of(edited(head("text/plain", "utf-8", "8bit", "; format=flowed; delsp=yes"), b"tea \r\n", ASCII))
    assert body == f"tea \r\n\r\n{plain(ASCII)}".encode()


def test_flowed_text_is_stuffed_where_rfc_3676_wants_it() -> None:
    quoted = Disclosure((version("x", sender="> me"),), LINK)
    for flowed in ("", "; format=flowed"):
        body = body_of(edited(head("text/plain", "utf-8", "8bit", flowed), b"{{sender}}\r\n", quoted))
        assert body.startswith(b" > me\r\n")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (head("text/plain", "utf-8"), b"-----BEGIN PGP MESSAGE-----\r\n"),
        (head("text/plain", "utf-8"), b"a\0b\r\n"),
        (head("text/plain", "unheard-of"), b"x"),
        (head("text/plain", "utf-8", "x-uuencode"), b"x"),
        (head("text/plain", "utf-8", "base64"), b"x"),
        (head("text/html", "shift_jis"), b"<body>\x81</body>"),
        (head("text/html", "utf-8"), b"<body hidden>tea</body>"),
    ],
)
def test_what_cannot_be_edited_without_a_doubt_is_left_with_a_reason(fields: str, body: bytes) -> None:
    assert isinstance(plan_of(fields.encode() + b"\r\n" + body), str)


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


def test_the_charset_is_kept_by_words_of_another_language() -> None:
    both = disclosure("\u8336", "tea")
    kept = edited(head("text/plain", "iso-8859-1"), b"caf\xe9\r\n", both, KEEP)
    assert body_of(kept) == b"caf\xe9\r\n\r\n" + plain(both, version=1).encode()
    assert edited(head("text/plain", "iso-8859-1"), b"caf\xe9\r\n", both) == edited(
        head("text/plain", "iso-8859-1"), b"caf\xe9\r\n", JAPANESE
    )
    assert b"charset=utf-8" in (edited(head("text/plain", "us-ascii"), b"tea\r\n", JAPANESE, KEEP) or b"")


@pytest.mark.parametrize("charset", ["us-ascii", "utf-8", "shift_jis"])
def test_text_that_is_not_what_its_label_says_takes_a_footer_of_that_charset(charset: str) -> None:
    body = b"th\xc3\xa9 \xff \x81\r\n"
    changed = edited(head("text/plain", charset), body, disclosure("\u8336", "tea"))
    version = 1 if charset == "us-ascii" else 0
    assert body_of(changed) == body + b"\r\n" + plain(disclosure("\u8336", "tea"), version=version).encode(charset)


def test_text_that_nobody_reads_takes_no_footer_of_another_charset() -> None:
    assert edited(head("text/plain", "us-ascii"), b"th\xc3\xa9\r\n", JAPANESE) is None


def test_in_the_middle_of_what_nobody_reads_only_ascii_is_put() -> None:
    for body in (b"\xff {{sender}}\r\n", b"{{sender}}\r\n\xe3"):
        assert edited(head("text/plain", "utf-8"), body, Disclosure((version("x", sender="\u8336"),), LINK)) is None
        assert edited(head("text/plain", "utf-8"), body, ASCII) is not None


def test_an_unknown_state_of_iso_2022_is_not_written_into() -> None:
    assert (
        plan_of(head("text/plain", "iso-2022-jp").encode() + b"\r\n\x1b$)C\x0etea\r\n") == "text that is no iso-2022-jp"
    )


def test_japanese_text_that_was_left_open_is_brought_back_to_ascii() -> None:
    body = "\u8336".encode("iso2022_jp").removesuffix(b"\x1b(B") + b"\r\n"
    changed = body_of(edited(head("text/plain", "iso-2022-jp", "7bit"), body, ASCII))
    assert changed == body + b"\x1b(B\r\n" + plain(ASCII).encode()


def test_utf_16_stays_utf_16() -> None:
    raw = b64encode("\ufefftea\r\n".encode("utf-16le")) + b"\r\n"
    changed = edited(head("text/plain", "utf-16", "base64"), raw, JAPANESE)
    assert b64decode(body_of(changed)).decode("utf-16") == f"tea\r\n\r\n{plain(JAPANESE)}"


def test_seven_bit_text_becomes_what_is_shorter() -> None:
    few = edited(head("text/plain", "utf-8", "7bit"), b"tea\r\n" * 200, JAPANESE)
    many = edited(head("text/plain", "utf-8", "7bit"), b"tea\r\n", disclosure("\u8336" * 200))
    assert b"Content-Transfer-Encoding: quoted-printable" in (few or b"")
    assert b"Content-Transfer-Encoding: base64" in (many or b"")


def test_all_copies_of_a_message_come_from_one_plan() -> None:
    content = head("text/plain", "iso-2022-jp", "7bit").encode() + b"\r\n" + "\u8336\r\n".encode("iso2022_jp")
    plan = plan_of(content)
    assert isinstance(plan, TextPlan)
    for footer in (OUTSIDE_JIS, JAPANESE, ASCII, OUTSIDE_JIS):
        edits = with_footer(index(content), plan, footer)
        assert edits is not None
        assert applied(content, edits) == rewritten(content, footer)


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
