from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message import charset as charset_module
from relay.message.charset import (
    Charset,
    appendable,
    ascii_view,
    charset_of,
    is_readable,
    octet_offset,
    settled,
    text_of,
    written,
    written_in_html,
)

LABELS = (
    "us-ascii UTF-8 iso-8859-1 iso-8859-8 iso-8859-9 iso-8859-15 windows-1251 koi8-u macintosh euc-jp shift_jis windows-31j "
    "iso-2022-jp gb2312 gbk gb18030 big5 euc-kr utf-16le utf-16be"
).split()


def known(label: str) -> Charset:
    charset = charset_of(label)
    assert charset is not None
    return charset


JIS = known("iso-2022-jp")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("\u8336", "iso-8859-1"),
        ("\u2019", "iso-8859-1"),
        ("\x92", "iso-8859-1"),
        ("\u2460", "iso-2022-jp"),
        ("\u2460", "shift_jis"),
        ("\u9ad9", "euc-jp"),
        ("\u4e02", "euc-jp"),
        ("\u5605", "big5"),
        ("\u2027", "big5"),
        ("\ud7a3\uac02", "euc-kr"),
        ("\u9555\u20ac", "gb2312"),
        ("\u1e3f", "gb18030"),
        ("\u255d", "koi8-u"),
        ("\u05d0", "iso-8859-8"),
        ("\ud800", "utf-16le"),
        ("\u00a5", "shift_jis"),
        ("\u8336", "utf-16"),
    ],
)
def test_what_a_charset_lacks_or_readers_read_differently_is_not_written_in_it(text: str, label: str) -> None:
    assert written(text, known(label)) is None


@pytest.mark.parametrize(
    ("text", "label", "octets"),
    [
        ("caf\u00e9", "iso-8859-1", b"caf\xe9"),
        ("\u301c\u2212", "shift_jis", b"\x81\x60\x81\x7c"),
        ("\uff5e\uff0d", "shift_jis", b"\x81\x60\x81\x7c"),
        ("\u301c\u2212\u2460", "windows-31j", b"\x81\x60\x81\x7c\x87\x40"),
        ("\u8336", "euc-jp", b"\xc3\xe3"),
        ("\u00b7\u2014\u4e2d", "gb2312", b"\xa1\xa4\xa1\xaa\xd6\xd0"),
        ("\u9555", "gbk", b"\xe9F"),
        ("\u8336", "big5", "\u8336".encode("big5")),
        ("\ud55c", "euc-kr", b"\xc7\xd1"),
        ("\u8336a", "utf-16be", b"\x83\x36\0a"),
        ("\u304b\u3099", "iso-2022-jp", b"\x1b$B$,\x1b(B"),
    ],
)
def test_what_all_readers_read_alike_is_written(text: str, label: str, octets: bytes) -> None:
    assert written(text, known(label)) == octets


def test_japanese_footers_avoid_half_width_kana_and_end_in_ascii() -> None:
    octets = written("\uff76\uff9e\uff77 \uff5e \u8336", JIS)
    assert octets is not None
    assert octets.decode("iso2022_jp") == "\u30ac\u30ad \u301c \u8336"
    assert octets.endswith(b"\x1b(B")


def test_html_falls_back_on_character_references() -> None:
    assert written_in_html("\u8336", known("iso-8859-1"), only_ascii=False) == b"&#33590;"
    assert written_in_html("\u8336", known("utf-8"), only_ascii=True) == b"&#33590;"
    assert written_in_html("\u8336", known("utf-8"), only_ascii=False) == b"\xe8\x8c\xb6"
    assert written_in_html("\u8336", known("utf-16le"), only_ascii=True) == "&#33590;".encode("utf-16le")


def test_kanji_that_look_like_tags_are_masked_and_offsets_stay() -> None:
    octets = b"<p>\x1b$B</body>0\x1b(B</body>"
    view = ascii_view(octets, JIS)
    assert len(view) == len(octets)
    assert view.count(b"</body>") == 1
    assert view.rindex(b"</body>") == octets.rindex(b"</body>")


@pytest.mark.parametrize("label", ["shift_jis", "gb2312", "gb18030", "big5", "euc-kr"])
def test_halves_of_characters_that_look_like_braces_are_masked(label: str) -> None:
    view = ascii_view(b"\x83{{x}}\x83}\r\n\x83\x83{{y}}", known(label))
    assert view == b"\x83x{x}}\x83x\r\n\x83\x83{{y}}"


def test_in_other_charsets_a_brace_is_a_brace() -> None:
    assert ascii_view(b"caf\xe9{{x}}\xe9}", known("iso-8859-1")) == b"caf\xe9{{x}}\xe9}"


def test_past_a_bound_no_braces_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charset_module, "_MAX_BRACES", 2)
    assert ascii_view(b"\x83{\x83{{{", known("gbk")) == b"\x83x\x83x{{"
    assert ascii_view(b"\x83{\x83{\x83{\x83{{{", known("gbk")) == b"\x83x\x83x\x83x\x83xxx"


def test_the_view_of_utf_16_has_an_octet_for_each_code_unit() -> None:
    octets = "<p>\u8336\U0001f375\x00</p>".encode("utf-16-le")
    charset = known("utf-16le")
    view = ascii_view(octets, charset)
    assert view == b"<p>xxx\0</p>"
    assert octets[octet_offset(view.index(b"</p>"), charset) :] == "</p>".encode("utf-16-le")
    assert octet_offset(3, known("utf-8")) == 3


@pytest.mark.parametrize(
    ("octets", "label", "codec"),
    [
        ("\ufeffa".encode("utf-16-le"), "utf-16", "utf_16_le"),
        ("\ufeffa".encode("utf-16-be"), "utf-16", "utf_16_be"),
        ("a\r\n\u3000".encode("utf-16-be"), "utf-16", "utf_16_be"),
        ("a\r\n\u3000".encode("utf-16-le"), "utf-16", "utf_16_le"),
        ("a\r\n".encode("utf-16-be"), "utf-16be", "utf_16_be"),
        ("\na".encode("utf-16-le"), "utf-16", "utf_16_le"),
        ("a".encode("utf-16-be"), "utf-16", None),
        ("\ufeffa".encode("utf-16-be"), "utf-16le", None),
        (b"\xff\xfea", "utf-16", None),
        (b"a", "utf-8", "utf-8"),
    ],
)
def test_the_byte_order_is_told_by_its_mark_else_by_line_ends(octets: bytes, label: str, codec: str | None) -> None:
    charset = settled(octets, known(label))
    assert (None if charset is None else charset.codec) == codec


@pytest.mark.parametrize(
    ("octets", "label", "safe"),
    [
        (b"caf\xe9", "utf-8", True),
        (b"\x83", "shift_jis", True),
        (b"\x1b$B\xff", "iso-2022-jp", True),
        (b"\x0eabc", "iso-2022-jp", False),
        (b"\x1b$)Cabc", "iso-2022-jp", False),
        (b"abc\x1b", "iso-2022-jp", False),
        (b"a\0b", "utf-16le", False),
    ],
)
def test_text_can_follow_what_nobody_reads_where_no_state_is_left_behind(
    octets: bytes, label: str, *, safe: bool
) -> None:
    assert appendable(octets, known(label)) is safe


@given(st.binary(max_size=100), st.sampled_from(LABELS))
def test_no_bytes_make_it_fail(octets: bytes, label: str) -> None:
    charset = settled(octets, known(label))
    if charset is not None:
        text_of(octets, charset)
        is_readable(octets, charset)
        appendable(octets, charset)
        assert octet_offset(len(ascii_view(octets, charset)), charset) == len(octets)


_CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Co", "Cn", "Cf"))
_OF_MAIL = st.sampled_from("a &\u3042\u8336\uff76\u00e9\u0416\uac00\u4e2d\u301c\uff5e\u2460\u2014\u00b7\u2019")


@given(st.text(_CHARACTERS | _OF_MAIL, max_size=50), st.sampled_from(LABELS))
def test_what_was_written_reads_the_same_but_for_the_names_of_characters(text: str, label: str) -> None:
    charset = known(label)
    octets = written(text, charset)
    if octets is not None:
        assert is_readable(octets, charset)
        again = text_of(octets, charset)
        assert again is not None
        assert written(again, charset) == octets
