"""Which charset a label of mail means: how mail programs read it, and which octets of it all of them read alike.

A table and nothing else. Labels are those of the encoding standard (encoding.spec.whatwg.org) and of IANA, where they
mean the same. What is not in it is not edited: UTF-7, UTF-32, HZ, ISO-2022-KR and the like have no place in mail, or no
safe place for an insertion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Shape(Enum):
    """How octets below 0x80 may be understood.

    ASCII: always as ASCII. PAIRED: as ASCII, or as the second half of a character, which only decoding tells; never
    one of `<>"'&=` or a control character. ESCAPED: as ISO 2022 says, between escape sequences. WIDE: two octets are
    one code unit.
    """

    ASCII = 1
    PAIRED = 2
    ESCAPED = 3
    WIDE = 4


@dataclass(frozen=True, slots=True)
class Charset:
    """label: as written in mail. codec: what mail programs read it as, by Python's name.

    writers: what has to read our text alike, for some read by the label's own standard and others by what vendors made
    of it; the first one writes. Empty: the codec alone.
    """

    label: str
    codec: str
    shape: Shape
    writers: tuple[str, ...] = ()


UTF_8: Final = "utf-8"

_ASCII: Final = "us-ascii ascii ansi_x3.4-1968 ansi_x3.4-1986 iso-ir-6 iso646-us iso_646.irv:1991 csascii cp367 ibm367"
_UTF_8: Final = "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"
#: Their first nine have other names too; 8 is read from left to right by some and as it stands by others.
_ISO_8859: Final = (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14, 15, 16)
_ISO_NAMES: Final = {
    1: "latin1 l1 cp819 ibm819 iso-ir-100 csisolatin1 iso_8859-1:1987",
    2: "latin2 l2 iso-ir-101 csisolatin2 iso_8859-2:1987",
    3: "latin3 l3 iso-ir-109 csisolatin3 iso_8859-3:1988",
    4: "latin4 l4 iso-ir-110 csisolatin4 iso_8859-4:1988",
    5: "cyrillic iso-ir-144 csisolatincyrillic iso_8859-5:1988",
    6: "arabic asmo-708 ecma-114 iso-ir-127 csisolatinarabic iso_8859-6:1987 iso-8859-6-i",
    7: "greek greek8 ecma-118 elot_928 iso-ir-126 csisolatingreek iso_8859-7:1987 sun_eu_greek",
    9: "latin5 l5 iso-ir-148 csisolatin5 iso_8859-9:1989",
    10: "latin6 l6 iso-ir-157 csisolatin6",
    15: "latin9 latin-9 l9 csisolatin9",
    16: "latin10 l10 iso-ir-226",
}
_SINGLE_OCTETS: Final = {
    "koi8_r": "koi8-r koi8 koi8_r koi cskoi8r",
    "koi8_u": "koi8-u",
    "cp866": "ibm866 cp866 866 csibm866",
    "cp437": "ibm437 cp437 437 cspc8codepage437",
    "cp850": "ibm850 cp850 850 cspc850multilingual",
    "cp852": "ibm852 cp852 852 cspcp852",
    "cp858": "ibm00858 cp858 cp00858 ibm858",
    "cp874": "windows-874 cp874 dos-874 x-windows-874",
    "tis_620": "tis-620 cstis620",
    "mac_roman": "macintosh mac csmacintosh x-mac-roman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "iso8859_8": "iso-8859-8-i csiso88598i logical",
    # ISO-8859-8 itself stands in the order in which it is seen (RFC 1556): a line of ours would be read backwards.
    "ascii": "iso-8859-8 iso8859-8 iso88598 iso_8859-8 hebrew visual iso-ir-138 csisolatinhebrew iso-8859-8-e",
}
_EUC_JP: Final = "euc-jp x-euc-jp x-euc eucjp eucjp-ms eucjpms cp51932 cseucpkdfmtjapanese"
_SHIFT_JIS: Final = "shift_jis shift-jis sjis x-sjis csshiftjis ms_kanji"
_WINDOWS_31J: Final = "windows-31j cswindows31j cp932 ms932 x-ms-cp932 windows-932"
_GB2312: Final = "gb2312 gb_2312 gb_2312-80 csgb2312 iso-ir-58 csiso58gb231280 chinese euc-cn x-euc-cn euccn"
_GBK: Final = "gbk x-gbk cp936 ms936 windows-936 csgbk"
_BIG5: Final = "big5 big5-hkscs big-5 big5hkscs csbig5 cn-big5 x-x-big5 cp950 windows-950"
_EUC_KR: Final = (
    "euc-kr euckr x-euc-kr cseuckr ks_c_5601-1987 ks_c_5601-1989 ks_c_5601 ksc_5601 ksc5601 csksc56011987 iso-ir-149 "
    "korean cp949 ms949 uhc windows-949 x-windows-949"
)
_ISO_2022_JP: Final = "iso-2022-jp csiso2022jp cp50220 cp50221 x-windows-50220 x-windows-50221"


def _labelled(
    labels: Iterable[str], codec: str, shape: Shape = Shape.ASCII, writers: tuple[str, ...] = ()
) -> dict[str, Charset]:
    return {label: Charset(label, codec, shape, writers) for label in labels}


def _iso_labels(number: int) -> list[str]:
    names = [f"iso-8859-{number}", f"iso8859-{number}", f"iso_8859-{number}", f"iso8859{number}"]
    return names + _ISO_NAMES.get(number, "").split()


def _table() -> dict[str, Charset]:
    table = _labelled(_ASCII.split(), "ascii") | _labelled(_UTF_8.split(), UTF_8)
    for number in _ISO_8859:
        table |= _labelled(_iso_labels(number), f"iso8859_{number}")
    for number in range(1250, 1259):
        table |= _labelled([f"windows-{number}", f"cp{number}", f"x-cp{number}"], f"cp{number}")
    for codec, labels in _SINGLE_OCTETS.items():
        table |= _labelled(labels.split(), codec)
    table |= _labelled(_EUC_JP.split(), "euc_jp")
    table |= _labelled(_SHIFT_JIS.split(), "cp932", Shape.PAIRED, ("shift_jis", "cp932"))
    table |= _labelled(_WINDOWS_31J.split(), "cp932", Shape.PAIRED)
    table |= _labelled(_GB2312.split(), "gb18030", Shape.PAIRED, ("gb2312", "gb18030"))
    table |= _labelled(_GBK.split(), "gb18030", Shape.PAIRED, ("gbk", "gb18030"))
    table |= _labelled(["gb18030"], "gb18030", Shape.PAIRED)
    table |= _labelled(_BIG5.split(), "big5hkscs", Shape.PAIRED, ("big5", "cp950", "big5hkscs"))
    table |= _labelled(_EUC_KR.split(), "cp949", Shape.PAIRED, ("euc_kr", "cp949"))
    table |= _labelled(_ISO_2022_JP.split(), "iso2022_jp", Shape.ESCAPED)
    table |= _labelled(["utf-16", "utf16"], "utf_16", Shape.WIDE)
    table |= _labelled(["utf-16le", "utf-16-le"], "utf_16_le", Shape.WIDE)
    table |= _labelled(["utf-16be", "utf-16-be"], "utf_16_be", Shape.WIDE)
    return table


_TABLE: Final = _table()


def charset_of(label: str) -> Charset | None:
    """The charset of that label (US-ASCII for ""), None where it is not ours to edit."""
    return _TABLE.get(label.strip(" \t\"'").lower() or "us-ascii")
