"""From a message as it came to the copies as they go out. Decides nothing about consent.

`prepare` does once what is the same for all recipients: read the structure, choose the parts, find the places.
`copy_for` does the rest for one recipient. What cannot carry the footer without a doubt goes the way that the rules
say: refused, wrapped, or sent with the header fields alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.message.displayed import Displayed, displayed_parts
from relay.message.first_part import first_part, part_removed
from relay.message.footer import FooterFacts, render
from relay.message.headers import Edit, HeaderPlan, applied, planned_headers
from relay.message.index import Index, Part, parts_of
from relay.message.rules import Fallback, Rules
from relay.message.text_part import TextPlan, planned, with_footer
from relay.message.wrap import wrapped


@dataclass(frozen=True, slots=True)
class Common:
    """What all copies have. Whole header fields with their CRLF; date and message_id are used where the message has none."""

    received: bytes
    date: bytes
    message_id: bytes


@dataclass(frozen=True, slots=True)
class Personal:
    """What one commercial copy has for itself. one_click: is List-Unsubscribe-Post allowed (https, and signed)?

    footer: None to leave the body as it is.
    """

    unsubscribe_url: str
    one_click: bool
    footer: FooterFacts | None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Undisclosable:
    """why: words for the operator, nothing of the message in them."""

    why: str


_NOTHING = Displayed(())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message read and planned. without_footer: why its text cannot carry the footer, "" when it can."""

    message: Index
    common: Common
    rules: Rules
    headers: HeaderPlan
    root: Part | None
    plans: tuple[TextPlan, ...]
    without_footer: str
    displayed: Displayed = _NOTHING

    @property
    def undisclosable(self) -> Undisclosable | None:
        """Known before any copy is made: it will be refused."""
        if not self.without_footer or self.rules.fallback is Fallback.HEADERS_ONLY:
            return None
        if self.rules.fallback is Fallback.WRAP and _can_be_wrapped(self):
            return None
        return Undisclosable(self.without_footer)


def prepare(message: Index, common: Common, rules: Rules) -> Prepared:
    """Once a message. Never raises, whatever its content."""
    if not rules.commercial:
        return Prepared(message, common, rules, planned_headers(message, rules, is_report=False), None, (), "")
    root = parts_of(message)
    headers = planned_headers(message, rules, is_report=root.kind.kind == "multipart/report")
    found = _plans(message, root, rules)
    if isinstance(found, str):
        return Prepared(message, common, rules, headers, root, (), found)
    plans, displayed = found
    return Prepared(message, common, rules, headers, root, plans, "", displayed)


def copy_for(prepared: Prepared, personal: Personal | None) -> bytes | Undisclosable:
    """Once a recipient: the copy, not yet signed. personal: None where the rules are not commercial."""
    message, common, rules = prepared.message, prepared.common, prepared.rules
    names = {field.name for field in message.head.fields}
    front = common.received
    if "message-id" not in names:
        front += common.message_id
    if "date" not in names:
        front += common.date
    edits: list[Edit] = []
    if rules.commercial and personal is not None:
        front += prepared.headers.front(personal.unsubscribe_url, one_click=personal.one_click)
        changes = _disclosed(prepared, personal)
        if isinstance(changes, Undisclosable):
            return changes
        edits = changes
    return applied(message.content, [(message.top, message.top, front), *edits, *prepared.headers.edits])


def _plans(message: Index, root: Part, rules: Rules) -> tuple[tuple[TextPlan, ...], Displayed] | str:
    if not message.head.has_empty_line:
        return "a header block that does not end with an empty line"
    displayed = displayed_parts(message, root, rules.amp)
    if isinstance(displayed, str):
        return displayed
    plans: list[TextPlan] = []
    for part in displayed.parts:
        plan = planned(message, part)
        if isinstance(plan, str):
            return plan
        plans.append(plan)
    return tuple(plans), displayed


def _disclosed(prepared: Prepared, personal: Personal) -> list[Edit] | Undisclosable:
    if personal.footer is None:
        return []
    footer = render(personal.footer, personal.unsubscribe_url, personal.language)
    why = prepared.without_footer
    if prepared.displayed.attachments_only and prepared.root is not None:
        return first_part(prepared.message, prepared.root, footer)
    edits = [part_removed(prepared.message, part) for part in prepared.displayed.dropped]
    for plan in prepared.plans:
        changes = with_footer(prepared.message, plan, footer)
        if changes is None or _looks_like_a_delimiter(prepared, changes):
            why = "a footer that the text's charset cannot carry"
            break
        edits += changes
    if not why:
        return edits
    if prepared.rules.fallback is Fallback.HEADERS_ONLY:
        return []
    if prepared.rules.fallback is Fallback.WRAP and _can_be_wrapped(prepared):
        return wrapped(prepared.message, footer)
    return Undisclosable(why)


def _looks_like_a_delimiter(prepared: Prepared, edits: list[Edit]) -> bool:
    """Would what we write be taken for the end of a part? A boundary may be any line that somebody thought unlikely."""
    boundaries = [] if prepared.root is None else _boundaries(prepared.root)
    return any(b"\n--" + boundary in b"\n" + new for boundary in boundaries for _, _, new in edits)


def _boundaries(part: Part) -> list[bytes]:
    found = [part.boundary] if part.boundary else []
    for child in part.children:
        found += _boundaries(child)
    return found


def _can_be_wrapped(prepared: Prepared) -> bool:
    """A report has to stay on top (RFC 6522); a header block without an end has no place for anything."""
    root = prepared.root
    return root is not None and prepared.message.head.has_empty_line and root.kind.kind != "multipart/report"
