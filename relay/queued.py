"""Mail that the relay has accepted and that is not over yet: messages, their copies, and what becomes of them. Values only.

A 250 is a promise (law 3): from then on every copy is in exactly one state, and leaves it only in a `Step`, which is
written whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from relay.consent.events import Event
from relay.decision import Decision, Outcome
from relay.envelope import Recipient, Transaction
from relay.reason import Reason
from relay.reply import Reply


class State(StrEnum):
    """What a copy waits for. QUEUED: the next hop. HELD: its recipient's yes. FAILED: that its sender is told. ASIDE: an
    operator, because every worker that touched its message failed, or because nobody knows whether it went out.
    """

    QUEUED = "queued"
    HELD = "held"
    FAILED = "failed"
    ASIDE = "aside"


class Origin(StrEnum):
    """Whose mail it is. All but CLIENT are the relay's own, of the stream `relay-notices`."""

    CLIENT = ""
    BOUNCE = "bounce"
    REPORT = "report"
    ASK = "ask"


class Fate(StrEnum):
    """Why accepted mail did not go out, as the report to the client's owner says it."""

    DISCARDED = "discarded"  # the policy, or the client's `refusal`, wants it so
    EXPIRED = "expired"  # held, and no yes came
    REPLACED = "replaced"  # held, and a newer one for the same person and stream came
    REFUSED = "refused"  # some of its recipients, when the others passed; the policy says: log only
    UNREPORTED = "unreported"  # it failed, and nobody got a DSN (null sender, rate cap, or the DSN failed)
    DROPPED = "dropped"  # by an operator


@dataclass(frozen=True, slots=True)
class NewCopy:
    """A copy to be taken over. decision: id of the decision on it. due_at: QUEUED: its next attempt; HELD: when it is
    given up; FAILED: when its sender is told at the latest. attempts: made already. last: the next hop's answer to them.
    asked_at: HELD: when the person was asked, if they have not answered.
    """

    decision: str
    recipient: Recipient
    state: State
    reason: Reason
    due_at: datetime
    attempts: int = 0
    last: Reply | None = None
    next_hop: str = ""
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be taken over, with those of its copies that wait. stream, brand: "" where no policy claims it.
    content: as it came from the client. about: what one of the relay's own mails tells of, an id.
    """

    tx: Transaction
    stream: str
    brand: str
    content: bytes = field(repr=False)
    copies: tuple[NewCopy, ...]
    origin: Origin = Origin.CLIENT
    about: str = ""

    def __post_init__(self) -> None:
        if not self.copies:
            raise ValueError("a message that waits has a copy that waits")


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the store. number: its key there. at: when it was accepted. starts, tellings: see the table
    `messages`.

    tx: with a client of that name whose other fields are the defaults.
    """

    number: int
    tx: Transaction
    stream: str
    brand: str
    at: datetime
    octets: int
    origin: Origin = Origin.CLIENT
    about: str = ""
    starts: int = 0
    tellings: int = 0


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy in the store. number: its key there; message: that of its message. since: in this state. The rest as in
    NewCopy. asked_at: of a held one, when the person was asked. warned_at: when the sender was told of the delay.
    """

    number: int
    message: int
    decision: str
    recipient: Recipient
    state: State
    reason: Reason
    stream: str
    octets: int
    at: datetime
    since: datetime
    due_at: datetime | None
    asked_at: datetime | None = None
    warned_at: datetime | None = None
    attempts: int = 0
    last: Reply | None = None
    next_hop: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message and those of its copies that this process may work on now."""

    message: Message
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Where a copy goes that this process has claimed; its lease ends with it.

    state: None when it is over (delivered, or told elsewhere in the same step). reason, due_at: in the new state, needed
    unless it is over. decision: id of a newer decision on it, "" when there is none. counts: is this the end of an
    attempt? at: when it happened. warned: is its sender told in the same step that it is late? asked_at: as in NewCopy.
    """

    copy: int
    at: datetime
    state: State | None = None
    reason: Reason | None = None
    due_at: datetime | None = None
    decision: str = ""
    counts: bool = False
    last: Reply | None = None
    next_hop: str = ""
    warned: bool = False
    asked_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.state is not None and self.reason is None:
            raise ValueError("a copy that waits has a reason")


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One copy that was accepted and did not go out, for the daily report to the client's owner and `log report`."""

    at: datetime
    client: str
    brand: str
    stream: str
    message: str
    decision: str
    sender: str
    recipient: str
    fate: Fate
    reason: Reason
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is written together or not at all, in this order. moves: only of copies that this process has claimed.

    told: numbers of report lines that a mail among `messages` tells. at most one message a step then. events: lines of
    the ledger; a no has `Store.append`. harmless: numbers of messages of which this process has in hand whatever is
    queued, and has come through all that could be wrong with them: that they were begun counts no more.
    """

    decisions: tuple[Decision, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    moves: tuple[Move, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    reports: tuple[ReportLine, ...] = ()
    told: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    harmless: tuple[int, ...] = ()
