"""What the golden messages are put together from. All made here; no mail of anybody's."""

from __future__ import annotations

import quopri
from base64 import b64encode, encodebytes
from typing import Final

HEAD: Final = """\
From: Brand <news@news.brand.example>
To: hanako@example.jp
Subject: {subject}
Date: Sat, 1 Jun 2024 09:00:00 +0900
Message-ID: <n1@news.brand.example>
"""
ENGLISH: Final = "Hello,\n\nnew tea has arrived.\n\nThe shop\n"
JAPANESE: Final = "花子様\n\nいつもご利用いただき、ありがとうございます。\n新しいお茶が入荷しました。\n\n店主\n"
FRENCH: Final = "Bonjour,\n\nle thé nouveau est arrivé.\n\nÀ bientôt\n"
CHINESE: Final = "您好\n\n新茶到货了。\n\n店主\n"
TAIWANESE: Final = "您好\n\n新茶到貨了。\n\n店主\n"
KOREAN: Final = "안녕하세요.\n\n새 차가 들어왔습니다.\n\n가게 주인\n"
PAGE: Final = """\
<!DOCTYPE html>
<html><head><title>New tea</title></head>
<body>
<p>Hello,</p>
<p>new tea has arrived.</p>
</body>
</html>
"""
JAPANESE_PAGE: Final = "<html><body>\n<p>花子様</p>\n<p>新しいお茶が入荷しました。</p></body></html>\n"


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def in_charset(text: str, codec: str) -> bytes:
    return crlf(text).encode(codec)


def encoded_word(text: str, charset: str) -> str:
    return f"=?{charset}?B?{b64encode(text.encode(charset)).decode()}?="


def quoted(octets: bytes) -> bytes:
    """Quoted-printable."""
    return b"\r\n".join([quopri.encodestring(line).replace(b"=\n", b"=\r\n") for line in octets.split(b"\r\n")])


def base64(octets: bytes) -> bytes:
    return encodebytes(octets).replace(b"\n", b"\r\n")


def head(subject: str = "New tea", *, mime: bool = True, more: str = "") -> bytes:
    return crlf(HEAD.format(subject=subject) + more + ("MIME-Version: 1.0\n" if mime else "")).encode()


def typed(kind: str, charset: str = "", transfer: str = "", more: str = "") -> bytes:
    """Content fields. more: further ones, each with its LF."""
    fields = f"Content-Type: {kind}{f'; charset={charset}' if charset else ''}\n"
    fields += f"Content-Transfer-Encoding: {transfer}\n" if transfer else ""
    return crlf(fields + more).encode("latin-1")


def message(fields: bytes, body: bytes, *, start: bytes = b"") -> bytes:
    return (start or head()) + fields + b"\r\n" + body


def part(fields: bytes, body: bytes) -> bytes:
    return fields + b"\r\n" + body


def multi(kind: str, boundary: str, *parts: bytes, more: str = "", closed: bool = True, preamble: bytes = b"") -> bytes:
    """A multipart entity: its Content-Type, the empty line, its parts."""
    line = b"--" + boundary.encode()
    end = b"\r\n" + line + b"--\r\n" if closed else b""
    body = (b"\r\n" + line + b"\r\n").join(parts)
    return (
        crlf(f'Content-Type: multipart/{kind};\n boundary="{boundary}"{more}\n\n').encode()
        + preamble
        + line
        + b"\r\n"
        + body
        + end
    )


def whole(entity: bytes, *, start: bytes = b"") -> bytes:
    """A message that is this entity."""
    return (start or head()) + entity


PICTURE: Final = base64(bytes(range(60))).rstrip(b"\r\n")
PDF: Final = part(
    b'Content-Type: application/pdf; name="tea.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
    b'Content-Disposition: attachment; filename="tea.pdf"\r\n',
    PICTURE,
)
INLINE_PDF: Final = PDF.replace(b"attachment", b"inline")
PRICES: Final = part(
    b'Content-Type: text/plain; charset=us-ascii\r\nContent-Disposition: attachment; filename="prices.txt"\r\n',
    b"tea 1 yen",
)
PLAIN_PART: Final = part(typed("text/plain", "us-ascii", "7bit"), in_charset(ENGLISH, "ascii").rstrip(b"\r\n"))
HTML_PART: Final = part(typed("text/html", "utf-8", "7bit"), in_charset(PAGE, "ascii").rstrip(b"\r\n"))
LOGO: Final = part(
    b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <p1>\r\nContent-Disposition: inline\r\n",
    PICTURE,
)
CALENDAR: Final = crlf(
    "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1@brand.example\nDTSTART:20240607T090000Z\n"
    "SUMMARY:Tea tasting\nEND:VEVENT\nEND:VCALENDAR"
).encode()
PGP_SIGNATURE: Final = part(
    b'Content-Type: application/pgp-signature; name="signature.asc"\r\n',
    b"-----BEGIN PGP SIGNATURE-----\r\n\r\niQ==\r\n-----END PGP SIGNATURE-----",
)
#: A footer of ours in somebody else's copy of an earlier mail.
OLD_LINK: Final = (
    "https://mail.brand.example/u/000001ybU1mBbKgio7iuNTUyXs4SoHt_n_vJo9cXSTeHe7z1KiMctVRyBby2GwBOXXpAff"
    "iW3KdFE0sjNtgdXUVZCZVMzk2QoE3BOU8A1i-WUvDfntX59kunYq4mFMe9Fcs-Fu"
)
OLD_PLAIN: Final = f"""\
{"_" * 40}
Why you receive this: Brand K.K. sends "Product news" to members who agreed to receive it.
Stop these emails at any time, without logging in:
{OLD_LINK}
Sent by: Brand K.K.
Postal address: 1-1 Chiyoda, Chiyoda-ku, Tokyo 100-0001, Japan
{"_" * 40}
"""
OLD_HTML: Final = f"""\
<!--consent-relay:footer-->
<div lang="en" dir="ltr" style="clear:both;margin:24px 0 0;padding:12px 0 0;border-top:1px solid">
<p style="margin:0 0 6px"><a href="{OLD_LINK}"
>Stop these emails</a> at any time, without logging in.</p>
<p style="margin:0 0 6px">Sent by: Brand K.K.</p>
</div>
<!--/consent-relay:footer-->
"""
