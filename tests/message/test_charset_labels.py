from __future__ import annotations

import codecs

import pytest

from relay.message import charset_labels
from relay.message.charset_labels import Shape, charset_of


def test_no_label_means_us_ascii_and_unknown_labels_mean_hands_off() -> None:
    assert charset_of("") == charset_of("us-ascii")
    unknown = ("x-unknown", "utf-7", "utf-32", "hz-gb-2312", "iso-2022-kr", "iso-2022-cn", "unicode")
    assert [charset_of(label) for label in unknown] == [None] * len(unknown)


@pytest.mark.parametrize(
    ("label", "codec", "shape"),
    [
        (" 'UTF8' ", "utf-8", Shape.ASCII),
        ("Latin1", "iso8859_1", Shape.ASCII),
        ("ISO8859-15", "iso8859_15", Shape.ASCII),
        ("csISO2022JP", "iso2022_jp", Shape.ESCAPED),
        ("x-sjis", "cp932", Shape.PAIRED),
        ("GB2312", "gb18030", Shape.PAIRED),
        ("Big5-HKSCS", "big5hkscs", Shape.PAIRED),
        ("ks_c_5601-1987", "cp949", Shape.PAIRED),
        ("iso-8859-8", "ascii", Shape.ASCII),
        ("iso-8859-8-i", "iso8859_8", Shape.ASCII),
        ("UTF-16BE", "utf_16_be", Shape.WIDE),
    ],
)
def test_labels_are_read_as_mail_programs_read_them(label: str, codec: str, shape: Shape) -> None:
    charset = charset_of(label)
    assert charset is not None
    assert (charset.codec, charset.shape) == (codec, shape)


def test_every_codec_of_the_table_exists_and_is_what_its_shape_says() -> None:
    for charset in set(charset_labels._TABLE.values()):
        for codec in {charset.codec, *charset.writers}:
            assert codecs.lookup(codec)
        plain = bytes(range(0x20, 0x7F)) + b"\t\r\n"
        if charset.shape is not Shape.WIDE:
            assert plain.decode(charset.codec) == plain.decode("ascii")
