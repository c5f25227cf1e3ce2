"""Why mail was refused, held or passed. The strings are public API: logged, counted, documented, never renamed.

Refusals stand in their order of precedence: of several that apply, the first decides and all are recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Verdict(StrEnum):
    """What happens to one recipient's copy of a message."""

    DELIVER = "deliver"
    HOLD = "hold"
    REJECT = "reject"
    DEFER = "defer"
    DISCARD = "discard"


class Reason(StrEnum):
    """The cause of a verdict or of an outcome."""

    STREAM_UNKNOWN = "stream-unknown"
    SENDER_NOT_ALLOWED = "sender-not-allowed"
    COMPLAINED = "complained"
    WITHDRAWN = "withdrawn"
    UNDELIVERABLE = "undeliverable"
    NO_CONSENT = "no-consent"
    BASIS_NOT_ACCEPTED = "basis-not-accepted"
    UNCONFIRMED = "unconfirmed"
    STALE = "stale"
    RENEWAL_DUE = "renewal-due"
    FIRST_MAIL_LATE = "first-mail-late"
    STREAM_PAUSED = "stream-paused"
    DISCLOSURE_IMPOSSIBLE = "disclosure-impossible"

    CONFIRMED = "confirmed"
    MIGRATION = "migration"
    TRANSACTIONAL = "transactional"
    INTERNAL = "internal"
    OBSERVED = "observed"

    STORE_UNAVAILABLE = "store-unavailable"
    CLOCK_WRONG = "clock-wrong"
    NEXT_HOP_REFUSED = "next-hop-refused"
    NEXT_HOP_DEFERRED = "next-hop-deferred"
    OUTCOME_UNKNOWN = "outcome-unknown"
    HOLD_EXPIRED = "hold-expired"
    LIMIT = "limit"
    MALFORMED = "malformed"
    INTERNAL_ERROR = "internal-error"


class Group(StrEnum):
    REFUSAL = "refusal"
    PASS = "pass"  # noqa: S105 - a kind of reason, not a password
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason stands for.

    group: refusals take part in precedence, passes let mail through, the rest are causes outside consent.
    default: the verdict where a policy does not say otherwise.
    allowed: the verdicts a policy may choose; empty where a policy has no say.
    reply: the words after the reason in an SMTP reply; `{stream}` is replaced by the stream's id.
    explanation: what the operator needs to know.
    remedy: what the operator can do.
    """

    group: Group
    default: Verdict
    allowed: frozenset[Verdict]
    reply: str
    explanation: str
    remedy: str


_ANY_REFUSAL: Final = frozenset({Verdict.REJECT, Verdict.HOLD, Verdict.DEFER, Verdict.DISCARD})
#: A no is final: it may be refused loudly or quietly, never kept for later.
_FINAL: Final = frozenset({Verdict.REJECT, Verdict.DISCARD})
#: Mailers drop a recipient for good on 5xx, so what a person can still mend is never rejected (law 1).
_MENDABLE: Final = frozenset({Verdict.HOLD, Verdict.DEFER, Verdict.DISCARD})
_FIXED: Final[frozenset[Verdict]] = frozenset()

_R, _P, _O = Group.REFUSAL, Group.PASS, Group.OTHER

MEANINGS: Final[Mapping[Reason, Meaning]] = MappingProxyType(
    {
        Reason.STREAM_UNKNOWN: Meaning(
            _R,
            Verdict.REJECT,
            _FIXED,
            "no policy covers this client and sender",
            "No policy file's [[match]] covers this client and sender address, so the relay cannot know which consent would count.",
            'Add a [[match]] to the policy of the stream, or set mode = "observe" while you find out what is sent.',
        ),
        Reason.SENDER_NOT_ALLOWED: Meaning(
            _R,
            Verdict.REJECT,
            _FIXED,
            "this client may not use this sender address",
            "The sender address is not among the senders of this client in relay.toml.",
            "Add the address to the client's senders, or mend the mailer's From setting.",
        ),
        Reason.COMPLAINED: Meaning(
            _R,
            Verdict.REJECT,
            _FINAL,
            'this person has reported mail of this sender as spam and gets no more of "{stream}"',
            "A complaint withdraws consent from all commercial streams of the brand.",
            "Remove the address from the mailing list. Only the person's own new yes lifts it.",
        ),
        Reason.WITHDRAWN: Meaning(
            _R,
            Verdict.REJECT,
            _FINAL,
            'this person has stopped "{stream}"',
            "The person has withdrawn consent; it holds for every spelling of the address, for ever.",
            "Remove the address from the mailing list. Only the person's own new yes lifts it.",
        ),
        Reason.UNDELIVERABLE: Meaning(
            _R,
            Verdict.REJECT,
            _ANY_REFUSAL,
            "this mailbox was permanently refused before",
            "The mailbox was refused as one that does not exist, twice and a day or more apart, or a list said so.",
            "Check the address with the person; a new yes clears it, or consent-relay consent deliverable ADDRESS.",
        ),
        Reason.NO_CONSENT: Meaning(
            _R,
            Verdict.REJECT,
            _ANY_REFUSAL,
            'no consent to "{stream}" is recorded for this person',
            "The ledger holds no yes of this address for this stream that still counts.",
            "Import or record the consent (consent-relay consent import, consent grant) if there is one; otherwise do not send.",
        ),
        Reason.BASIS_NOT_ACCEPTED: Meaning(
            _R,
            Verdict.REJECT,
            _ANY_REFUSAL,
            'the recorded consent is of a kind that "{stream}" does not accept',
            "There is a yes, but its basis is not in the policy's consent.accept; a yes without an active act counts as assumed.",
            "Ask the person for a real yes, or change consent.accept if your policy allows it.",
        ),
        Reason.UNCONFIRMED: Meaning(
            _R,
            Verdict.HOLD,
            _MENDABLE,
            "this person has been asked and has not confirmed yet",
            "A double opt-in was requested; the person has not clicked the link so far.",
            "Nothing: what is held goes out once the person has confirmed.",
        ),
        Reason.STALE: Meaning(
            _R,
            Verdict.HOLD,
            _MENDABLE,
            "the consent is too old and there was no contact since; the person has to be asked again",
            "The time since the yes or the last mail is longer than consent.stale_after.",
            "The relay asks the person where hold.ask_again is true, or you ask; a new yes lets go what is held.",
        ),
        Reason.RENEWAL_DUE: Meaning(
            _R,
            Verdict.HOLD,
            _MENDABLE,
            "the consent has to be renewed",
            "The time since the last yes is longer than consent.renew_every.",
            "The relay asks the person where hold.ask_again is true, or you ask; a new yes lets go what is held.",
        ),
        Reason.FIRST_MAIL_LATE: Meaning(
            _R,
            Verdict.HOLD,
            _MENDABLE,
            "the first mail comes too long after the consent; the person has to be asked again",
            "A consent recorded live got no mail within consent.first_mail_within.",
            "The relay asks the person where hold.ask_again is true, or you ask; a new yes lets go what is held. Send first mailings sooner.",
        ),
        Reason.STREAM_PAUSED: Meaning(
            _R,
            Verdict.DEFER,
            _ANY_REFUSAL,
            '"{stream}" is paused',
            "An operator or the complaint guard has paused the stream.",
            "Mend the cause; mail goes on when the pause is lifted.",
        ),
        Reason.DISCLOSURE_IMPOSSIBLE: Meaning(
            _R,
            Verdict.DEFER,
            _ANY_REFUSAL,
            "this message cannot carry the notice of sender and unsubscription without harm",
            "The message is signed, encrypted or built so that the footer cannot be added without damage.",
            'Send it as plain text or HTML, or set message.undisclosable to "wrap".',
        ),
        Reason.CONFIRMED: Meaning(
            _P,
            Verdict.DELIVER,
            _FIXED,
            "sent",
            "The recorded consent is accepted by the policy and fresh.",
            "Nothing to do.",
        ),
        Reason.MIGRATION: Meaning(
            _P,
            Verdict.DELIVER,
            _FIXED,
            "sent",
            "The basis of the recorded consent counts only until the policy's [migration] ends.",
            "Ask the person for a real yes before it ends.",
        ),
        Reason.TRANSACTIONAL: Meaning(
            _P,
            Verdict.DELIVER,
            _FIXED,
            "sent",
            "The stream is not commercial (transactional, correspondence or system): it needs no consent.",
            "Nothing to do.",
        ),
        Reason.INTERNAL: Meaning(
            _P,
            Verdict.DELIVER,
            _FIXED,
            "sent",
            "The address is listed under [[internal]] in the policy (staff, tests).",
            "Nothing to do.",
        ),
        Reason.OBSERVED: Meaning(
            _P,
            Verdict.DELIVER,
            _FIXED,
            "sent",
            'No policy claims the message and mode = "observe": it passed byte-identical.',
            'Write a policy for it before setting mode = "enforce".',
        ),
        Reason.STORE_UNAVAILABLE: Meaning(
            _O,
            Verdict.DEFER,
            _FIXED,
            "consent cannot be checked just now, try again",
            "The consent store is locked, full or out of reach; nothing is sent unchecked.",
            "See the log for the cause: disk full, permissions, a stuck process.",
        ),
        Reason.CLOCK_WRONG: Meaning(
            _O,
            Verdict.DEFER,
            _FIXED,
            "the relay's clock is wrong, try again",
            "The clock is behind what was recorded, or has jumped by more than a day; no consent can be judged by it.",
            "Set the clock right; the log's clock-wrong says by how much, and whether the relay has to be restarted.",
        ),
        Reason.NEXT_HOP_REFUSED: Meaning(
            _O,
            Verdict.REJECT,
            _FIXED,
            "the next hop refused",
            "The next hop answered 5xx; its own words follow in the reply.",
            "Look at the next hop's log.",
        ),
        Reason.NEXT_HOP_DEFERRED: Meaning(
            _O,
            Verdict.DEFER,
            _FIXED,
            "the next hop cannot take the message now",
            "The next hop answered 4xx, or could not be reached or trusted.",
            "Look at the next hop's log; the relay tries again, or the client where it has retries = true.",
        ),
        Reason.OUTCOME_UNKNOWN: Meaning(
            _O,
            Verdict.DEFER,
            _FIXED,
            "the next hop did not say whether it took the message",
            "The connection was lost after the end of the message (RFC 1047): it may have been delivered.",
            "It is tried again, by the relay or by a client with retries = true; a duplicate is possible, a loss is not.",
        ),
        Reason.HOLD_EXPIRED: Meaning(
            _O,
            Verdict.DISCARD,
            _FIXED,
            "held until the policy's limit without a yes",
            "Held mail reached its end without a yes: hold.for from the day the person was asked.",
            "Let the address rest: the person did not answer.",
        ),
        Reason.LIMIT: Meaning(
            _O,
            Verdict.DEFER,
            _FIXED,
            "a limit was reached",
            "A limit of relay.toml was reached: size, recipients, errors, commands, connections or time, or how much mail may wait.",
            "See [limits], [queue] and [hold] in relay.toml.",
        ),
        Reason.MALFORMED: Meaning(
            _O,
            Verdict.REJECT,
            _FIXED,
            "the message or command is malformed",
            "Bare CR or LF, NUL, a broken address or command.",
            "Mend the mailer.",
        ),
        Reason.INTERNAL_ERROR: Meaning(
            _O,
            Verdict.DEFER,
            _FIXED,
            "internal error, try again",
            "A bug in the relay; the log has the details under the same id.",
            "Report it with the log lines of that id.",
        ),
    }
)

#: Refusals in order of precedence (the order in which Reason lists them).
PRECEDENCE: Final = tuple(reason for reason in Reason if MEANINGS[reason].group is Group.REFUSAL)
_RANK: Final = {reason: rank for rank, reason in enumerate(Reason)}


def in_precedence(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The reasons without repetition, the one that decides first."""
    return tuple(sorted(set(reasons), key=_RANK.__getitem__))
