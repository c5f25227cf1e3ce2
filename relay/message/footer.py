"""The disclosure footer as text and as HTML, filled in for one recipient.

Values come from policies and from recorded consents, so they are data: control characters become spaces, lengths are
capped, HTML is escaped, and nothing is ever read as a template.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from relay.message.wording import WORDINGS, Wording

#: A template line with all its values stays below the 998 octets of a line (RFC 5322) in any charset.
_MAX_VALUE: Final = 500
_MAX_LINE: Final = 240
#: Longest URL that fits into a header line of its own with the field's name.
MAX_URL: Final = 900
#: Stands for the unsubscribe link, the one thing that differs from reader to reader; no value can contain it.
_LINK: Final = "\0"

# C0, C1, line and paragraph separators, and the characters that reorder text (bidi) or hide in it.
_INVISIBLE: Final = re.compile(
    "[\x00-\x20\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)
_URL: Final = re.compile(r"https?://[!-;=?-~]{1,900}")
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$&*+/=?^_{|}~-]+@[A-Za-z0-9.-]+")
#: What must not be cut: a tag (what the environment escaped has no ">"), a character reference, a character.
_HTML_PIECE: Final = re.compile(r"<[^>]*>?|&[^;]*;?|[^<&]")
_MAX_REFERENCES: Final = 950
DEFAULT_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class FooterFacts:
    """What the footer tells. All in the reader's language, except names and URLs.

    sender, postal_address, contact, privacy_policy: who sends ([sender] of the policy). purpose, audience: what is
    sent to whom ("Product news", "members"; audience may be ""). agreed: True where the person said yes themselves;
    False for other bases (customer, published), which are not called consent. consented_on: the day of it, in the
    reader's or the sender's time zone. source: where it was given, a URL or words ("" when unknown).
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


@dataclass(frozen=True, slots=True)
class Footer:
    """Lines end in LF; the last one too."""

    plain: str
    html: str


def render(facts: FooterFacts, unsubscribe_url: str, language: str) -> Footer:
    """The footer in that language ("ja", "en-GB"; English where there are no words for it)."""
    spoken = language.lower().partition("-")[0]
    footer = _without_link(facts, spoken if spoken in WORDINGS else DEFAULT_LANGUAGE)
    return Footer(
        footer.plain.replace(_LINK, unsubscribe_url), footer.html.replace(_LINK, html.escape(unsubscribe_url))
    )


@lru_cache(maxsize=256)  # the readers of a mailing share a few: they differ in the day and place of their consent
def _without_link(facts: FooterFacts, spoken: str) -> Footer:
    """The footer with _LINK where the link goes."""
    values = {
        "language": spoken,
        "sender": _value(facts.sender),
        "postal_address": _value(facts.postal_address),
        "purpose": _value(facts.purpose),
        "audience": _value(facts.audience),
        "agreed": facts.agreed,
        "consented_on": "" if facts.consented_on is None else _date(facts.consented_on, WORDINGS[spoken]),
        "unsubscribe_url": _LINK,
    }
    for name, value in (("contact", facts.contact), ("privacy_policy", facts.privacy_policy), ("source", facts.source)):
        clean = _value(value)
        values[name] = clean
        values[f"{name}_href"] = _href(clean)
    as_plain, as_html = _templates(spoken)
    return Footer(_bounded(as_plain.render(values)), _bounded_html(as_html.render(values)))


@lru_cache(maxsize=len(WORDINGS))
def _templates(language: str) -> tuple[Template, Template]:
    wording = WORDINGS[language]
    as_plain = ImmutableSandboxedEnvironment(keep_trailing_newline=True, autoescape=False)
    as_html = ImmutableSandboxedEnvironment(keep_trailing_newline=True, autoescape=True)
    return as_plain.from_string(wording.plain), as_html.from_string(wording.html)


def _value(text: str) -> str:
    clean = _INVISIBLE.sub(" ", text).strip()
    return clean if len(clean) <= _MAX_VALUE else clean[: _MAX_VALUE - 1].rstrip() + "\u2026"


def _href(value: str) -> str:
    """A link, for what can only be one: http, https, a mail address. Never javascript: or data:."""
    if _URL.fullmatch(value):
        return value
    return f"mailto:{value}" if _MAIL.fullmatch(value) else ""


def _date(day: date, wording: Wording) -> str:
    month = wording.months[day.month - 1] if wording.months else str(day.month)
    return wording.date.format(year=day.year, month=month, day=day.day)


def _bounded(text: str) -> str:
    """No line too long for mail, none ending in white space (which format=flowed would join to the next)."""
    lines: list[str] = []
    for line in text.split("\n"):
        rest = line.rstrip()
        while len(rest.encode("utf-8")) > MAX_URL + 40:
            cut = rest.rfind(" ", 1, _MAX_LINE)
            cut = cut if cut > 0 else _MAX_LINE
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        lines.append(rest)
    return "\n".join(lines)


def _bounded_html(text: str) -> str:
    """No line too long, even with every character as a numeric reference. An empty comment breaks a line unseen."""
    return "\n".join(
        [line if len(_as_references(line)) <= _MAX_REFERENCES else _broken(line) for line in text.split("\n")]
    )


def _broken(line: str) -> str:
    pieces: list[str] = []
    length = 0
    for piece in _HTML_PIECE.findall(line):
        octets = len(_as_references(piece))
        if length + octets > _MAX_REFERENCES:
            pieces.append("<!--\n-->")
            length = len("-->")
        pieces.append(piece)
        length += octets
    return "".join(pieces)


def _as_references(text: str) -> bytes:
    return text.encode("ascii", "xmlcharrefreplace")
