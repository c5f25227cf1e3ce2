"""What the demo sends, and the people it is sent to: one for every status. Data only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.policy import SMTP
from typing import Final

from relay.address import address_from_text
from relay.consent.events import Act, Basis, Event, EventKind, Evidence

NEWS: Final = "news@news.brand.example"
SHOP: Final = "orders@brand.example"

_ENGLISH: Final = Evidence(language="en")
_JAPANESE: Final = Evidence(language="ja")
_PICTURE: Final = b"%PDF-1.4\n% a one-page leaflet would stand here\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail of the demo. story: what the ledger knows of the recipient, in words."""

    sender: str
    recipient: str
    story: str
    message: Callable[[str, str], bytes]


def _headed(message: EmailMessage, sender: str, recipient: str, subject: str) -> bytes:
    message["From"] = f"Brand <{sender}>"
    message["To"] = recipient
    message["Subject"] = subject
    return message.as_bytes(policy=SMTP)


def text(sender: str, recipient: str) -> bytes:
    message = EmailMessage()
    message.set_content("Hello,\n\nour spring catalogue is out.\n\nYour Brand team\n")
    return _headed(message, sender, recipient, "Spring catalogue")


def html(sender: str, recipient: str) -> bytes:
    message = EmailMessage()
    message.set_content(
        "<!doctype html><html><body><h1>Spring catalogue</h1><p>It is out. Have a look!</p></body></html>",
        subtype="html",
    )
    return _headed(message, sender, recipient, "Spring catalogue")


def with_attachment(sender: str, recipient: str) -> bytes:
    message = EmailMessage()
    message.set_content("Our leaflet is attached.\n")
    message.add_alternative("<html><body><p>Our <b>leaflet</b> is attached.</p></body></html>", subtype="html")
    message.add_attachment(_PICTURE, maintype="application", subtype="pdf", filename="leaflet.pdf")
    return _headed(message, sender, recipient, "Our leaflet")


def japanese_iso_2022_jp(sender: str, recipient: str) -> bytes:
    message = MIMEText("いつもご利用ありがとうございます。\n春のカタログができました。\n", "plain", "iso-2022-jp")
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = "=?iso-2022-jp?B?GyRCPVUkTiUrJT8lbSUwGyhC?="
    return message.as_bytes(policy=SMTP)


def japanese_utf_8(sender: str, recipient: str) -> bytes:
    message = EmailMessage()
    message.set_content("いつもご利用ありがとうございます。\n春のカタログができました。\n")
    message.add_alternative(
        "<html lang=ja><body><p>春のカタログができました。</p></body></html>", subtype="html", charset="utf-8"
    )
    return _headed(message, sender, recipient, "春のカタログ")


def receipt(sender: str, recipient: str) -> bytes:
    message = EmailMessage()
    message.set_content("Thank you for your order 4711.\nTotal: 3,200 yen\n")
    return _headed(message, sender, recipient, "Your order 4711")


SAMPLES: Final = (
    Sample(NEWS, "hanako@customer.example", "confirmed her subscription a month ago", text),
    Sample(NEWS, "taro@customer.example", "confirmed; HTML mail", html),
    Sample(NEWS, "maria@customer.example", "signed on paper; mail with an attachment", with_attachment),
    Sample(NEWS, "kenji@customer.example", "confirmed; Japanese in ISO-2022-JP", japanese_iso_2022_jp),
    Sample(NEWS, "yuki@customer.example", "confirmed; Japanese in UTF-8", japanese_utf_8),
    Sample(NEWS, "petra@customer.example", "was asked yesterday, has not clicked yet", text),
    Sample(NEWS, "olaf@customer.example", "said yes two years ago, no mail since", text),
    Sample(NEWS, "rita@customer.example", "gets every issue, but said yes four years ago", text),
    Sample(NEWS, "Wanda+news@customer.example", "unsubscribed as wanda", text),
    Sample(NEWS, "carl@customer.example", "reported us as spam", text),
    Sample(NEWS, "gone@customer.example", "mailbox does not exist any more", text),
    Sample(NEWS, "peter@customer.example", "a box ticked by default", text),
    Sample(NEWS, "stranger@customer.example", "unknown to the ledger", text),
    Sample(SHOP, "wanda@customer.example", "unsubscribed from news; this is her receipt", receipt),
)


def consents(brand: str, stream: str, now: datetime, new_id: Callable[[], str]) -> tuple[Event, ...]:
    """The ledger of the demo: somebody in every status."""

    def event(kind: EventKind, name: str, days_ago: float, **more: object) -> Event:
        at = now - timedelta(days=days_ago)
        fields = {"stream": stream, "source": "demo", "recorder": "demo", "recorded_at": at, **more}
        return Event(
            id=new_id(),
            kind=kind,
            address=address_from_text(f"{name}@customer.example"),
            brand=brand,
            at=at,
            **fields,  # type: ignore[arg-type]  # the keywords above, by name
        )

    def confirmed(name: str, days_ago: float, **more: object) -> tuple[Event, Event]:
        asked = event(EventKind.REQUEST, name, days_ago + 0.1, source="https://brand.example/newsletter", live=True)
        clicked = event(
            EventKind.CONFIRM,
            name,
            days_ago,
            basis=Basis.DOUBLE_OPT_IN,
            act=Act.CLICKED,
            source="https://brand.example/newsletter",
            **more,
        )
        return asked, clicked

    return (
        *confirmed("hanako", 30, evidence=_ENGLISH),
        *confirmed("taro", 60, evidence=_ENGLISH),
        event(
            EventKind.GRANT, "maria", 20, basis=Basis.WRITTEN, act=Act.SIGNED, source="fair in Osaka", evidence=_ENGLISH
        ),
        *confirmed("kenji", 90, evidence=_JAPANESE),
        *confirmed("yuki", 10, evidence=_JAPANESE),
        event(EventKind.REQUEST, "petra", 1, live=True),
        *confirmed("olaf", 730),
        event(
            EventKind.GRANT,
            "rita",
            1460,
            basis=Basis.DOUBLE_OPT_IN,
            act=Act.CLICKED,
            recorded_at=now,
            last_contact_at=now - timedelta(days=7),
        ),
        *confirmed("wanda", 200),
        event(EventKind.WITHDRAW, "wanda", 3, source="one-click"),
        *confirmed("carl", 100),
        event(EventKind.COMPLAIN, "carl", 50, stream="", source="feedback loop"),
        *confirmed("gone", 80),
        event(EventKind.UNDELIVERABLE, "gone", 5, source="550 5.1.1"),
        event(EventKind.GRANT, "peter", 15, basis=Basis.SINGLE_OPT_IN, act=Act.PRETICKED, source="order form"),
    )
