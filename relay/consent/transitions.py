"""The table of transitions: what a person's status in a stream becomes by what happens, and why. Data, and nothing else.

It decides nothing: `relay.consent.fold` and `relay.consent.status` do, and each line here is tried on them. It is there
so that a reader can check the law in one place; the table in policies/README.md is written from it. Everything in it
happens after all that happened before; what is recorded late counts at its own time, as if it had never been late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from relay.consent.events import EventKind
from relay.consent.facts import Status


class Happening(StrEnum):
    """What can happen to one address in one stream, in the words of the manual."""

    REQUEST = "the person is asked to confirm"
    QUESTION = "the relay asks for a new yes"
    OWN_YES = "the person says yes themselves, by a clear act"
    BROUGHT_YES = "a list or an operator brings a yes by a clear act"
    IMPLIED_YES = "a purchase or an inquiry, where its basis is accepted"
    WEAK_YES = "a yes without a clear act, or of a basis that is not accepted"
    CONTACT = "mail of the stream is delivered"
    WITHDRAW = "a no, under any spelling, to the stream or to all commercial mail of the brand"
    COMPLAIN = "a spam report, under any spelling, about any mail of the brand"
    UNDELIVERABLE = "the mailbox is found dead"
    DELIVERABLE = "an operator says that the mailbox works, or the person says yes to another stream"
    ERASE = "the person is erased at their own wish"
    ELSEWHERE = "anything but a no under another spelling; a no to another stream or brand"
    CONFIRM_TIME = "`confirm_within` passes"
    YES_TIME = "`stale_after`, `renew_every` or `first_mail_within` passes"
    IMPLIED_TIME = "`customer_within` or `inquiry_within` passes"


_YES: Final = frozenset({EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW})
#: The events that each of them is in the ledger; a delivery and the passing of time are none.
EVENTS: Final[Mapping[Happening, frozenset[EventKind]]] = MappingProxyType(
    {
        Happening.REQUEST: frozenset({EventKind.REQUEST}),
        Happening.QUESTION: frozenset({EventKind.REQUEST}),
        Happening.OWN_YES: _YES,
        Happening.BROUGHT_YES: _YES,
        Happening.IMPLIED_YES: frozenset({EventKind.GRANT, EventKind.RENEW}),
        Happening.WEAK_YES: frozenset({EventKind.GRANT, EventKind.RENEW}),
        Happening.CONTACT: frozenset(),
        Happening.WITHDRAW: frozenset({EventKind.WITHDRAW}),
        Happening.COMPLAIN: frozenset({EventKind.COMPLAIN}),
        Happening.UNDELIVERABLE: frozenset({EventKind.UNDELIVERABLE}),
        Happening.DELIVERABLE: frozenset({EventKind.DELIVERABLE}) | _YES,
        Happening.ERASE: frozenset({EventKind.ERASE}),
        Happening.ELSEWHERE: frozenset(EventKind) - {EventKind.ERASE},
        Happening.CONFIRM_TIME: frozenset(),
        Happening.YES_TIME: frozenset(),
        Happening.IMPLIED_TIME: frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class Transition:
    """before: every status that the line is about. after: None where the status stays. when: what else has to be so;
    the lines of the same status and happening are then all that can be. law: why.
    """

    before: tuple[Status, ...]
    happens: Happening
    after: Status | None
    law: str
    when: str = ""

    def status_after(self, before: Status) -> Status:
        return before if self.after is None else self.after


_NONE, _PENDING, _CONFIRMED, _STALE = Status.NONE, Status.PENDING, Status.CONFIRMED, Status.STALE
_WITHDRAWN, _COMPLAINED, _DEAD = Status.WITHDRAWN, Status.COMPLAINED, Status.UNDELIVERABLE
_NOES: Final = (_WITHDRAWN, _COMPLAINED)
_ALL: Final = tuple(Status)

NO_IS_FINAL: Final = "no import brings somebody back who has said no; only their own new yes does"

TRANSITIONS: Final = (
    Transition((_NONE,), Happening.REQUEST, _PENDING, "mail waits for the answer"),
    Transition((_PENDING, _CONFIRMED, _STALE), Happening.REQUEST, None, "a question takes nothing away"),
    Transition((*_NOES, _DEAD), Happening.REQUEST, None, "a question is no yes"),
    Transition(_ALL, Happening.QUESTION, None, "a question takes nothing away, and makes nobody wait for a click"),
    Transition(_ALL, Happening.OWN_YES, _CONFIRMED, "a clear act of the person counts, and lifts their own earlier no"),
    Transition(
        (_NONE, _PENDING, _CONFIRMED, _STALE, _DEAD), Happening.BROUGHT_YES, _CONFIRMED, "a yes counts and makes new"
    ),
    Transition(_NOES, Happening.BROUGHT_YES, None, NO_IS_FINAL),
    Transition((_NONE, _PENDING, _CONFIRMED), Happening.IMPLIED_YES, _CONFIRMED, "the policy lets it count"),
    Transition(
        (_STALE,), Happening.IMPLIED_YES, _CONFIRMED, "the newer one counts", "the yes before is no stronger one"
    ),
    Transition((_STALE,), Happening.IMPLIED_YES, None, "a purchase renews no real yes", "the yes before is stronger"),
    Transition(_NOES, Happening.IMPLIED_YES, None, "a no is stronger than any purchase"),
    Transition((_DEAD,), Happening.IMPLIED_YES, None, "a purchase says nothing of the mailbox"),
    Transition(_ALL, Happening.WEAK_YES, None, "not refusing is not agreeing"),
    Transition((_NONE, _PENDING, _CONFIRMED), Happening.CONTACT, None, "mail keeps a yes alive and makes none"),
    Transition((_STALE,), Happening.CONTACT, _CONFIRMED, "there is contact again", "it was stale for want of mail"),
    Transition((_STALE,), Happening.CONTACT, None, "only a new yes renews", "`renew_every` had passed"),
    Transition((*_NOES, _DEAD), Happening.CONTACT, None, "mail lifts no no and proves no mailbox"),
    Transition(
        (_NONE, _PENDING, _CONFIRMED, _STALE, _WITHDRAWN, _DEAD),
        Happening.WITHDRAW,
        _WITHDRAWN,
        "a no always counts, for every spelling that reaches the person",
    ),
    Transition((_COMPLAINED,), Happening.WITHDRAW, None, "both stand; the spam report is told first"),
    Transition(_ALL, Happening.COMPLAIN, _COMPLAINED, "who says it is spam is right"),
    Transition(
        (_NONE, _PENDING, _CONFIRMED, _STALE, _DEAD),
        Happening.UNDELIVERABLE,
        _DEAD,
        "nothing is sent to a dead mailbox",
    ),
    Transition(_NOES, Happening.UNDELIVERABLE, None, "the no is told first"),
    Transition((_NONE, _PENDING, _CONFIRMED, _STALE, *_NOES), Happening.DELIVERABLE, None, "there is nothing to clear"),
    Transition((_DEAD,), Happening.DELIVERABLE, _NONE, "what was before counts again", "nothing else counts"),
    Transition((_DEAD,), Happening.DELIVERABLE, _PENDING, "what was before counts again", "a question is open"),
    Transition((_DEAD,), Happening.DELIVERABLE, _CONFIRMED, "what was before counts again", "a fresh yes stands"),
    Transition((_DEAD,), Happening.DELIVERABLE, _STALE, "what was before counts again", "an old yes stands"),
    Transition(
        (_NONE, _PENDING, _CONFIRMED, _STALE, _WITHDRAWN, _DEAD),
        Happening.ERASE,
        _WITHDRAWN,
        "nothing is kept but a no, or the next list would bring them back",
    ),
    Transition((_COMPLAINED,), Happening.ERASE, None, "what is kept of them is their no"),
    Transition(_ALL, Happening.ELSEWHERE, None, "a yes counts for its own address and stream, a no for what it names"),
    Transition((_PENDING,), Happening.CONFIRM_TIME, _NONE, "no answer is no yes"),
    Transition(
        (_CONFIRMED, _STALE),
        Happening.CONFIRM_TIME,
        _NONE,
        "who does not answer twice has answered",
        "the relay has asked twice since the yes",
    ),
    Transition(
        (_CONFIRMED, _STALE),
        Happening.CONFIRM_TIME,
        None,
        "an open question is all that ends",
        "the relay has asked less often",
    ),
    Transition((_NONE, *_NOES, _DEAD), Happening.CONFIRM_TIME, None, "an open question is all that ends"),
    Transition((_CONFIRMED, _STALE), Happening.YES_TIME, _STALE, "an old yes is worth nothing: ask again"),
    Transition((_NONE, _PENDING, *_NOES, _DEAD), Happening.YES_TIME, None, "time makes no yes and lifts no no"),
    Transition((_CONFIRMED, _STALE), Happening.IMPLIED_TIME, _NONE, "implied consent ends", "the yes was implied"),
    Transition((_CONFIRMED, _STALE), Happening.IMPLIED_TIME, None, "a real yes has other ends", "it was a real yes"),
    Transition((_NONE, _PENDING, *_NOES, _DEAD), Happening.IMPLIED_TIME, None, "time makes no yes and lifts no no"),
)


def transitions_of(before: Status, happens: Happening) -> tuple[Transition, ...]:
    """One line, or one for each `when`."""
    return tuple(line for line in TRANSITIONS if before in line.before and line.happens is happens)


def as_markdown() -> str:
    """The table as it stands in policies/README.md."""
    head = ["| From | What happens | To | Why |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, TRANSITIONS)]) + "\n"


def _row(line: Transition) -> str:
    before = "any" if line.before == _ALL else ", ".join(f"`{status}`" for status in line.before)
    happens = f"{line.happens}; {line.when}" if line.when else str(line.happens)
    after = "as before" if line.after is None else f"`{line.after}`"
    return f"| {before} | {happens} | {after} | {line.law} |"
