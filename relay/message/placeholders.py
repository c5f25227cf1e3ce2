"""Placeholders of ours in a mailer's own text, `{{name}}`: their names, and how a value is written where one stands.

Nothing of a message is ever evaluated: a placeholder is a fixed word, its value is data, escaped for its place, and not
looked at again. Finds those of plain text; `html_placeholders` finds those of HTML.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final
from urllib.parse import quote

from relay.message.items import ITEMS, OF_WHY
from relay.message.links import MAIL, URL

#: Puts the whole footer where it stands.
FOOTER: Final = "footer"
NAMES: Final = frozenset({*ITEMS, *OF_WHY, FOOTER})
#: More are left as they are.
MAX_FILLS: Final = 200

_ANY: Final = "|".join(sorted(NAMES)).encode("ascii")
PLACEHOLDER: Final = re.compile(rb"\{\{\s{0,9}(" + _ANY + rb")\s{0,9}\}\}")
#: What editors make of one in a link.
IN_LINK: Final = re.compile(rb"(?:\{|%7[Bb]){2}(?:\s|%20){0,9}(" + _ANY + rb")(?:\s|%20){0,9}(?:\}|%7[Dd]){2}")

#: Needs no quotes in an attribute, in any reading.
_BARE: Final = re.compile(r"[A-Za-z0-9_.:/?&%@~+,;!*$#-]*+")
#: RFC 3676 section 4.4, and what other programs take for a quotation, a signature or a new message.
STUFFED: Final = (" ", ">", "From ", "--")
_WHITE_LINE: Final = re.compile(rb"[ \t]*+(?:\r?\n|\Z)")


class Context(Enum):
    """Where a placeholder stands. LINE_START, IN_LINE: plain text. VALUE: an attribute's value; LINK: the start of one
    that is a URL, or all of it; IN_URL: later in a URL.
    """

    LINE_START = 1
    IN_LINE = 2
    SHOWN = 3
    VALUE = 4
    LINK = 5
    IN_URL = 6


@dataclass(frozen=True, slots=True)
class Fill:
    """One placeholder. original: what stays where a value cannot stand. lead: white space before it, gone with the
    value when there is none. bare: in an attribute without quotes, or right behind a "<" of the text.
    """

    start: int
    end: int
    name: str
    context: Context
    original: str
    lead: str = ""
    bare: bool = False


def has_placeholder(view: bytes) -> bool:
    """The cheap question that nearly every message says no to: one octet is found in no time, a pair of them is not."""
    return (b"{" in view and b"{{" in view) or (b"%" in view and (b"%7B%7B" in view or b"%7b%7b" in view))


def fills_in_plain(view: bytes, *, flowed: bool) -> list[Fill]:
    """Those of plain text. `{{footer}}` takes its line with it, if it has one of its own; in a quotation it stays."""
    fills: list[Fill] = []
    line = position = 0
    for found in islice(PLACEHOLDER.finditer(view), MAX_FILLS):
        name = found[1].decode("ascii")
        start, end = found.span()
        line = view.rfind(b"\n", position, start) + 1 or line
        position = max(position, line)
        blank = not view[position:start].strip(b" \t") and position == line
        rest = _WHITE_LINE.match(view, end)
        if name == FOOTER and not view.startswith(b">", line):
            fills.append(
                Fill(line if blank else start, end if rest is None else rest.end(), name, Context.LINE_START, "")
            )
        elif name != FOOTER:
            lead = b""
            if flowed and not blank and rest is not None:  # a space at a line's end joins it to the next line
                lead = view[position:start][len(view[position:start].rstrip(b" ")) :]
            context = Context.LINE_START if start == line else Context.IN_LINE
            original = view[start - len(lead) : end].decode("latin-1")
            fills.append(Fill(start - len(lead), end, name, context, original, lead.decode("ascii")))
        position = end if name != FOOTER or rest is None else rest.end()
    return fills


def written_value(fill: Fill, value: str) -> str | None:
    """The value as it has to be written there, None where it cannot stand and the placeholder stays."""
    value = value.strip()
    if not value:
        return ""
    if fill.context is Context.LINE_START:
        return f" {value}" if value.startswith(STUFFED) else value
    if fill.context is Context.IN_LINE:
        return fill.lead + value
    if fill.context is Context.SHOWN:
        escaped = html.escape(value, quote=False)
        return f"&#{ord(value[0])};{escaped[1:]}" if fill.bare and value[0] not in "&<>" else escaped
    linked = value if fill.context is Context.VALUE else _linked(fill.context, value)
    if fill.bare and (not linked or not _BARE.fullmatch(linked)):
        return None
    return html.escape(linked)


def _linked(context: Context, value: str) -> str:
    """A value in a URL; "" where it would lead somewhere else, to javascript: for instance."""
    if context is Context.LINK:
        return value if URL.fullmatch(value) else f"mailto:{value}" if MAIL.fullmatch(value) else ""
    return quote(value, safe="")
