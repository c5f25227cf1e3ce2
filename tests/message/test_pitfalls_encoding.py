"""Pitfalls of charsets and transfer encodings: text that a footer made unreadable elsewhere."""

from __future__ import annotations

import re
from base64 import b64decode, encodebytes
from dataclasses import replace
from email import message_from_bytes

import pytest
from html5lib import parse
from message.rebuilt import (
    PNG,
    body_of,
    copy,
    leaves,
    mail,
    many,
    payload,
    read,
    text,
    typed,
)
from rewritten import FACTS, LINK


def test_01_umlauts_of_the_body_survive_the_footer() -> None:
    """https://github.com/sympa-community/sympa/issues/1113"""
    for charset in ("utf-8", "iso-8859-1"):
        body = "Grüße aus Köln\r\n".encode(charset)
        result = copy(mail(typed("text/plain", charset), body))
        assert body_of(result).startswith(body)
        assert read(result).startswith("Grüße aus Köln\n")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_02_a_footer_in_another_charset_than_the_text_becomes_no_attachment(language: str) -> None:
    """http://plosquare.blogspot.com/2009/03/workaround-for-mailman-list-footer-sent.html"""
    result = copy(mail(typed("text/plain", "ISO-8859-15"), "Tee für 5 €\r\n".encode("iso8859_15")), language)
    assert not message_from_bytes(result).is_multipart()
    assert read(result).startswith("Tee für 5 €\n")
    assert FACTS[language].sender in read(result)


def test_03_half_width_katakana_in_a_footer_do_not_break_iso_2022_jp() -> None:
    """https://nvsupport.org/ml/archives/aa/msg35240.html"""
    facts = replace(FACTS["ja"], sender="ｶﾌｪ･ﾌﾞﾗﾝﾄﾞ")
    result = copy(mail(typed("text/plain", "ISO-2022-JP", "7bit"), "お茶\r\n".encode("iso2022_jp")), "ja", facts=facts)
    assert result.isascii()
    assert b"\x1b(I" not in result
    if b"ISO-2022-JP" in result:
        assert "カフェ・ブランド" in body_of(result).decode("iso2022_jp")
    else:
        assert "ｶﾌｪ･ﾌﾞﾗﾝﾄﾞ" in read(result)


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_04_two_pieces_of_iso_2022_jp_are_joined_in_ascii_by_a_line_end(end: bytes) -> None:
    """https://github.com/whatwg/encoding/issues/115"""
    body = "お茶".encode("iso2022_jp")
    for start in (body, body.removesuffix(b"\x1b(B")):
        part = typed("text/plain", "iso-2022-jp", "7bit") + b"\r\n" + start + end
        result = copy(many(part), "ja")
        assert not re.search(rb"\x1b\([BJ]\x1b\$[@B]", result)
        octets = payload(leaves(result)[0])
        assert octets.startswith(start)
        footer = octets.index(b"_" * 40)
        assert octets[:footer].endswith(b"\r\n")
        assert octets.rindex(b"\x1b(B", 0, footer) > octets.rindex(b"\x1b$B", 0, footer)
        assert octets.decode("iso2022_jp")


def test_05_the_text_is_not_decoded_and_encoded_again_nor_its_encoding_dropped() -> None:
    """https://gitlab.com/mailman/mailman/-/blob/master/src/mailman/handlers/decorate.py"""
    lines = encodebytes("新しいお茶が入荷しました。\r\n".encode() * 9).replace(b"\n", b"\r\n").splitlines(keepends=True)
    result = copy(mail(typed("text/plain", "utf-8", "base64"), b"".join(lines)), "ja")
    assert b"Content-Transfer-Encoding: base64\r\n" in result
    assert body_of(result).startswith(b"".join(lines[:-1]))


def test_06_html_keeps_its_charset_and_so_its_meta_tells_no_lie() -> None:
    """https://github.com/maxking/mailman/blob/master/src/mailman/handlers/decorate.py"""
    page = b'<html><head><meta charset="iso-8859-1"></head><body>th\xe9</body></html>\r\n'
    result = copy(mail(typed("text/html", "iso-8859-1"), page), "ja")
    assert b"text/html; charset=iso-8859-1" in result
    assert "株".encode("ascii", "xmlcharrefreplace") in result
    assert "株式会社ブランド" in "".join(parse(read(result), namespaceHTMLElements=False).itertext())


def test_07_a_footer_goes_inside_the_base64_not_behind_it() -> None:
    """https://github.com/Zimbra/zm-mailbox/pull/1755"""
    for tea in (b"te\r\n", b"tea\r\n", b"teas\r\n"):  # each padding
        result = copy(mail(typed("text/plain", "utf-8", "base64"), encodebytes(tea).replace(b"\n", b"\r\n")))
        octets = b64decode(b"".join(body_of(result).split()), validate=True)
        assert octets.startswith(tea)
        assert LINK.encode() in octets
        assert all(len(line) <= 76 for line in result.split(b"\r\n") if b":" not in line)


def test_08_no_character_is_cut_in_two_where_quoted_printable_is_written_into() -> None:
    """https://github.com/inflex/alterMIME/issues/12"""
    page = b"<body>=E6=96=B0=E3=81=97=E3=81=\r\n=84</body>\r\n"
    assert "新しい" in read(copy(mail(typed("text/html", "utf-8", "quoted-printable"), page), "ja"))
    dangling = b"=E3=81=84 and more =\r\n"
    assert read(copy(mail(typed("text/plain", "utf-8", "quoted-printable"), dangling), "ja")).startswith(
        "い and more \n\n"
    )


def test_09_line_ends_stay_line_ends_when_text_becomes_quoted_printable() -> None:
    """https://github.com/rspamd/rspamd/issues/5833, https://github.com/rspamd/rspamd/issues/2957"""
    body = b"Hello, new tea \r\nhas arrived, = more \r\ntea for all of you. \r\n" * 120
    fields = b"Content-Type: text/plain; charset=us-ascii; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n"
    result = copy(mail(fields, body), "ja")
    assert b"Content-Transfer-Encoding: quoted-printable" in result
    assert b"=0D" not in result
    assert b"=2=20" not in result
    assert read(result).startswith(body.decode().replace("\r\n", "\n"))


def test_10_the_header_never_says_another_encoding_than_the_body_has() -> None:
    """https://github.com/mailcow/mailcow-dockerized/issues/7480, https://github.com/postalserver/postal/issues/2675"""
    page = '<body><img src="data:image/png;base64,iVBORw0KGgo=" alt="a=3D"></body>\r\n'
    result = copy(mail(typed("text/html", "us-ascii", "7bit"), page.encode()), "ja")
    assert "data:image/png;base64,iVBORw0KGgo=" in read(result)
    assert 'alt="a=3D"' in read(result)
    plain = copy(mail(typed("text/plain", "us-ascii", "7bit"), b"a=3D, 100 =20\r\n"), "ja")
    assert read(plain).startswith("a=3D, 100 =20\n")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_11_mail_of_seven_bits_stays_so_and_no_later_hop_has_to_recode_what_was_signed(language: str) -> None:
    """https://github.com/chatmail/filtermail/pull/149, https://github.com/hmailserver/hmailserver/issues/335"""
    for content in (
        mail(typed("text/plain", "us-ascii", "7bit"), b"tea\r\n"),
        mail(typed("text/html", "utf-8", "8bit"), b"<body>tea</body>\r\n"),
        many(text(), text("<p>tea", "text/html"), kind="alternative"),
        mail(b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n", PNG),
    ):
        assert copy(content, language).isascii()
