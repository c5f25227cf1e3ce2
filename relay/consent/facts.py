"""What the ledger and the contact watermark say of one address in one stream, and the status that follows.

Pure: values only. `relay.consent.status` says what follows from them; the table stands in policies/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from relay.consent.events import Act, Basis


class Status(StrEnum):
    NONE = "none"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    STALE = "stale"
    WITHDRAWN = "withdrawn"
    COMPLAINED = "complained"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True)
class Yes:
    """The consent that counts. basis: `assumed` already folded in where the act was not active. live: recorded when it
    happened, and no renewal: its first mail can be late.
    """

    basis: Basis
    act: Act
    at: datetime
    source: str
    live: bool
    form_url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All times aware UTC; None where nothing of the kind counts now.

    requested_at: a request for confirmation still unanswered, the newest. mail_sent_at: when the mail that asks for the
    click left, None as long as it has not. request_live: the request was recorded when it happened. yes: the best yes that no later no beats: one by an
    active act before one without, then the stronger basis, then the newer. renewed_at: the newest active yes after it,
    of whatever basis. withdrawn_at, complained_at: the newest no that no later yes of the person's own has lifted, wide
    (any spelling) and of any scope that covers this stream. withdrawn_from: the stream's id when a withdrawal that
    stands names exactly this stream, "" when it stands for all of the brand. undeliverable_at: no yes since.
    last_contact_at: newest delivery of this stream.
    """

    requested_at: datetime | None = None
    mail_sent_at: datetime | None = None
    request_live: bool = False
    yes: Yes | None = None
    renewed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_from: str = ""
    complained_at: datetime | None = None
    undeliverable_at: datetime | None = None
    last_contact_at: datetime | None = None
    asked_at: datetime | None = None
    asked: int = 0


NOTHING_KNOWN: Final = Facts()
_TIMES: Final = (
    "requested_at",
    "mail_sent_at",
    "renewed_at",
    "withdrawn_at",
    "complained_at",
    "undeliverable_at",
    "last_contact_at",
    "asked_at",
)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long a yes holds, and a question stays open; None switches a rule off. The defaults are those of `seed`.

    confirmation_sent_within: the sender's own deadline for the mail that asks for the click; missing it is an alarm and
    never a reason to refuse. confirm_within: the person's time to click. first_mail_within: of a yes recorded live.
    stale_after: since the last sign of life. renew_every: since the last yes. customer_within, inquiry_within: how long
    a yes of that basis counts, from the purchase or the inquiry. ask_before: asking begins so long before the end.
    """

    confirm_within: timedelta | None = timedelta(days=7)
    first_mail_within: timedelta | None = timedelta(days=7)
    stale_after: timedelta | None = timedelta(days=365)
    renew_every: timedelta | None = timedelta(days=730)
    confirmation_sent_within: timedelta | None = timedelta(hours=24)
    customer_within: timedelta | None = timedelta(days=730)
    inquiry_within: timedelta | None = timedelta(days=180)
    ask_before: timedelta | None = timedelta(days=30)


def as_json(facts: Facts) -> dict[str, object]:
    """The facts as JSON values, times in ISO 8601; what is not known is left out. `from_json` reads it back."""
    known: dict[str, object] = {}
    for name in _TIMES:
        moment = getattr(facts, name)
        if moment is not None:
            known[name] = moment.isoformat()
    if facts.request_live:
        known["request_live"] = True
    if facts.asked:
        known["asked"] = facts.asked
    if facts.withdrawn_from:
        known["withdrawn_from"] = facts.withdrawn_from
    if facts.yes is not None:
        yes = facts.yes
        known["yes"] = {
            "basis": yes.basis.value,
            "act": yes.act.value,
            "at": yes.at.isoformat(),
            "source": yes.source,
            "live": yes.live,
            **({"form_url": yes.form_url} if yes.form_url else {}),
            **({"language": yes.language} if yes.language else {}),
        }
    return known


def from_json(known: Mapping[str, Any]) -> Facts:
    """What `as_json` wrote. Raises KeyError or ValueError for anything else."""
    yes = known.get("yes")
    return Facts(
        **{name: datetime.fromisoformat(known[name]) for name in _TIMES if name in known},
        request_live=known.get("request_live", False),
        asked=known.get("asked", 0),
        withdrawn_from=known.get("withdrawn_from", ""),
        yes=None
        if yes is None
        else Yes(
            basis=Basis(yes["basis"]),
            act=Act(yes["act"]),
            at=datetime.fromisoformat(yes["at"]),
            source=yes["source"],
            live=yes["live"],
            form_url=yes.get("form_url", ""),
            language=yes.get("language", ""),
        ),
    )
