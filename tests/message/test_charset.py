from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.charset import (
    Charset,
    around_insertion,
    ascii_view,
    charset_of,
    escape_state,
    text_of,
    written,
    written_in_html,
)

LABELS = [
    "us-ascii",
    "UTF-8",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1251",
    "euc-jp",
    "shift_jis",
    "iso-2022-jp",
    "gb2312",
    "big5",
]


def known(label: str) -> Charset:
    charset = charset_of(label)
    assert charset is not None
    return charset


JIS = known("iso-2022-jp")


def test_no_label_means_us_ascii_and_unknown_labels_mean_hands_off() -> None:
    assert charset_of("") == known("us-ascii")
    assert [charset_of(label) for label in ("x-unknown", "utf-7", "utf-16", "hz-gb-2312", "iso-2022-kr")] == [None] * 5


@pytest.mark.parametrize(
    ("octets", "label"),
    [
        (b"caf\xc3\xa9", "us-ascii"),
        (b"caf\xe9", "utf-8"),
        (b"\xed\xa0\x80", "utf-8"),
        (b"\x81", "shift_jis"),
        (b"\x1b$B$", "iso-2022-jp"),
        (b"\xa4\xa2", "iso-2022-jp"),
        (b"\x1b$Bab\r\ncd", "iso-2022-jp"),
    ],
)
def test_what_does_not_decode_strictly_is_not_readable(octets: bytes, label: str) -> None:
    assert text_of(octets, known(label)) is None


def test_japanese_mail_may_have_circled_digits_and_half_width_kana() -> None:
    assert text_of(b'\x1b$B-!-"\x1b(B.\r\n', JIS) == "\u2460\u2461.\r\n"
    assert text_of(b"\x1b(I6E\x1b(B", JIS) == "\uff76\uff85"
    assert text_of(b"\x1b$B-!\x1b(J~\x1b(B\r\n", JIS) == "\u2460~\r\n"


def test_what_a_charset_lacks_cannot_be_written_in_it() -> None:
    assert written("\u8336", known("iso-8859-1")) is None
    assert written("\u2460", JIS) is None
    assert written("caf\u00e9", known("iso-8859-1")) == b"caf\xe9"


def test_japanese_footers_avoid_half_width_kana_and_end_in_ascii() -> None:
    octets = written("\uff76\uff9e\uff77 \uff5e \u8336", JIS)
    assert octets is not None
    assert octets.decode("iso2022_jp") == "\u30ac\u30ad \u301c \u8336"
    assert octets.endswith(b"\x1b(B")


def test_html_falls_back_on_character_references() -> None:
    assert written_in_html("\u8336", known("iso-8859-1"), only_ascii=False) == b"&#33590;"
    assert written_in_html("\u8336", known("utf-8"), only_ascii=True) == b"&#33590;"
    assert written_in_html("\u8336", known("utf-8"), only_ascii=False) == b"\xe8\x8c\xb6"


def test_kanji_that_look_like_tags_are_masked_and_offsets_stay() -> None:
    octets = b"<p>\x1b$B</body>0\x1b(B</body>"
    view = ascii_view(octets, JIS)
    assert len(view) == len(octets)
    assert view.count(b"</body>") == 1
    assert view.rindex(b"</body>") == octets.rindex(b"</body>")


def test_an_insertion_into_an_open_kanji_state_is_put_into_ascii_and_the_state_restored() -> None:
    octets = b'\x1b$B$"\r\n'
    assert escape_state(octets, len(octets)) == b"\x1b$B"
    assert around_insertion(octets, len(octets), JIS) == (b"\x1b(B", b"")
    roman = b"\x1b(J</body>"
    assert around_insertion(roman, 3, JIS) == (b"\x1b(B", b"\x1b(J")
    assert around_insertion(b"x", 1, JIS) == (b"", b"")


@given(st.binary(max_size=100), st.sampled_from(LABELS))
def test_no_bytes_make_it_fail(octets: bytes, label: str) -> None:
    charset = known(label)
    text_of(octets, charset)
    assert len(ascii_view(octets, charset)) == len(octets)
    around_insertion(octets, len(octets) // 2, charset)


@given(st.text(max_size=50), st.sampled_from(LABELS))
def test_what_was_written_reads_the_same(text: str, label: str) -> None:
    charset = known(label)
    octets = written(text, charset) if text.isprintable() else None
    if octets is not None and label != "iso-2022-jp":
        assert text_of(octets, charset) == text
