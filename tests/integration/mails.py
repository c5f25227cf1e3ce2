"""Messages as mailers make them, and what has to be true of the copy that arrives."""

from __future__ import annotations

import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime
from typing import Final

_CRLF: Final = email.policy.SMTP.clone(max_line_length=998)
LIST_FIELDS: Final = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id")


def newsletter(
    sender: str, recipient: str, *, subject: str = "November offers", cte: str = "quoted-printable"
) -> bytes:
    """multipart/alternative, text and HTML, with a few non-ASCII letters."""
    message = _headed(sender, recipient, subject)
    message.set_content("Grüße,\n\n" + "a few things that you may like.\n" * 5, cte=cte)
    html = "<html><body><h1>Grüße</h1>" + "<p>a <b>few</b> things that you may like.</p>\n" * 5 + "</body></html>\n"
    message.add_alternative(html, subtype="html", cte=cte)
    return message.as_bytes()


def plain(sender: str, recipient: str, *, subject: str = "Hello", text: str = "Hello.\n") -> bytes:
    message = _headed(sender, recipient, subject)
    message.set_content(text)
    return message.as_bytes()


def japanese(sender: str, recipient: str) -> bytes:
    """What a Japanese mailer has sent for thirty years: 7bit ISO-2022-JP."""
    head = _headed(sender, recipient, "=?ISO-2022-JP?B?GyRCPzc+JklKGyhC?=").as_bytes().removesuffix(b"\r\n")
    body = "新商品のお知らせです。\r\n今月のおすすめをご覧ください。\r\n".encode("iso-2022-jp")
    fields = (
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\nContent-Transfer-Encoding: 7bit\r\n"
    )
    return head + fields + b"\r\n" + body


def without_date(message: bytes) -> bytes:
    """What many scripts send: neither Date nor Message-ID, which the relay has to add before it signs."""
    return re.sub(rb"(?mi)^(date|message-id): .*\r\n", b"", message)


def _headed(sender: str, recipient: str, subject: str) -> EmailMessage:
    message = EmailMessage(policy=_CRLF)
    message["From"] = f"Brand <{sender}>"
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{recipient.replace('@', '.')}.{abs(hash(subject))}@mailer.brand.example>"
    return message


def parsed(message: bytes) -> EmailMessage:
    found = BytesParser(policy=email.policy.default).parsebytes(message)
    assert isinstance(found, EmailMessage)
    return found


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def texts_of(message: bytes) -> dict[str, str]:
    """The decoded text parts by type."""
    return {part.get_content_type(): part.get_content() for part in parsed(message).walk() if not part.is_multipart()}


def unsubscribe_url(message: bytes) -> str:
    """The one HTTP address in List-Unsubscribe."""
    found = re.findall(r"<(https?://[^>]+)>", str(parsed(message)["List-Unsubscribe"]))
    assert len(found) == 1, parsed(message)["List-Unsubscribe"]
    return str(found[0])


def assert_newsletter_for(message: bytes) -> None:
    """Exactly one of each list field, and the footer with the same address in every text part."""
    head = parsed(message)
    for name in LIST_FIELDS:
        assert len(head.get_all(name, [])) == 1, f"{len(head.get_all(name, []))} times {name}"
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<newsletter.brand.example>" in head["List-Id"]
    url = unsubscribe_url(message)
    for kind, text in texts_of(message).items():
        assert url in text, f"no unsubscribe address in {kind}"
        assert "Brand K.K." in text
        assert "Ginza" in text
