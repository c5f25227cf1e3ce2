from __future__ import annotations

import pytest

from relay.message.displayed import displayed_parts
from relay.message.index import index, parts_of

PLAIN = "Content-Type: text/plain\n\nplain"
HTML = "Content-Type: text/html\n\nhtml"
PICTURE = "Content-Type: image/png\nContent-ID: <p>\n\npicture"
PDF = 'Content-Type: application/pdf; name="x.pdf"\nContent-Disposition: attachment\n\npdf'
TEXT_FILE = 'Content-Type: text/plain; name="x.txt"\nContent-Disposition: attachment\n\nfile'
INLINE_FILE = 'Content-Type: text/plain\nContent-Disposition: inline; filename="x.txt"\n\nfile'
BAD_NAME = "Content-Type: text/plain; name=This is a file.txt\n\nfile"
EMPTY = ""
SIGNED = "Content-Type: multipart/signed; boundary=s\n\n--s\n\nx\n--s--"
CALENDAR = "Content-Type: text/calendar\n\nBEGIN:VCALENDAR"
_count = iter(range(10**6))


def multi(kind: str, *parts: str, more: str = "") -> str:
    boundary = f"=_{next(_count)}"
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"{more}\n\n{body}--{boundary}--'


def bodies(message: str) -> list[str] | str:
    content = message.replace("\n", "\r\n").encode()
    found = displayed_parts(index(content), parts_of(index(content)))
    return found if isinstance(found, str) else [content[part.body : part.end].decode() for part in found]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (PLAIN, ["plain"]),
        ("Subject: x\n\nplain", ["plain"]),
        (multi("alternative", PLAIN, HTML), ["plain", "html"]),
        (multi("mixed", PLAIN, PDF, TEXT_FILE, INLINE_FILE, BAD_NAME), ["plain"]),
        (multi("mixed", multi("alternative", PLAIN, HTML), PDF), ["plain", "html"]),
        (multi("mixed", multi("alternative", PLAIN, multi("related", HTML, PICTURE)), PDF), ["plain", "html"]),
        (multi("related", multi("alternative", PLAIN, HTML), PICTURE), ["plain", "html"]),
        (multi("related", PICTURE, "Content-ID: <r>\n" + HTML, more='; start="<r>"'), ["html"]),
        (multi("alternative", PLAIN, multi("mixed", HTML, PDF, HTML + " again")), ["plain", "html again"]),
        (multi("mixed", PLAIN, PDF, PLAIN + " again"), ["plain again"]),
        (multi("mixed", PLAIN, PDF, EMPTY), ["plain"]),
        (multi("alternative", PLAIN, HTML, PDF), ["plain", "html"]),
        (multi("mixed", PLAIN, "Content-Type: message/rfc822\n\n" + HTML), ["plain"]),
        (multi("mixed", PLAIN, CALENDAR), ["plain"]),
    ],
)
def test_the_footer_belongs_at_the_end_of_each_alternative_of_the_text(message: str, expected: list[str]) -> None:
    assert bodies(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        SIGNED,
        multi("mixed", PLAIN, SIGNED),
        multi("mixed", multi("alternative", PLAIN, SIGNED)),
        multi("encrypted", "Content-Type: application/pgp-encrypted\n\nVersion: 1", PDF),
        "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx",
        multi("report", PLAIN, "Content-Type: message/delivery-status\n\nx"),
        multi("alternative", PLAIN, CALENDAR),
        multi("alternative", PLAIN, "Content-Type: text/x-amp-html\n\n<html amp4email>", HTML),
        multi("alternative", PLAIN, PICTURE),
        multi("alternative", PDF),
        multi("mixed", PDF),
        multi("mixed", PICTURE, TEXT_FILE),
        multi("digest", "Subject: x\n\nx"),
        multi("unheard-of", PLAIN),
        multi("related", HTML, more='; start="<elsewhere>"'),
        "Content-Type: message/rfc822\n\n" + PLAIN,
        "Content-Type: text/calendar\n\nx",
        TEXT_FILE,
        "Content-Transfer-Encoding: base64\n" + multi("mixed", PLAIN),
        "Content-Type: multipart/mixed\n\nx",
        "Content-Type: text\n\nx",
        multi("mixed", PLAIN, "Content-Type: multipart/mixed\n\nx"),
        multi("mixed", PLAIN, "Content-Type: words\n\nx"),
    ],
)
def test_where_it_is_not_plain_which_text_is_read_there_is_a_reason(message: str) -> None:
    reason = bodies(message)
    assert isinstance(reason, str)
    assert reason.isascii()
