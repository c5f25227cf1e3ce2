"""The pages for recipients: templates in two languages, one style sheet inside the page, and the headers that make
a browser load and run nothing else. Knows nothing of tokens, stores or requests.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from relay.message.asking import LINK_WORKS_FOR
from relay.policy.model import Stream, text_in
from relay.web.language import LANGUAGES, date_in, day_in, time_in

#: Of pages: those that stop, those that take a yes, and those for whatever goes wrong.
NAMES: Final = (
    "ask", "stopped", "unopened", "unavailable",
    "confirm", "confirmed", "confirm_expired", "confirm_stopped", "confirm_unopened", "confirm_about",
    "missing", "failed",
)  # fmt: skip

#: Of one of our own pages: what is said to everybody who is asked, and where a line ends.
_MAIN: Final = re.compile(r"<main>(.*)</main>", re.DOTALL)
_FACTS: Final = re.compile(r"<dl>.*?</dl>", re.DOTALL)
_LINE_END: Final = re.compile(r"\n|</(?:h1|p|label|button)>")

_WEB_ADDRESS: Final = re.compile(r"https?://[^\s]+", re.IGNORECASE)
_MAIL_ADDRESS: Final = re.compile(r"[^\s@:/]+@[^\s@:/]+")
_TELEPHONE: Final = re.compile(r"\+?[0-9][0-9 ().-]{4,}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a page is about, in the words of its reader. Every field may be "" (None for moments) where not known.

    sender: who sends. mail: what the stream is for. sent: when the mail with the link was sent. consented_on, source:
    of the yes that stands. stop: path of the page that stops it. wrong: why the form is there again, "unticked" or
    "unavailable".
    """

    sender: str = ""
    mail: str = ""
    sent: datetime | None = None
    contact: str = ""
    privacy_policy: str = ""
    consented_on: date | None = None
    source: str = ""
    stop: str = ""
    wrong: str = ""


NOTHING: Final = Subject()


def subject_of(stream_id: str, stream: Stream | None, language: str, sent: datetime | None) -> Subject:
    """stream: None when no policy has it (any more): its id has to do, and it can still be stopped."""
    if stream is None:
        return Subject(mail=stream_id, sent=sent)
    mail = text_in(stream.purpose, language) or stream_id
    if stream.sender is None:
        return Subject(mail=mail, sent=sent)
    return Subject(
        sender=text_in(stream.sender.name, language),
        mail=mail,
        sent=sent,
        contact=stream.sender.contact,
        privacy_policy=stream.sender.privacy_policy,
    )


def contact_link(contact: str) -> str:
    """What to link a contact to: a web address as it is, a mail address, a telephone number; "" for other words."""
    if _WEB_ADDRESS.fullmatch(contact):
        return contact
    if _MAIL_ADDRESS.fullmatch(contact):
        return f"mailto:{quote(contact, safe='@+')}"
    if _TELEPHONE.fullmatch(contact):
        return "tel:" + re.sub(r"[^0-9+]", "", contact)
    return ""


class Pages:
    """All pages, compiled once. headers: what every response has to carry."""

    def __init__(self) -> None:
        loader = PackageLoader("relay.web")
        environment = Environment(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            auto_reload=False,
        )
        style = loader.get_source(environment, "page.css")[0].strip()
        self._style: Final = Markup(style)  # noqa: S704 - our own file, not escaped within <style>
        self._templates: Final = {
            (language, name): environment.get_template(f"{language}/{name}.html")
            for language in LANGUAGES
            for name in NAMES
        }
        self.headers: Final[Mapping[str, str]] = MappingProxyType(_headers(style))

    def render(self, name: str, language: str, subject: Subject = NOTHING, now: datetime | None = None) -> str:
        """now: the moment of the withdrawal, for the page that reports one."""
        return self._templates[language, name].render(
            language=language,
            style=self._style,
            sender=subject.sender,
            mail=subject.mail,
            sent=subject.sent,
            contact=subject.contact,
            contact_link=contact_link(subject.contact),
            privacy_policy=subject.privacy_policy if _WEB_ADDRESS.fullmatch(subject.privacy_policy) else "",
            consented_on=subject.consented_on,
            source=subject.source,
            stop=subject.stop,
            wrong=subject.wrong,
            days=LINK_WORKS_FOR.days,
            now=now,
            date=partial(date_in, language),
            day=partial(day_in, language),
            time=partial(time_in, language),
        )

    def wording(self, name: str, language: str, subject: Subject) -> str:
        """The words of that page as everybody saw them who was asked the same: without what is told of the person."""
        same = replace(subject, sent=None, consented_on=None, source="", wrong="")
        page = self.render(name, language, same)
        found = _MAIN.search(page)
        lines = _LINE_END.split(_FACTS.sub("", found[1] if found else ""))
        told = (Markup(line).striptags() for line in lines)  # noqa: S704 - only taken apart
        return "\n".join([line for line in told if line])


def _headers(style: str) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return {
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        # the address of the page is its key: it must not travel on, be kept or be found
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex, nofollow, noarchive",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "vary": "Accept-Language",
    }
