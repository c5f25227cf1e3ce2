"""The mail that asks a person for a new yes: who asks, what they once agreed to, when and where, a link to say yes
again, that they need do nothing to get no more of it, a link to stop, and who sends.

Text and HTML with the same words, nothing loaded, nobody tracked. Values are data as in the footer: never markup, never
a template, never the beginning of another header field. Knows no tokens and no policies; decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from jinja2 import Template
from markupsafe import Markup

from relay.address import Address
from relay.message.asking_wording import ASKING_WORDS, AskingWords
from relay.message.footer import Disclosure, Version
from relay.message.footer_lines import html_lines, plain_lines
from relay.message.footer_template import LEFT_TO_RIGHT, compiled
from relay.message.links import MAIL, URL
from relay.message.list_fields import ONE_CLICK
from relay.message.notice import Heading, notice, several, text
from relay.reason import Reason

#: How long after its mail was written a link takes a yes. Longer than any mail is held; who finds it later signs up anew.
LINK_WORKS_FOR: Final = timedelta(days=60)
#: The local part of the mail's sender; nobody reads what is sent there, so replies go to the sender's own contact.
FROM: Final = "notices"
#: Said by the words above the footer.
_SAID: Final = frozenset({"why", "consent_date", "consent_source"})


@dataclass(frozen=True, slots=True)
class Asking:
    """What one person is asked. version: of the stream's footer, in a language of `ASKING_WORDS`. reason: why they are
    asked; `confirmed` and `migration` where mail still passes without an answer.

    confirm_url, unsubscribe_url: http or https, ASCII, at most `links.MAX_URL` octets; ValueError for others.
    """

    version: Version
    reason: Reason
    confirm_url: str
    unsubscribe_url: str

    def __post_init__(self) -> None:
        if not (URL.fullmatch(self.confirm_url) and URL.fullmatch(self.unsubscribe_url)):
            raise ValueError("a link is not a short http(s) URL of printable ASCII")
        if self.version.language not in ASKING_WORDS:
            raise ValueError(f"there are no words to ask in {self.version.language!r}")


@dataclass(frozen=True, slots=True)
class Letter:
    """The words, for a look at them. Lines end in LF."""

    language: str
    subject: str
    plain: str
    html: str


def letter(asking: Asking) -> Letter:
    version = asking.version
    templates = _templates(ASKING_WORDS[version.language])
    disclosure = Disclosure((version,), asking.unsubscribe_url)
    footer = disclosure.footer(_SAID)
    values = {
        **{name: disclosure.value(name) for name in ("sender", "purpose", "consent_date", "consent_source")},
        "agreed": version.facts.agreed,
        "reason": asking.reason.value,
        "confirm_url": asking.confirm_url,
        "days": str(LINK_WORKS_FOR.days),
        "language": version.language,
        "direction": LEFT_TO_RIGHT,
    }
    plain = plain_lines(templates.plain.render(values), 0)
    shown = {**values, "footer": Markup(footer.html)}  # noqa: S704 - escaped by the footer
    return Letter(
        version.language,
        templates.subject.render(values),
        f"{plain}\n{footer.plain}",
        html_lines(templates.html.render(shown), 0),
    )


def asking_mail(
    asking: Asking, *, identifier: str, mail_domain: str, to: Address, at: datetime, one_click: bool
) -> bytes:
    """The whole mail, not signed yet. identifier: of its transaction. at: aware UTC. one_click: may List-Unsubscribe-Post
    stand there (RFC 8058: an https link, and a signature that covers it)?
    """
    words = letter(asking)
    contact = asking.version.facts.contact.removeprefix("mailto:")
    extra = [("Reply-To", f"<{contact}>")] if MAIL.fullmatch(contact) else []
    extra.append(("List-Unsubscribe", f"<{asking.unsubscribe_url}>"))
    if one_click:
        extra.append(("List-Unsubscribe-Post", ONE_CLICK.decode("ascii")))
    extra.append(("Content-Language", words.language))
    heading = Heading(
        identifier=identifier,
        mail_domain=mail_domain,
        to=to,
        subject=words.subject,
        at=at,
        name=Disclosure((asking.version,), asking.unsubscribe_url).value("sender"),
        local=FROM,
        extra=tuple(extra),
    )
    parts = (text(words.plain, language=words.language), text(words.html, "html", language=words.language))
    return notice(heading, several("alternative", parts))


@dataclass(frozen=True, slots=True)
class _Templates:
    subject: Template
    plain: Template
    html: Template


@lru_cache(maxsize=8)
def _templates(words: AskingWords) -> _Templates:
    return _Templates(
        compiled(words.subject, html=False), compiled(words.plain, html=False), compiled(words.html, html=True)
    )
