from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message import decoding
from relay.message.charset_labels import Charset, charset_of
from relay.message.decoding import is_readable, text_of


def known(label: str) -> Charset:
    charset = charset_of(label)
    assert charset is not None
    return charset


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
        (b"\x1b$Bab\ncd", "iso-2022-jp"),
        (b"a\x0eb", "iso-2022-jp"),
        (b"\xf5\xa1", "euc-jp"),
        (b"\xe1", "iso-8859-8"),
        (b"\x00\xd8a\x00", "utf-16le"),
        (b"a\0", "utf-16"),
        (b"\x8dx", "windows-1252"),
    ],
)
def test_what_does_not_decode_strictly_is_not_readable(octets: bytes, label: str) -> None:
    assert text_of(octets, known(label)) is None
    assert not is_readable(octets, known(label))


@pytest.mark.parametrize(
    ("octets", "label"), [(b"\xf0\x40", "shift_jis"), (b"\xa0", "shift_jis"), (b"\xae", "koi8-u"), (b"\xa6\xd9", "gbk")]
)
def test_what_readers_read_differently_can_be_read_but_has_no_text(octets: bytes, label: str) -> None:
    assert is_readable(octets, known(label))
    assert text_of(octets, known(label)) is None


@pytest.mark.parametrize(
    ("octets", "label", "text"),
    [
        (b"it\x92s", "iso-8859-1", "it\u2019s"),
        (b"\xeft\x93", "iso-8859-9", "\u00eft\u201c"),
        (b"\x87\x40\xfb\xfc", "shift_jis", "\u2460\u9ad9"),
        (b"\xad\xa1", "euc-jp", "\u2460"),
        (b"\x1b$B-!\x1b(B.\r\n", "iso-2022-jp", "\u2460.\r\n"),
        (b"\xe9F", "gb2312", "\u9555"),
        (b"\xa1\x45\x88\x62", "big5", "\u2027\u00ca\u0304"),
        (b"\x81\x41", "ks_c_5601-1987", "\uac02"),
        (b"a\0\x36\x83", "utf-16le", "a\u8336"),
        (b"\x1b[1mtea", "utf-8", "\x1b[1mtea"),
    ],
)
def test_text_is_what_mail_programs_show(octets: bytes, label: str, text: str) -> None:
    assert text_of(octets, known(label)) == text
    assert is_readable(octets, known(label))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("label", "half"),
    [
        ("utf-8", b"\xe3"),
        ("shift_jis", b"\x83"),
        ("utf-16be", b"0"),
        ("gb18030", b"\x83"),
        ("iso-2022-jp", b"\x1b$B$"),
    ],
)
def test_text_in_pieces_is_the_same_text(label: str, half: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_PIECE", size)
    charset = known(label)
    octets = "a\u3042\u8336\r\nb\u3042c\u3042".encode(charset.codec)
    assert text_of(octets, charset) == "a\u3042\u8336\r\nb\u3042c\u3042"
    assert is_readable(octets, charset)
    assert text_of(octets + half, charset) is None
    assert not is_readable(octets + half, charset)


@given(
    st.binary(max_size=60), st.sampled_from(["shift_jis", "euc-jp", "gbk", "big5", "euc-kr", "iso-2022-jp", "koi8-u"])
)
def test_what_has_text_is_readable(octets: bytes, label: str) -> None:
    if text_of(octets, known(label)) is not None:
        assert is_readable(octets, known(label))
