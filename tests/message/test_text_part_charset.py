"""The charset of a text part: kept as long as it has the words, changed once and whole where it has not."""

from __future__ import annotations

import quopri
from base64 import b64decode, b64encode

import pytest
from message.one_text import (
    ASCII,
    JAPANESE,
    KEEP,
    LINK,
    OUTSIDE_JIS,
    body_of,
    disclosure,
    edited,
    head,
    markup,
    plain,
    plan_of,
    read,
    rewritten,
)

from relay.message.edits import applied
from relay.message.index import index
from relay.message.text_part import TextPlan, with_footer


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


def test_html_with_undeclared_octets_is_edited_in_ascii() -> None:
    changed = edited("Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n", b"<body>th\xe9</body>", JAPANESE)
    assert body_of(changed) == b"<body>th\xe9\r\n" + f"{markup(JAPANESE)}</body>".encode("ascii", "xmlcharrefreplace")


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
