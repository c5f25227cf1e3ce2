"""From a message as it came to the copies as they go out. Decides nothing about consent.

`prepare` does once what is the same for all recipients: read the structure, choose the parts, find the places.
`copy_for` does the rest for one recipient. What cannot carry the footer without a doubt goes the way that the rules
say: refused, wrapped, or sent with the header fields alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from relay.message.displayed import Displayed, displayed_parts, is_report
from relay.message.edits import Edit, applied
from relay.message.footer import Disclosure
from relay.message.headers import HeaderPlan, planned_headers
from relay.message.index import Index, Part, parts_of
from relay.message.items import ITEMS
from relay.message.old_signatures import old_signatures
from relay.message.placeholders import FOOTER
from relay.message.rules import Fallback, Rules
from relay.message.text_part import TextPlan, planned, with_footer
from relay.message.transfer import MAX_LINE
from relay.message.whole_parts import first_part, part_removed
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

    disclosure: what the footer tells, None to leave the body as it is. feedback_token: for CFBL-Feedback-ID.
    """

    unsubscribe_url: str
    one_click: bool
    disclosure: Disclosure | None
    feedback_token: str = ""


@dataclass(frozen=True, slots=True)
class Undisclosable:
    """why: words for the operator, nothing of the message in them."""

    why: str


class Shown(StrEnum):
    """Where a copy tells its reader who sends, why, and how to stop."""

    ADDED = "added"
    OWN_WORDS = "in the mailer's own words"
    FIRST_PART = "in a first part of its own"
    WRAPPED = "beside the wrapped message"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as it goes out, not yet signed. why: with Shown.NONE, why it carries no footer, "" where it need not."""

    content: bytes
    shown: Shown = Shown.NONE
    why: str = ""

    @property
    def footer(self) -> str:
        """For logs: "added", "none: inline PGP", "" where none is needed."""
        if self.shown is not Shown.NONE:
            return self.shown.value
        return f"{self.shown}: {self.why}" if self.why else ""


_NOTHING: Final = Displayed(())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message read and planned. without_footer: why its text cannot carry the footer, "" when it can.

    front: what is new on top of every copy. stale, stale_if_edited: the signatures of before that our header fields
    alone, or a changed body as well, break.
    """

    message: Index
    rules: Rules
    front: bytes
    headers: HeaderPlan
    stale: tuple[Edit, ...] = ()
    stale_if_edited: tuple[Edit, ...] = ()
    root: Part | None = None
    displayed: Displayed = _NOTHING
    plans: tuple[TextPlan, ...] = ()
    without_footer: str = ""

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
    names = {field.name for field in message.head.fields}
    front = common.received
    if "message-id" not in names:
        front += common.message_id
    if "date" not in names:
        front += common.date
    if not rules.commercial:
        return Prepared(message, rules, front, planned_headers(message, rules, is_report=False))
    root = parts_of(message)
    headers = planned_headers(message, rules, is_report=is_report(root))
    changed = headers.changed | ({"message-id", "date"} - names)
    stale = tuple(old_signatures(message, rules, changed, body_changed=False))
    stale_if_edited = tuple(old_signatures(message, rules, changed, body_changed=True))
    read = Prepared(message, rules, front, headers, stale, stale_if_edited, root)
    if not message.head.has_empty_line:
        return replace(read, without_footer="a header block that does not end with an empty line")
    displayed = displayed_parts(message, root, rules.amp)
    if isinstance(displayed, str):
        return replace(read, without_footer=displayed)
    plans: list[TextPlan] = []
    said: dict[int, frozenset[str]] = {}
    for above in reversed(displayed.above):  # from the top
        told = [_plan_above(message, part, rules, plans) for part in above.parts]
        for part in above.below:
            said[part.body] = said.get(part.body, frozenset()).union(frozenset.intersection(*told))
    for part in displayed.parts:
        plan = planned(message, part, rules, said_above=said.get(part.body, frozenset()))
        if isinstance(plan, str):
            return replace(read, without_footer=plan)
        plans.append(plan)
    return replace(read, displayed=displayed, plans=tuple(plans))


def _plan_above(message: Index, part: Part, rules: Rules, plans: list[TextPlan]) -> frozenset[str]:
    """What such a text says. Its plan, where there is anything to do in it, comes to the others."""
    plan = planned(message, part, rules, is_last=False)
    if isinstance(plan, str):
        return frozenset()
    plans.append(plan)
    return frozenset(ITEMS) if FOOTER in plan.fills else plan.said


def copy_for(prepared: Prepared, personal: Personal | None) -> Copy | Undisclosable:
    """Once a recipient: the copy, not yet signed. personal: None where the rules are not commercial."""
    front, edits, told = prepared.front, [*prepared.headers.edits], _Told()
    if personal is not None:
        front += prepared.headers.front(
            personal.unsubscribe_url, one_click=personal.one_click, feedback_token=personal.feedback_token
        )
        found = _Told() if personal.disclosure is None else _told(prepared, personal.disclosure)
        if isinstance(found, Undisclosable):
            return found
        told = found
        edits += told.edits
        edits += prepared.stale_if_edited if told.edits else prepared.stale
    top = prepared.message.top
    return Copy(applied(prepared.message.content, [(top, top, front), *edits]), told.shown, told.why)


@dataclass(frozen=True, slots=True)
class _Told:
    """The edits that tell the reader; the rest as in Copy."""

    edits: tuple[Edit, ...] = ()
    shown: Shown = Shown.NONE
    why: str = ""


def _told(prepared: Prepared, disclosure: Disclosure) -> _Told | Undisclosable:
    why = prepared.without_footer
    if not why:
        told = _in_its_text(prepared, disclosure)
        if told is not None:
            return told
        why = "a footer that the text's charset cannot carry"
    if prepared.rules.fallback is Fallback.HEADERS_ONLY:
        return _Told(why=why)
    if prepared.rules.fallback is Fallback.WRAP and _can_be_wrapped(prepared):
        return _Told(tuple(wrapped(prepared.message, disclosure.footer())), Shown.WRAPPED)
    return Undisclosable(why)


def _in_its_text(prepared: Prepared, disclosure: Disclosure) -> _Told | None:
    """The disclosure where the reader sees it, None where a part cannot carry this one."""
    message, root, displayed = prepared.message, prepared.root, prepared.displayed
    if displayed.attachments_only and root is not None:
        return _Told(tuple(first_part(message, root, disclosure.footer())), Shown.FIRST_PART)
    edits: list[Edit] = []
    for plan in prepared.plans:
        changes = with_footer(message, plan, disclosure)
        if changes is None:
            return None
        edits += changes
    if _looks_like_a_delimiter(prepared, edits):
        return None
    edits += [part_removed(message, part) for part in displayed.dropped]
    shown = Shown.ADDED if any(plan.adds_footer(disclosure) for plan in prepared.plans) else Shown.OWN_WORDS
    return _Told(tuple(edits), shown)


def _looks_like_a_delimiter(prepared: Prepared, edits: Sequence[Edit]) -> bool:
    """Would what we write be taken for the end of a part? A boundary may be any line that somebody thought unlikely."""
    boundaries = [] if prepared.root is None else _boundaries(prepared.root)
    if not boundaries:
        return False
    content = prepared.message.content
    texts = [
        b"\n" + (new if isinstance(new, bytes) else b"".join([_ends(one, content) for one in new])) for *_, new in edits
    ]
    return any(b"\n--" + boundary in text for boundary in boundaries for text in texts)


def _ends(piece: bytes | memoryview, content: bytes) -> bytes:
    """What we write, whole, a body that is encoded anew, too; of what stays between it the ends, as far as a delimiter
    reaches.
    """
    if isinstance(piece, bytes) or piece.obj is not content or len(piece) <= 2 * MAX_LINE:
        return bytes(piece)
    return bytes(piece[:MAX_LINE]) + b" ... " + bytes(piece[-MAX_LINE:])


def _boundaries(part: Part) -> list[bytes]:
    found = [part.boundary] if part.boundary else []
    for child in part.children:
        found += _boundaries(child)
    return found


def _can_be_wrapped(prepared: Prepared) -> bool:
    """A report has to stay on top (RFC 6522); a header block without an end has no place for anything."""
    root = prepared.root
    return root is not None and prepared.message.head.has_empty_line and not is_report(root)
