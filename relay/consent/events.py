"""The lines of the ledger. Validated when built; nothing here knows how they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from relay.address import Address
from relay.consent.evidence import Evidence

__all__ = ["Act", "Basis", "Event", "EventKind", "Evidence"]

_NOTHING_SHOWN: Final = Evidence()


class Basis(StrEnum):
    """How consent came about, strongest first."""

    DOUBLE_OPT_IN = "double-opt-in"
    SINGLE_OPT_IN = "single-opt-in"
    WRITTEN = "written"
    CUSTOMER = "customer"
    INQUIRY = "inquiry"
    PUBLISHED = "published"
    ASSUMED = "assumed"


class Act(StrEnum):
    """What the person did. Only an active act makes a yes (not refusing is not agreeing)."""

    TICKED = "ticked"
    CLICKED = "clicked"
    TYPED = "typed"
    SIGNED = "signed"
    PRETICKED = "preticked"
    NOT_UNTICKED = "not-unticked"
    UNKNOWN = "unknown"

    @property
    def is_active(self) -> bool:
        return self in _ACTIVE


_ACTIVE: Final = frozenset({Act.TICKED, Act.CLICKED, Act.TYPED, Act.SIGNED})


class EventKind(StrEnum):
    REQUEST = "request"
    GRANT = "grant"
    CONFIRM = "confirm"
    RENEW = "renew"
    WITHDRAW = "withdraw"
    COMPLAIN = "complain"
    UNDELIVERABLE = "undeliverable"
    DELIVERABLE = "deliverable"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Event:
    """One act of one person (or of the world, for `undeliverable`), as it will stand in the ledger.

    id: ULID. at: time of the act, None when unknown (it then counts at recording). recorded_at: aware UTC.
    brand: whose stream it is. stream: "" for all commercial streams of the brand (only withdraw, complain,
    undeliverable, erase); a complaint always counts for all of them, whichever it names. basis and act: only for what
    says yes. act: None when nobody stated it; the basis then speaks for itself where its very meaning is an act.
    confirmed_at: for a grant imported with the time of its click. mail_sent_at: when the mail that asks for a
    confirmation left (a request, or a grant imported with the whole history of its double opt-in). last_contact_at: for imports that know it. source:
    where it comes from, in words that its reader may see ("fair in Osaka", a URL, "one-click"), "" when nobody said.
    recorder: who wrote it ("web", "cli", "import FILE"). live: recorded when it happened, not imported. own_act: the
    person's own doing, or an operator's explicit --after-withdrawal: only such a yes can free an address from an
    earlier withdrawal (law 2).
    """

    id: str
    kind: EventKind
    address: Address
    brand: str
    stream: str
    at: datetime | None
    recorded_at: datetime
    source: str
    recorder: str
    basis: Basis | None = None
    act: Act | None = None
    confirmed_at: datetime | None = None
    mail_sent_at: datetime | None = None
    last_contact_at: datetime | None = None
    evidence: Evidence = _NOTHING_SHOWN
    live: bool = False
    own_act: bool = False

    def __post_init__(self) -> None:
        for moment in (self.at, self.recorded_at, self.confirmed_at, self.mail_sent_at, self.last_contact_at):
            if moment is not None and moment.utcoffset() != timedelta(0):
                raise ValueError("times of events are aware and in UTC")
            if moment is not None and moment > self.recorded_at:
                raise ValueError("an act cannot lie after its recording")
        if self.says_yes and self.basis is None:
            raise ValueError(f"a {self.kind} names its basis")
        if not self.stream and self.kind in (EventKind.REQUEST, EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW):
            raise ValueError(f"a {self.kind} names its stream")

    @property
    def says_yes(self) -> bool:
        return self.kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)

    @property
    def acted_at(self) -> datetime:
        return self.recorded_at if self.at is None else self.at
