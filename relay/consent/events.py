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
    """How consent came about, strongest first; `meaning` says what each stands for.

    The first three mean an act: without an active one (`Act.is_active`) such a yes is only `assumed`. The next two are
    implied consent, which ends some time after the purchase or the inquiry. The last two are no consent at all; they
    are recorded so that nobody needs to call them something else. Which of them count, a policy says.
    """

    DOUBLE_OPT_IN = "double-opt-in"
    SINGLE_OPT_IN = "single-opt-in"
    WRITTEN = "written"
    CUSTOMER = "customer"
    INQUIRY = "inquiry"
    PUBLISHED = "published"
    ASSUMED = "assumed"

    @property
    def meaning(self) -> str:
        """One clause, and what act is taken for granted where nobody stated one."""
        return _MEANINGS[self]

    @property
    def is_by_act(self) -> bool:
        """Does it mean an act of the person, so that without an active one it is only assumed?"""
        return self in _BY_ACT


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
_BY_ACT: Final = frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN})
_MEANINGS: Final = {
    Basis.DOUBLE_OPT_IN: "asked for the mail, was sent a link, and clicked it; the act is the click",
    Basis.SINGLE_OPT_IN: "asked for the mail in a form, without a confirmation; the act has to be stated, because the "
    "box may have been ticked in advance",
    Basis.WRITTEN: "agreed on paper, or in a letter or mail of their own; the act is the signature",
    Basis.CUSTOMER: "has bought something; no act of agreeing, counts for some time after the purchase",
    Basis.INQUIRY: "has asked for an offer or information; no act of agreeing, counts for some time after the inquiry",
    Basis.PUBLISHED: "has published the address; nobody asked, nobody agreed",
    Basis.ASSUMED: "did not refuse, or nobody knows what was done; not refusing is not agreeing",
}


class EventKind(StrEnum):
    """What happened. A request, the sending of its mail (`mail_sent_at`) and the click are a double opt-in."""

    REQUEST = "request"  # somebody asked for mail, or was asked; a link to click goes out
    GRANT = "grant"  # a yes, as a form, a letter or a list tells it
    CONFIRM = "confirm"  # the link of a request was clicked
    RENEW = "renew"  # a yes again, from somebody who had said it
    WITHDRAW = "withdraw"
    COMPLAIN = "complain"  # reported as spam
    UNDELIVERABLE = "undeliverable"  # the mailbox is gone, as far as anybody knows
    DELIVERABLE = "deliverable"  # it works again: an operator says so, nothing else
    ERASE = "erase"  # all that is held of the person was taken out


_YES: Final = frozenset({EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW})
#: What a person says against mail; of a mailbox that is gone nobody has said anything.
NOES: Final = frozenset({EventKind.WITHDRAW, EventKind.COMPLAIN})
_IN_ONE_STREAM: Final = _YES | {EventKind.REQUEST}
_OF_A_MAILBOX: Final = frozenset({EventKind.UNDELIVERABLE, EventKind.DELIVERABLE})
_NO_OFFSET: Final = timedelta(0)
#: Who records the questions that the relay asks by its own mail; nobody else writes under this name.
RELAY: Final = "relay"


@dataclass(frozen=True, slots=True)
class Event:
    """One act of one person (or of the world, for `undeliverable`), as it will stand in the ledger.

    id: ULID. at: time of the act, None when unknown (it then counts at recording). recorded_at: aware UTC.
    brand: whose stream it is. stream: "" for all commercial streams of the brand (only withdraw, complain,
    undeliverable, deliverable, erase); a complaint always counts for all of them, whichever it names. basis: of what
    says yes. act: what the person did to ask or to agree; None when nobody stated it, the basis then speaks for itself
    where its very meaning is an act. confirmed_at: for a grant imported with the time of its click, which is when the
    yes was said. mail_sent_at: when the mail that asks for a confirmation left: of a grant imported with the whole
    history of its double opt-in, or of a request, which is recorded again, with the same `at`, once its mail has left.
    last_contact_at: for imports that know it. source: where it comes from, in words that its reader may see ("fair in
    Osaka", a URL, "one-click"), "" when nobody said. recorder: who wrote it ("web", "cli", "import FILE"). live:
    recorded when it happened, not imported. own_act: the person's own doing, or an operator's explicit
    --after-withdrawal: only such a yes can free an address from an earlier withdrawal (law 2).

    Raises ValueError, in words, for what cannot have happened.
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
        self._check_times()
        if self.kind in _IN_ONE_STREAM:
            if not self.stream:
                raise ValueError(f"a {self.kind} names its stream")
            if not self.brand:
                raise ValueError(f"a {self.kind} names the brand that may write")
        if self.kind in _YES:
            self._check_yes()
        else:
            self._check_what_is_no_yes()

    def _check_times(self) -> None:
        recorded_at = self.recorded_at
        for moment in (recorded_at, self.at, self.confirmed_at, self.mail_sent_at, self.last_contact_at):
            if moment is None:
                continue
            if moment.utcoffset() != _NO_OFFSET:
                raise ValueError("times of events are aware and in UTC")
            if moment > recorded_at:
                raise ValueError("an act cannot lie after its recording")

    def _check_yes(self) -> None:
        if self.basis is None:
            raise ValueError(f"a {self.kind} names its basis")
        if self.kind is EventKind.CONFIRM:
            if self.basis is not Basis.DOUBLE_OPT_IN:
                raise ValueError(f"a confirm is the click of a double opt-in, not of basis {self.basis}")
            if self.act is not None and not self.act.is_active:
                raise ValueError(f"a confirm is an act of the person, not {self.act}")
        if self.confirmed_at is not None or self.mail_sent_at is not None:
            self._check_history(self.basis)

    def _check_history(self, basis: Basis) -> None:
        """Of a double opt-in that comes as one grant: asked, mail sent, clicked, in this order."""
        if self.confirmed_at is not None:
            if self.kind is not EventKind.GRANT:
                raise ValueError(f"a {self.kind} is said at its own time, only a grant has a click beside it")
            if not basis.is_by_act:
                raise ValueError(f"confirmed_at is the click of an opt-in; nobody confirms the basis {basis}")
            if self.at is not None and self.confirmed_at < self.at:
                raise ValueError("confirmed_at lies before at; nobody confirms what was not asked yet")
        if self.mail_sent_at is not None:
            if self.kind is not EventKind.GRANT or basis is not Basis.DOUBLE_OPT_IN:
                raise ValueError("mail_sent_at belongs to a request, or to a grant by double opt-in")
            if self.confirmed_at is not None and self.confirmed_at < self.mail_sent_at:
                raise ValueError("confirmed_at lies before mail_sent_at; nobody clicks a link before it was sent")

    def _check_what_is_no_yes(self) -> None:
        if self.basis is not None:
            raise ValueError(f"a {self.kind} has no basis, only a yes has one")
        if self.confirmed_at is not None:
            raise ValueError(f"a {self.kind} is never confirmed, only a grant has confirmed_at")
        if self.last_contact_at is not None:
            raise ValueError(f"a {self.kind} knows no last_contact_at, only a yes does")
        if self.kind is EventKind.REQUEST:
            if self.mail_sent_at is not None and self.at is not None and self.mail_sent_at < self.at:
                raise ValueError("mail_sent_at lies before at; nobody is sent the link of a request to come")
            return
        if self.act is not None:
            raise ValueError(f"a {self.kind} has no act, only a request or a yes has one")
        if self.mail_sent_at is not None:
            raise ValueError(f"a {self.kind} has no mail_sent_at, only a request or a grant has one")
        if self.own_act and self.kind in _OF_A_MAILBOX:
            raise ValueError(f"{self.kind} is said of a mailbox, it is no act of the person")
        if self.kind is EventKind.ERASE and self.evidence != _NOTHING_SHOWN:
            raise ValueError("an erase has no evidence, it would be what is erased")

    @property
    def says_yes(self) -> bool:
        return self.kind in _YES

    @property
    def is_question(self) -> bool:
        """The relay asks somebody for a new yes who had said it; not the wish of a person that waits for their click."""
        return self.kind is EventKind.REQUEST and self.recorder == RELAY

    @property
    def acted_at(self) -> datetime:
        return self.recorded_at if self.at is None else self.at
