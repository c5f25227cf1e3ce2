"""Golden messages of one part: every charset family, every transfer encoding, HTML as it really looks."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from golden.pieces import (
    CHINESE,
    ENGLISH,
    FRENCH,
    JAPANESE,
    JAPANESE_PAGE,
    KOREAN,
    PAGE,
    TAIWANESE,
    base64,
    crlf,
    encoded_word,
    head,
    in_charset,
    message,
    quoted,
    typed,
)

_TEA: Final = "新しいお茶"
JA: Final = head(encoded_word(_TEA, "UTF-8"))
JIS: Final = head(encoded_word(_TEA, "ISO-2022-JP"))


def _plain(charset: str, transfer: str, body: bytes, start: bytes = b"") -> bytes:
    return message(typed("text/plain", charset, transfer), body, start=start)


def _html(charset: str, transfer: str, body: bytes, start: bytes = b"") -> bytes:
    return message(typed("text/html", charset, transfer), body, start=start)


def _page(body: str) -> bytes:
    return _html("utf-8", "7bit", crlf(f"<html><body>\n<p>New tea has arrived.</p>\n{body}").encode())


CHARSETS: Final = {
    "ja-plain-utf-8-8bit": _plain("UTF-8", "8bit", in_charset(JAPANESE, "utf-8"), JA),
    "ja-plain-utf-8-base64": _plain('"utf-8"', "base64", base64(in_charset(JAPANESE, "utf-8")), JA),
    "ja-plain-utf-8-quoted-printable": _plain("utf-8", "quoted-printable", quoted(in_charset(JAPANESE, "utf-8")), JA),
    "ja-plain-utf-8-binary": _plain("utf-8", "binary", in_charset(JAPANESE, "utf-8"), JA),
    "ja-plain-us-ascii-7bit": _plain("us-ascii", "7bit", in_charset(ENGLISH, "ascii")),
    "ja-plain-iso-2022-jp": _plain("ISO-2022-JP", "7bit", in_charset(JAPANESE, "iso2022_jp"), JIS),
    "ja-plain-iso-2022-jp-base64": _plain("iso-2022-jp", "base64", base64(in_charset(JAPANESE, "iso2022_jp")), JIS),
    "ja-plain-iso-2022-jp-quoted-printable": _plain(
        "iso-2022-jp", "quoted-printable", quoted(in_charset(JAPANESE, "iso2022_jp")), JIS
    ),
    # Circled digits of NEC's row 13, and an end that is still in kanji.
    "ja-plain-iso-2022-jp-vendor-characters-open-end": _plain(
        "iso-2022-jp",
        "7bit",
        in_charset("ご案内\n\n", "iso2022_jp") + b'\x1b$B-!-"\x1b(B\r\n' + _TEA.encode("iso2022_jp")[:-3] + b"\r\n",
        JIS,
    ),
    "ja-plain-iso-2022-jp-half-width-kana": _plain(
        "iso-2022-jp", "7bit", b"\x1b(I6T1X\x1b(B\r\n" + in_charset(JAPANESE, "iso2022_jp"), JIS
    ),
    "ja-plain-shift-jis-8bit": _plain("Shift_JIS", "8bit", in_charset(JAPANESE + "ソ表\n", "cp932"), JA),
    "ja-plain-shift-jis-base64": _plain("Shift_JIS", "base64", base64(in_charset(JAPANESE, "cp932")), JA),
    "ja-plain-windows-31j-quoted-printable": _plain(
        "windows-31j", "quoted-printable", quoted(in_charset("①㈱\n" + JAPANESE, "cp932")), JA
    ),
    "ja-plain-euc-jp-8bit": _plain("EUC-JP", "8bit", in_charset(JAPANESE, "euc_jp"), JA),
    "ja-plain-euc-jp-quoted-printable": _plain(
        "euc-jp", "quoted-printable", quoted(in_charset(JAPANESE, "euc_jp")), JA
    ),
    "en-plain-gb2312-8bit": _plain("GB2312", "8bit", in_charset(CHINESE, "gb2312")),
    "ja-plain-gb2312-8bit": _plain("GB2312", "8bit", in_charset(CHINESE, "gb2312")),
    "ja-plain-gbk-base64": _plain("gbk", "base64", base64(in_charset(CHINESE, "gbk"))),
    "ja-plain-gb18030-quoted-printable": _plain("gb18030", "quoted-printable", quoted(in_charset(CHINESE, "gb18030"))),
    "en-plain-big5-8bit": _plain("Big5", "8bit", in_charset(TAIWANESE, "big5")),
    "ja-plain-big5-base64": _plain("big5", "base64", base64(in_charset(TAIWANESE, "big5"))),
    "en-plain-euc-kr-8bit": _plain("EUC-KR", "8bit", in_charset(KOREAN, "euc_kr")),
    "ja-plain-euc-kr-base64": _plain("ks_c_5601-1987", "base64", base64(in_charset(KOREAN, "euc_kr"))),
    "en-plain-iso-8859-1-8bit": _plain("ISO-8859-1", "8bit", in_charset(FRENCH, "latin-1")),
    "ja-plain-iso-8859-1-quoted-printable": _plain(
        "ISO-8859-1; format=fixed", "quoted-printable", quoted(in_charset(FRENCH, "latin-1"))
    ),
    "ja-plain-iso-8859-1-that-is-windows-1252": _plain("iso-8859-1", "8bit", b"The \x93new\x94 tea\r\n"),
    "ja-plain-iso-8859-2-base64": _plain("iso-8859-2", "base64", base64(in_charset("Nová čajová směs\n", "iso8859_2"))),
    "en-plain-iso-8859-5-8bit": _plain("iso-8859-5", "8bit", in_charset("Новый чай\n", "iso8859_5")),
    "en-plain-iso-8859-8-quoted-printable": _plain(
        "iso-8859-8", "quoted-printable", quoted(in_charset("תה חדש\n", "iso8859_8"))
    ),
    "ja-plain-iso-8859-15-8bit": _plain("ISO-8859-15", "8bit", in_charset("Thé: 5 €\n", "iso8859_15")),
    "en-plain-windows-1251-base64": _plain("windows-1251", "base64", base64(in_charset("Новый чай\n", "cp1251"))),
    "ja-plain-windows-1252-quoted-printable": _plain(
        "windows-1252", "quoted-printable", quoted(in_charset("“New” tea — 5 €\n", "cp1252"))
    ),
    "en-plain-windows-1256-8bit": _plain("windows-1256", "8bit", in_charset("شاي جديد\n", "cp1256")),
    "en-plain-koi8-r-8bit": _plain("koi8-r", "8bit", in_charset("Новый чай\n", "koi8_r")),
    "ja-plain-utf-16-base64": _plain("utf-16", "base64", base64(b"\xff\xfe" + in_charset(JAPANESE, "utf-16-le")), JA),
    "en-plain-utf-16be-base64": _plain("utf-16be", "base64", base64(in_charset(JAPANESE, "utf-16-be")), JA),
    "ja-html-utf-16-base64": _html(
        "utf-16", "base64", base64(b"\xfe\xff" + in_charset(JAPANESE_PAGE, "utf-16-be")), JA
    ),
    "ja-charset-keep-plain-iso-8859-1": _plain("iso-8859-1", "8bit", in_charset(FRENCH, "latin-1")),
    "ja-charset-keep-plain-windows-1251-base64": _plain(
        "windows-1251", "base64", base64(in_charset("Новый чай\n", "cp1251"))
    ),
    "en-reject-unknown-charset": _plain("x-own", "8bit", b"t\xe9\r\n"),
    "en-plain-that-is-not-its-charset": _plain("utf-8", "8bit", b"t\xe9\r\n"),
    "ja-plain-without-mime": message(
        b"",
        in_charset(ENGLISH, "ascii"),
        start=crlf(
            "From: Brand <news@news.brand.example>\nTo: hanako@example.jp\nBcc: secret@brand.example,\n other@brand.example\n"
            "X-Consent-Stream: newsletter\nSubject: New tea\n"
        ).encode(),
    ),
}

HTML: Final = {
    "ja-html-utf-8-base64": _html("utf-8", "base64", base64(in_charset(JAPANESE_PAGE.replace("</p>\n<p>", "</p>\n" + "<p>茶</p>\n" * 20 + "<p>"), "utf-8")), JA),
    "ja-html-iso-2022-jp": _html("ISO-2022-JP", "7bit", in_charset(JAPANESE_PAGE, "iso2022_jp"), JA),
    "ja-html-iso-2022-jp-end-tag-only-in-kanji": _html("ISO-2022-JP", "7bit", in_charset("<p>新しいお茶</p>\n<p>入荷しました", "iso2022_jp")[:-3] + b"\r\n", JIS),
    "ja-html-shift-jis-quoted-printable": _html("Shift_JIS", "quoted-printable", quoted(in_charset(JAPANESE_PAGE, "cp932")), JA),
    "ja-html-euc-jp-base64": _html("EUC-JP", "base64", base64(in_charset(JAPANESE_PAGE, "euc_jp")), JA),
    "ja-html-gb2312-8bit": _html("gb2312", "8bit", in_charset("<html><body><p>新茶到货了。</p></body></html>\n", "gb2312")),
    "ja-html-big5-8bit": _html("big5", "8bit", in_charset("<html><body><p>新茶到貨了。</p></body></html>\n", "big5")),
    "ja-html-euc-kr-base64": _html("euc-kr", "base64", base64(in_charset("<html><body><p>새 차</p></body></html>\n", "euc_kr"))),
    "ja-html-iso-8859-1-7bit": _html("iso-8859-1", "7bit", in_charset(PAGE, "ascii")),
    "ja-html-windows-1252-quoted-printable": _html("windows-1252", "quoted-printable", quoted(in_charset("<html><body><p>“New” tea — 5 €</p></body></html>\n", "cp1252"))),
    "ja-html-iso-8859-1-that-is-utf-8": _html("iso-8859-1", "8bit", in_charset("<html><body><p>thé</p></body></html>\n", "utf-8")),
    "ja-html-charset-meta": _html("Shift_JIS", "8bit", in_charset('<html><head><meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS"></head>\n<body><p>新しいお茶</p></body></html>\n', "cp932"), JA),
    "ja-html-charset-meta-that-differs": _html("utf-8", "8bit", in_charset('<html><head><meta charset="iso-2022-jp"></head>\n<body><p>新しいお茶</p></body></html>\n', "utf-8"), JA),
    "ja-html-without-body-tag": _html("utf-8", "8bit", in_charset("<p>花子様<p>新しいお茶が入荷しました。\n", "utf-8"), JA),
    "ja-html-right-to-left": _html("utf-8", "8bit", in_charset('<html dir="rtl" lang="he"><body style="text-align:right">\n<p>תה חדש</p>\n</body></html>\n', "utf-8")),
    "en-html-utf-8-quoted-printable": _html("utf-8", "quoted-printable", quoted(in_charset('<html><head><title>New tea</title><style>p { margin: 0 } /* </body> */</style></head>\n<body>\n<p title="thé">New tea = more tea.</p>\n</body>\n</html>\n', "utf-8"))),
    "en-html-8bit-line-too-long": _html("utf-8", "8bit", ("<html><body><p>" + "thé nouveau " * 120 + "</p></body></html>\r\n").encode()),
    "en-html-body-end-in-a-comment": _page("</body>\n<!-- </body> -->\n</html>\n"),
    "en-html-body-end-in-a-conditional-comment": _page("<!--[if mso]><table><tr><td></body></td></tr></table><![endif]-->\n</body></html>\n"),
    "en-html-body-end-in-a-script": _page('<script>document.write("</body>")</script>\n</body></html>\n'),
    "en-html-body-end-in-an-attribute": _page('<p title="not </body> yet">x</p></BODY ></HTML>\n'),
    "en-html-body-end-in-a-style-and-a-textarea": _page("<style>/* </body> */</style><textarea></body></textarea>\n</body></html>\n"),
    "en-html-several-bodies": _page("</body></html>\n<html><body><p>And more.</p></body></html>\n"),
    "en-html-text-behind-its-end": _page("</body></html>\nSent from my tea pot\n"),
    "en-html-without-body-end": _page("</html>\n"),
    "en-html-open-table": _page("<table><tr><td>tea</td><td>1 yen</td></tr>\n</body></html>\n"),
    "en-html-open-quotation": _page("<blockquote>somebody said\n</body></html>\n"),
    "en-html-hidden-preheader": _page('<div style="display:none;max-height:0">preheader</div>\n<p>tea</p></body></html>\n'),
    "en-html-hidden-end": _html("utf-8", "7bit", b'<html><body><p>tea</p><div style="display: none">secret</body></html>\r\n'),
    "en-html-open-comment": _page("<!-- never closed </body></html>\n"),
    "en-html-open-tag": _page('<p title="never closed></body></html>\n'),
}  # fmt: skip

_BASE64: Final = b64encode(in_charset(JAPANESE * 3, "utf-8"))

ENCODINGS: Final = {
    "ja-plain-base64-odd-lines": _plain(
        "utf-8", "base64", b"\r\n".join([_BASE64[:61], _BASE64[61:62], _BASE64[62:130], b"", _BASE64[130:]]) + b"\r\n", JA
    ),
    "ja-plain-base64-one-line": _plain("utf-8", "base64", _BASE64 + b"\r\n", JA),
    "en-plain-base64-padding-in-the-middle": _plain("utf-8", "base64", base64(b"Hello,\r\n\r\n") + base64(b"new tea\r\n")),
    "en-plain-base64-lf-inside": _plain("utf-8", "base64", base64(ENGLISH.encode())),
    "en-html-base64-lf-inside": _html("utf-8", "base64", base64(PAGE.encode())),
    "en-reject-base64-broken": _plain("utf-8", "base64", b"SGVsbG8*!\r\n"),
    "en-plain-quoted-printable-soft-break-at-the-end": _plain("utf-8", "quoted-printable", b"Th=C3=A9 nouveau =\r\n"),
    "ja-plain-quoted-printable-white-space-at-the-end": _plain("utf-8", "quoted-printable", b"Hello,  \r\nthe shop=20\r\n   "),
    "en-plain-quoted-printable-small-letters": _plain("utf-8", "quoted-printable", b"Th=c3=a9 =\t\r\nnouveau\r\n"),
    "en-reject-quoted-printable-broken": _plain("utf-8", "quoted-printable", b"5 =g \r\n"),
    "en-html-quoted-printable-long-lines": _html(
        "utf-8", "quoted-printable", b"<html><body><p>" + b"new tea, th=C3=A9, " * 30 + b"</p></body></html>\r\n"
    ),
    "ja-html-quoted-printable-end-tag-cut-in-two": _html(
        "utf-8", "quoted-printable", b"<html><body><p>new tea</p></bo=\r\ndy></html>\r\n"
    ),
    "en-reject-unknown-encoding": _plain("utf-8", "x-uuencode", b"begin 644\r\n"),
    "en-plain-without-a-last-line-end": _plain("utf-8", "7bit", b"Hello, new tea"),
    "en-plain-empty": _plain("utf-8", "7bit", b""),
    "en-plain-flowed": _plain(
        "utf-8; format=flowed; delsp=no", "7bit", crlf("Hello,\n\nnew tea has arrived, and it waits \nfor you in the shop. \n").encode()
    ),
    "ja-plain-flowed-delsp": _plain(
        "iso-2022-jp; format=flowed; delsp=yes", "7bit", in_charset("新しいお茶が \n入荷しました。 \n", "iso2022_jp"), JIS
    ),
    "ja-plain-7bit-becomes-base64": _plain("us-ascii", "7bit", b"Tea\r\n"),
    "ja-plain-7bit-becomes-quoted-printable": _plain(
        "us-ascii", "7bit", in_charset(ENGLISH * 60, "ascii")
    ),
    "en-plain-with-a-line-of-underscores": _plain("utf-8", "7bit", crlf(f"Hello\n{'_' * 40}\nnew tea\n{'_' * 40}\n").encode()),
}  # fmt: skip
