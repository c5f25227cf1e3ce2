"""What was seen from outside while a relay was ill-treated: values only. All times are of one monotonic clock, seconds.

Every try of a client has a sender address of its own, so that sender and recipient name one copy everywhere: at the
client, at the next hop, in the tables, in reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Of what arrives: a client's mail, a report to its sender, or other mail of the relay's own."""

    CLIENT = "client"
    BOUNCE = "bounce"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Said:
    """An SMTP reply. code 0: none came."""

    code: int
    text: str = ""

    @property
    def accepts(self) -> bool:
        return 200 <= self.code < 300


NOTHING = Said(0)


@dataclass(frozen=True, slots=True)
class Sent:
    """One try of a client. recipients: with the reply to each RCPT. final: the reply that ended it (after the dot, or to
    MAIL or DATA). dot: did the client end the content?
    """

    sender: str
    client: str
    needs_consent: bool
    recipients: tuple[tuple[str, Said], ...]
    final: Said
    dot: bool
    began: float
    ended: float

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(recipient for recipient, said in self.recipients if said.accepts)


@dataclass(frozen=True, slots=True)
class Attempt:
    """MAIL and RCPT for one copy at the next hop. began: when MAIL was read. came: the earliest moment at which it can
    have come, for the next hop may have had to wait for its turn to run. taken: the next hop is responsible now. told:
    and has said so, to its last octet. about: of a report, whom it says to have failed.
    """

    kind: Kind
    sender: str
    recipient: str
    began: float
    ended: float
    taken: bool
    told: bool
    about: tuple[str, ...] = ()
    came: float = math.inf

    @property
    def earliest(self) -> float:
        return min(self.came, self.began)


@dataclass(frozen=True, slots=True)
class Act:
    """A person said yes or no. acknowledged: None when the relay did not say that it knows."""

    person: str
    yes: bool
    began: float
    acknowledged: float | None


@dataclass(frozen=True, slots=True)
class Crash:
    """began: the earliest moment at which it can have come; ended: it was over by then."""

    how: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A copy in the tables when everything had been stopped. about: as in Attempt."""

    kind: Kind
    sender: str
    recipient: str
    state: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reported:
    sender: str
    recipient: str
    fate: str


@dataclass(frozen=True, slots=True)
class Trace:
    """consenting: who had said yes before it began. settled: everything was let flow in the end, so nothing may wait
    for the next hop any more. recorded: by sender and recipient, how many deliveries the tables know.
    """

    consenting: frozenset[str] = frozenset()
    sent: tuple[Sent, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    acts: tuple[Act, ...] = ()
    crashes: tuple[Crash, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    reported: tuple[Reported, ...] = ()
    recorded: dict[tuple[str, str], int] = field(default_factory=dict)
    settled: bool = True
    faults: dict[str, int] = field(default_factory=dict)
