"""Mail of every kind that a mailer can send: the golden messages, and more that are made here, the same in every run.

Says for each what the relay has to answer. Knows nothing of the code that rewrites.
"""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_GOLDEN: Final = Path(__file__).parents[1] / "golden"
#: What a golden message's name says of the policy; without one of these it is "reject".
VARIANTS: Final = (
    "headers-only", "wrap", "amp-drop", "amp-undisclosable", "existing-keep", "existing-combine", "charset-keep",
    "signatures-keep", "extra-fields", "transactional",
)  # fmt: skip
#: By the beginning of what the relay says after DATA.
_UNDISCLOSABLE: Final = "451 4.7.1 disclosure-impossible"
_BARE_LINE_END: Final = "550 5.6.0"


@dataclass(frozen=True, slots=True)
class Kind:
    """One message. variant: of the policy. answer: how the relay's refusal begins, "" where it takes the message.

    is_broken: Postfix breaks lines of its body in two on the way on, and the signatures with them. RFC 5322 section
    2.1.1 forbids such lines; in text that gets a footer the relay mends them, elsewhere it touches nothing.
    """

    name: str
    content: bytes
    variant: str = "reject"
    answer: str = ""
    language: str = "en"
    is_broken: bool = False

    @property
    def is_refolded(self) -> bool:
        """Does Postfix write a field, or the mbox line, in another way? DKIM does not mind, or it was not signed."""
        head = self.content.partition(b"\r\n\r\n")[0]
        odd = head.startswith(b"From ") or re.search(rb"(?m)^[!-9;-~]+[ \t]+:", head)
        return bool(odd) or max(map(len, head.split(b"\r\n"))) > 998


def every_kind() -> list[Kind]:
    return [*_golden(), *_charsets(), *_line_ends(), *_header_blocks(), *_large()]


def _golden() -> Iterator[Kind]:
    for file in sorted(_GOLDEN.glob("*.in.eml")):
        name = file.name.removesuffix(".in.eml")
        content = file.read_bytes()
        variant = next((one for one in VARIANTS if f"-{one}" in name), "reject")
        refused = _UNDISCLOSABLE if (_GOLDEN / f"{name}.why").exists() else ""
        lines = content.replace(b"\r\n", b"")
        bare = b"\r" in lines or b"\n" in lines
        answer = _BARE_LINE_END if bare else refused
        yield Kind(name, content, variant, answer, name[:2])


# --- charsets and encodings ------------------------------------------------------------------------------------------

_LATIN: Final = "Grüße aus Köln, déjà vu\r\n"
_TEXTS: Final = {
    "us-ascii": "Plain words = signs\r\n",
    "utf-8": "Grüße, 新商品, привет, 안녕 😀\r\n",
    "iso-8859-1": _LATIN,
    "iso-8859-2": "Zażółć gęślą jaźń\r\n",
    "iso-8859-5": "Новинки этой недели\r\n",
    "iso-8859-7": "Νέα προϊόντα\r\n",
    "iso-8859-9": "Yeni ürünler şimdi\r\n",
    "iso-8859-15": _LATIN + "5 €\r\n",
    "windows-1250": "Příliš žluťoučký kůň\r\n",
    "windows-1251": "Новинки этой недели\r\n",
    "windows-1252": _LATIN + "“5 €”\r\n",
    "windows-1253": "Νέα προϊόντα\r\n",
    "windows-1254": "Yeni ürünler şimdi\r\n",
    "koi8-r": "Новинки этой недели\r\n",
    "iso-2022-jp": "新商品のお知らせです。\r\n今月のおすすめ\r\n",
    "shift_jis": "新商品のお知らせ、ソ表能\r\n",
    "euc-jp": "新商品のお知らせです。\r\n",
    "gb2312": "新产品通知\r\n",
    "gbk": "新產品通知\r\n",
    "gb18030": "新产品通知 😀\r\n",
    "big5": "新產品通知,許功蓋\r\n",
    "euc-kr": "신제품 안내\r\n",
}


def _charsets() -> Iterator[Kind]:
    for charset, text in _TEXTS.items():
        plain = (text * 8).encode(charset)
        page = f"<html><body>\r\n<p>{text}</p>\r\n</body></html>\r\n".encode(charset)
        encodings = ["quoted-printable", "base64", "7bit" if plain.isascii() else "8bit"]
        for encoding in encodings:
            for subtype, octets in (("plain", plain), ("html", page)):
                yield Kind(f"{subtype} {charset} {encoding}", _mail(_part(subtype, charset, encoding, octets)))
        parts = [_part("plain", charset, encodings[-1], plain), _part("html", charset, "base64", page)]
        yield Kind(f"alternative {charset}", _mail(_multipart("alternative", "b", parts)))


# --- what canonicalisation may stumble over --------------------------------------------------------------------------

_BODIES: Final = {
    "no body": b"",
    "an empty line": b"\r\n",
    "many empty lines": b"\r\n" * 3000,
    "empty lines at the end": b"text\r\n" + b"\r\n" * 50,
    "empty lines at the start": b"\r\n" * 50 + b"text\r\n",
    "lines of spaces": b"text\r\n   \r\n\t\r\n \t \r\n",
    "lines of spaces in the middle": b"text\r\n   \r\n\t\r\n \t \r\nmore\r\n",
    "spaces at the ends of lines": b"text \r\nmore\t\r\nand\t \t\r\n",
    "spaces at the starts of lines": b"  text\r\n\tmore\r\n \t and\r\n",
    "runs of spaces": b"a  b   c \t d\r\n" * 40,
    "one space": b" \r\n",
    "no last line end": b"text",
    "no last line end after a space": b"text ",
    "a space behind the last line": b"text\r\n ",
    "dots": b".\r\n..\r\n...\r\n.text\r\n",
    "a dot at the end": b"text\r\n.\r\n",
    "lines like an mbox": b"From me to you\r\n>From you\r\nFrom \r\n",
    "lines like fields": b"Subject: no field\r\nDKIM-Signature: v=1; b=\r\n",
    "lines as long as may be": (b"x" * 998 + b"\r\n") * 5 + (b" " * 997 + b"x\r\n") * 5,
    "octets of all kinds": bytes(octet for octet in range(1, 256) if octet not in b"\r\n") + b"\r\n",
    "vertical tabs and form feeds": b"a\x0bb \x0c \x0b\r\n\x0c\r\n",
    "piece by piece": (b"word " * 150 + b"\r\n") * 700,
}


def _line_ends() -> Iterator[Kind]:
    for name, body in _BODIES.items():
        yield Kind(f"body: {name}", _head() + b"\r\n" + body, "transactional")
    long = b"x" * 999 + b"\r\n"
    yield Kind("body: a line that is too long", _head() + b"\r\n" + long, "transactional", is_broken=True)
    yield Kind("body of a newsletter: a line that is too long", _head() + b"\r\n" + long)


_FIELDS: Final = {
    "8-bit octets": b"X-Note: caf\xe9\r\nSubject: caf\xe9\r\n",
    # without an octet A0, which mailauth takes for white space
    "UTF-8": "Subject: 新商品\r\nX-Name: Grüße\r\n".encode(),
    "folded at once": b"Subject:\r\n text\r\n",
    "folded often": b"Subject: a\r\n\tb\r\n   c\r\n \t d\r\n",
    "spaces everywhere": b"Subject:    a   b \t c   \r\n",
    "no space behind the colon": b"Subject:text\r\n",
    "space before the colon": b"Subject : text\r\n",
    "no value": b"Subject:\r\n",
    "a value of spaces": b"Subject:   \r\n",
    "letters of both kinds": b"SUBJECT: text\r\nReply-TO: x@news.brand.example\r\n",
    "a line of 998 octets": b"Subject: " + b"x" * 989 + b"\r\n",
    "a line that is too long": b"Subject: " + b"x" * 1500 + b"\r\n",
    "a folded line that is too long": b"Subject: a\r\n " + b"x " * 900 + b"\r\n",
    "many recipients": b"Cc: " + b",\r\n\t".join(b"reader%d@example.com" % number for number in range(300)) + b"\r\n",
    "the same field often": b"Reply-To: x@news.brand.example\r\n" * 5 + b"Subject: a\r\nSubject: b\r\n",
    "many fields": b"".join(b"X-Field-%d: %d\r\n" % (number, number) for number in range(300)),
    "encoded words": b"Subject: =?utf-8?B?5paw5ZWG5ZOB?=\r\n =?iso-2022-jp?B?GyRCPzc+JklKGyhC?=\r\n",
    "a group": b"Cc: undisclosed-recipients:;\r\nSubject: text\r\n",
    "addresses without a domain": b"Cc: hanako, taro@localhost\r\nSubject: text\r\n",
    "vertical tabs and form feeds": b"Subject:\x0ca\x0bb \x0c c\r\nReply-To: x@news.brand.example\x0b\r\n",
    "control characters": b"Subject: a\x01\x1b\x7f\x1c b\r\n",
    "comments": b"Cc: (one (two)) Reader <reader@example.com> (three)\r\n",
    "for us alone": b"Bcc: secret@example.com\r\nX-Consent-Stream: none\r\nSubject: text\r\n",
    "a broken signature": b"DKIM-Signature: v=1; a=rsa-sha256; d=news.brand.example; s=old; h=from; bh=AAAA; b=AAAA\r\n",
    "an ARC chain": b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=other.example; s=x; t=1; b=AAAA\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=other.example; s=x; h=from; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; other.example; none\r\n",
    "all that is signed where it is": b"Sender: x@news.brand.example\r\nIn-Reply-To: <1@x.example>\r\nReferences: <1@x.example>\r\n"
    b"Precedence: list\r\nAuto-Submitted: no\r\nList-Help: <https://brand.example/help>\r\n",
}  # fmt: skip


def _header_blocks() -> Iterator[Kind]:
    for name, fields in _FIELDS.items():
        content = _head(fields) + b"\r\nHello.\r\n"
        yield Kind(f"head: {name}", content, "transactional")
        yield Kind(f"head of a newsletter: {name}", content)


# --- size ------------------------------------------------------------------------------------------------------------


def _large() -> Iterator[Kind]:
    words = ("新商品のお知らせです。 Grüße " * 3 + "\r\n").encode()
    text = words * (1_000_000 // len(words))
    page = b"<html><body>\r\n" + b"".join(b"<p>%b</p>\r\n" % words.strip() for _ in range(9000)) + b"</body></html>\r\n"
    picture = _fields("Content-Type: image/png", "Content-Transfer-Encoding: base64") + _base64(
        bytes(range(256)) * 3000
    )
    plain = _part("plain", "utf-8", "8bit", words)
    yield Kind("1 MB of 8-bit text", _mail(_part("plain", "utf-8", "8bit", text)))
    yield Kind("1 MB of text in base64", _mail(_part("plain", "utf-8", "base64", text)))
    yield Kind("1 MB of quoted-printable HTML", _mail(_part("html", "utf-8", "quoted-printable", page)))
    yield Kind(
        "1 MB of alternatives", _mail(_multipart("alternative", "b", [plain, _part("html", "utf-8", "8bit", page)]))
    )
    yield Kind("1 MB of attachment", _mail(_multipart("mixed", "b", [plain, picture])))
    yield Kind("1 MB of empty lines", _head() + b"\r\n" + b"\r\n" * 500_000 + b"end\r\n", "transactional")
    yield Kind("1 MB of spaces", _head() + b"\r\n" + (b" " * 76 + b"x  \r\n") * 12_500, "transactional")
    parts = [_multipart("alternative", f"a{number}", [plain]) for number in range(200)]
    yield Kind("200 parts", _mail(_multipart("mixed", "b", parts)), "headers-only")


# --- parts -----------------------------------------------------------------------------------------------------------


def _head(fields: bytes = b"Subject: text\r\n") -> bytes:
    return (
        b"From: Brand <news@news.brand.example>\r\nTo: Reader <reader@reader.example>\r\n" + fields +
        b"Date: Sat, 01 Jun 2024 00:00:00 +0000\r\nMessage-ID: <1@mailer.brand.example>\r\n"
    )  # fmt: skip


def _mail(part: bytes) -> bytes:
    return _head() + b"MIME-Version: 1.0\r\n" + part


def _fields(*fields: str) -> bytes:
    return "".join(f"{field}\r\n" for field in fields).encode("ascii") + b"\r\n"


def _part(subtype: str, charset: str, encoding: str, octets: bytes) -> bytes:
    body = octets
    if encoding == "base64":
        body = _base64(octets)
    elif encoding == "quoted-printable":
        body = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return _fields(f"Content-Type: text/{subtype}; charset={charset}", f"Content-Transfer-Encoding: {encoding}") + body


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    return _fields(f'Content-Type: multipart/{subtype}; boundary="{boundary}"') + body + f"--{boundary}--\r\n".encode()
