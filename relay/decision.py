"""What was decided for one recipient of one message, and what then happened. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from relay.address import Address
from relay.reason import MEANINGS, Reason, Verdict
from relay.reply import Reply, one_line

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
#: Characters of a reply that say what it was about this message.
_LONGEST_DETAIL: Final = 100
#: Where accepted mail is that does not go out now, as the reply begins.
_ACCEPTED: Final = {Verdict.HOLD: "held", Verdict.DISCARD: "not sent"}


def new_id(at: datetime, randomness: bytes) -> str:
    """A ULID: 48 bits of milliseconds since 1970, then 80 bits of `randomness` (10 octets); sorts by time."""
    return id_at(int(at.timestamp() * 1000), randomness)


def id_at(milliseconds: int, randomness: bytes) -> str:
    """`new_id` for a time in milliseconds since 1970."""
    if len(randomness) != 10:
        raise ValueError("a ULID takes 10 octets of randomness")
    number = milliseconds << 80 | int.from_bytes(randomness)
    pairs = _PAIRS  # an import makes one for each row
    return (
        f"{pairs[number >> 120 & 1023]}{pairs[number >> 110 & 1023]}{pairs[number >> 100 & 1023]}"
        f"{pairs[number >> 90 & 1023]}{pairs[number >> 80 & 1023]}{pairs[number >> 70 & 1023]}"
        f"{pairs[number >> 60 & 1023]}{pairs[number >> 50 & 1023]}{pairs[number >> 40 & 1023]}"
        f"{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}{pairs[number >> 10 & 1023]}{pairs[number & 1023]}"
    )


def time_of(identifier: str) -> datetime | None:
    """When an id of `new_id` was made (UTC, to the millisecond); None for what is no such id."""
    if len(identifier) != 26 or identifier[0] > "7" or set(identifier) - set(_CROCKFORD):
        return None
    milliseconds = 0
    for character in identifier[:10]:
        milliseconds = milliseconds << 5 | _CROCKFORD.index(character)
    try:
        return datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on one recipient, with all that is needed to explain or replay it later.

    at: aware UTC. stream and brand: "" when no policy claims the message. sender: canonical text, "" for the null
    reverse-path. recipient: None when the sender itself was refused, at MAIL. reasons: in order of precedence, at least one; the first decides. status: the recipient's status
    ("" where consent did not matter). facts: what it was made from, JSON values only. enforced: False in shadow mode,
    where the verdict is only recorded. policy: hash of the policy ("" without one).
    """

    id: str
    at: datetime
    message: str
    client: str
    stream: str
    brand: str
    sender: str
    recipient: Address | None
    verdict: Verdict
    reasons: tuple[Reason, ...]
    status: str
    facts: Mapping[str, object]
    policy: str
    reply: Reply
    enforced: bool = True

    def __post_init__(self) -> None:
        if self.at.utcoffset() != timedelta(0):
            raise ValueError("the time of a decision is aware and in UTC")
        if not self.reasons:
            raise ValueError("a decision has a reason")

    @property
    def reason(self) -> Reason:
        return self.reasons[0]

    @property
    def passes(self) -> bool:
        """Does the recipient get the message now?"""
        return self.verdict is Verdict.DELIVER or not self.enforced


class Result(StrEnum):
    """How one attempt to hand one recipient's copy to the next hop ended."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"


_RESULT_REASON: Final = {
    Result.REFUSED: Reason.NEXT_HOP_REFUSED,
    Result.DEFERRED: Reason.NEXT_HOP_DEFERRED,
    Result.UNKNOWN: Reason.OUTCOME_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a decision that passed.

    reply: the next hop's own reply, sanitised. seconds: from the start of the attempt. contact: True when this
    delivery is a contact in the sense of the ledger (commercial, enforced, verdict deliver). footer: how the copy told
    its reader who sends, why and how to stop ("added", "none: inline PGP"), "" where it need not. silent: it was delivered,
    and the sender, who asked for a receipt, gets none from the next hop; not recorded.
    """

    decision: str
    at: datetime
    result: Result
    reply: Reply
    next_hop: str = ""
    seconds: float = 0.0
    contact: bool = False
    address: Address | None = field(default=None, kw_only=True)
    stream: str = field(default="", kw_only=True)
    footer: str = field(default="", kw_only=True)
    silent: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.contact and (self.address is None or not self.stream):
            raise ValueError("a contact names its address and its stream")

    @property
    def reason(self) -> Reason | None:
        return _RESULT_REASON.get(self.result)


def refusal(
    reason: Reason, verdict: Verdict, stream: str, decision_id: str, *, after_data: bool, detail: str = ""
) -> Reply:
    """The reply to a recipient, sender or message that does not pass (law 1).

    What is held, and what is taken and not sent, was accepted: 250, and where it is now. `reject` is permanent only at
    the moment where it concerns this recipient or sender alone: a stream that only the message's headers could settle
    is refused for now after DATA, because a mailer would drop every recipient for good. decision_id: "" where it is said
    elsewhere. detail: what it was about this message, in a few words.
    """
    meaning = MEANINGS[reason]
    text = f"{reason}: {meaning.reply.format(stream=stream)}"
    if detail:
        text += f": {one_line(detail, _LONGEST_DETAIL)}"
    if decision_id:
        text += f" (id {decision_id})"
    if verdict in _ACCEPTED:
        return Reply(250, "2.0.0", f"{_ACCEPTED[verdict]}: {text}")
    senders_fault = reason in (Reason.STREAM_UNKNOWN, Reason.SENDER_NOT_ALLOWED)
    if verdict is Verdict.REJECT and not (senders_fault and after_data):
        return Reply(550, "5.7.1", text)
    if reason in (Reason.STORE_UNAVAILABLE, Reason.CLOCK_WRONG, Reason.INTERNAL_ERROR):
        return Reply(451, "4.3.0", text)
    return Reply(451, "4.7.1", text)
