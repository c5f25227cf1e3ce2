"""The message that every measurement sends: a multipart/alternative newsletter of about 9 kB."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage

SENDER = "news@news.brand.example"


def newsletter() -> bytes:
    """Its content with CRLF line ends; always the same."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = f"Brand <{SENDER}>"
    message["To"] = "reader@reader.example"
    message["Subject"] = "November offers"
    message["Message-ID"] = "<november@news.brand.example>"
    message["Date"] = "Sat, 21 Nov 2026 09:00:00 +0900"
    sentence = "This month we have picked a few things that you may like."
    message.set_content("Hello,\n\n" + f"{sentence}\n" * 40, cte="quoted-printable")
    html = f"<p>{sentence.replace('few', '<b>few</b>')}</p>\n" * 84
    page = f"<html><body><h1>November</h1>{html}</body></html>\n"
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    message.set_boundary("=_november")
    return message.as_bytes()
