"""The disclosure footer as text and as HTML, filled in for one recipient.

Values come from policies and from recorded consents, so they are data: control characters become spaces, lengths are
capped, HTML is escaped, and nothing is ever read as a template. Lines are what mail can carry in every charset, and
none can be taken for a quotation, an mbox line or a MIME delimiter.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from jinja2 import Template
from markupsafe import Markup

from relay.message.footer_lines import html_lines, plain_lines
from relay.message.footer_template import LEFT_TO_RIGHT, LINK, RIGHT_TO_LEFT, compiled, compiled_sentence, set_apart
from relay.message.items import OF_WHY
from relay.message.own_footer import HTML_BEGIN, HTML_END, PLAIN_RULE
from relay.message.wording import Wording

_MAX_VALUE: Final = 500
_MAX_WHY: Final = 1200
#: Links are told apart by length only so far: readers whose links are about as long share a footer.
_LENGTH_STEP: Final = 300
# C0, C1, line and paragraph separators, and the characters that reorder text (bidi) or hide in it.
_INVISIBLE: Final = re.compile(
    "[\x00-\x20\x7f-\x9f\xad\u061c\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]+"
)
_DATE_FIELD: Final = re.compile(r"\{(year|month|day)(:02)?\}")
#: Languages that are written so.
_FROM_RIGHT_TO_LEFT: Final = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "ps", "sd", "ug", "ur", "yi")
)


@dataclass(frozen=True, slots=True)
class FooterFacts:
    """What the footer tells. All in the reader's language, except names and URLs.

    sender, postal_address, contact, privacy_policy: who sends ([sender] of the policy). purpose, audience: what is
    sent to whom ("Product news", "members"; audience may be ""). agreed: True where the person said yes themselves;
    False for other bases (customer, published), which are not called consent. consented_on: the day of it, in the
    stream's time zone. source: where it was given, a URL or words ("" when unknown). stop_address: a mail address
    that takes wishes to stop, "" for none.
    """

    sender: str
    postal_address: str
    contact: str
    privacy_policy: str
    purpose: str
    audience: str = ""
    agreed: bool = True
    consented_on: date | None = None
    source: str = ""
    stop_address: str = ""


@dataclass(frozen=True, slots=True)
class Footer:
    """Lines end in LF; the last one too. Both "" where nothing is left to say."""

    plain: str
    html: str


@dataclass(frozen=True, slots=True)
class Version:
    """The disclosure in one language, still without the reader's link. language: a tag, the one of the words."""

    facts: FooterFacts
    wording: Wording
    language: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What one reader is told. versions: the wanted language first, then others that a charset may hold better.

    unsubscribe_url: http or https, ASCII, at most `links.MAX_URL` octets.
    """

    versions: tuple[Version, ...]
    unsubscribe_url: str

    def footer(self, said: frozenset[str] = frozenset(), version: int = 0) -> Footer:
        """The footer between its marks, without the items that the mailer's own text says (names as in `value`)."""
        url = self.unsubscribe_url
        found = _without_link(self.versions[version], said, -(-len(url) // _LENGTH_STEP) * _LENGTH_STEP)
        return Footer(found.plain.replace(LINK, url), found.html.replace(LINK, html.escape(url)))

    def value(self, name: str, version: int = 0) -> str:
        """One item in one line, not escaped; "" for one that there is not. name: as in `items`."""
        if name == "unsubscribe_url":
            return self.unsubscribe_url
        return _items(self.versions[version]).get(name, "")


@lru_cache(maxsize=512)  # the readers of a mailing share a few: they differ in the day and place of their consent
def _without_link(version: Version, said: frozenset[str], room: int) -> Footer:
    """The footer with LINK where the link goes. room: how long the link may get."""
    templates = _templates(version.wording)
    items = {name: "" if name in said - OF_WHY else text for name, text in _items(version).items()}
    about = {**_about(version), "unsubscribe_url": "" if "unsubscribe_url" in said else LINK}
    if not about["unsubscribe_url"] and not any(items[name] for name in items.keys() - OF_WHY):
        return Footer("", "")
    shown = _for_html(version, items)
    if items["why"]:
        shown["why"] = _why_in_html(version)
    plain = plain_lines(templates.plain.render({**items, **about}), room)
    markup = html_lines(templates.html.render({**shown, **about}), room)
    return Footer(
        f"{PLAIN_RULE}\n{plain}{PLAIN_RULE}\n" if plain else "", f"{HTML_BEGIN}\n{markup}{HTML_END}\n" if markup else ""
    )


@lru_cache(maxsize=512)
def _items(version: Version) -> Mapping[str, str]:
    facts, wording = version.facts, version.wording
    items = {
        "sender": _value(facts.sender),
        "postal_address": _value(facts.postal_address),
        "contact": _value(facts.contact),
        "privacy_policy": _value(facts.privacy_policy),
        "purpose": _value(facts.purpose),
        "audience": _value(facts.audience),
        "consent_date": "" if facts.consented_on is None else _value(_date(facts.consented_on, wording)),
        "consent_source": _value(facts.source),
        "stop_address": _value(facts.stop_address),
    }
    why = _templates(wording).why.render({**items, **_about(version)})
    return {**items, "why": _value(why, _MAX_WHY)}


def _why_in_html(version: Version) -> str:
    """The sentence again, so that each of its values can be set apart."""
    items = _items(version)
    if len(items["why"]) >= _MAX_WHY:
        return _for_html(version, items)["why"]
    markup = _templates(version.wording).why_in_html.render({**_for_html(version, items), **_about(version)})
    return Markup(_INVISIBLE.sub(" ", markup).strip())  # noqa: S704 - escaped by the template


def _for_html(version: Version, items: Mapping[str, str]) -> dict[str, str]:
    direction = _direction(version)
    return {name: set_apart(text, direction) for name, text in items.items()}


def _about(version: Version) -> dict[str, str | bool]:
    return {"agreed": version.facts.agreed, "language": version.language, "direction": _direction(version)}


def _direction(version: Version) -> str:
    main = version.language.lower().partition("-")[0]
    return RIGHT_TO_LEFT if main in _FROM_RIGHT_TO_LEFT else LEFT_TO_RIGHT


@dataclass(frozen=True, slots=True)
class _Templates:
    plain: Template
    html: Template
    why: Template
    why_in_html: Template


@lru_cache(maxsize=64)
def _templates(wording: Wording) -> _Templates:
    return _Templates(
        compiled(wording.plain, html=False),
        compiled(wording.html, html=True),
        compiled(wording.why, html=False),
        compiled_sentence(wording.why),
    )


def _value(text: str, longest: int = _MAX_VALUE) -> str:
    """One line of what can be seen."""
    clean = _INVISIBLE.sub(" ", text).strip()
    if PLAIN_RULE in clean:
        clean = clean.replace(PLAIN_RULE, "_" * 8)
    return clean if len(clean) <= longest else f"{clean[: longest - 3].rstrip()}..."


def _date(day: date, wording: Wording) -> str:
    parts = {"year": str(day.year), "month": str(day.month), "day": str(day.day)}

    def part(found: re.Match[str]) -> str:
        if found[1] == "month" and wording.months:
            return wording.months[day.month - 1]
        return parts[found[1]].zfill(2) if found[2] else parts[found[1]]

    return _DATE_FIELD.sub(part, wording.date)
