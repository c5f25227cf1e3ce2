"""Law 2, read word by word, over the whole history, for one address in one stream. Slow and obvious on purpose.

Written from the words of the law, and not from `relay.consent.fold`, which it is there to contradict: no rows, no
watermarks, nothing kept between two events. Every question goes through all events again.

    A yes counts for the address as given. A no counts for every spelling that reaches the same person. A no beats every
    yes acted at or before it, and every later one too, except the person's own (a confirm click, a grant with its
    evidence through the API) or an operator's explicit --after-withdrawal; such a yes frees exactly its own address.
    Scope: one-click: the stream; complaint and "all mail": the brand's commercial streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from relay.address import Address
from relay.consent.events import RELAY, Act, Basis, Event, EventKind
from relay.consent.facts import Facts, Yes

OPT_INS = (Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN)
STRONGEST_FIRST = (*OPT_INS, Basis.CUSTOMER, Basis.INQUIRY, Basis.PUBLISHED, Basis.ASSUMED)
DEEDS = (Act.TICKED, Act.CLICKED, Act.TYPED, Act.SIGNED)


def when(event: Event) -> datetime:
    """An act of unknown time counts at its recording; a yes that was confirmed was said with the click."""
    if event.confirmed_at is not None:
        return event.confirmed_at
    if event.at is not None:
        return event.at
    return event.recorded_at


def act_of(event: Event) -> Act:
    if event.act is not None:
        return event.act
    if event.basis == Basis.DOUBLE_OPT_IN:
        return Act.CLICKED
    if event.basis == Basis.WRITTEN:
        return Act.SIGNED
    return Act.UNKNOWN


def worth(event: Event) -> Basis:
    """Not refusing is not agreeing."""
    assert event.basis is not None
    if event.basis in OPT_INS and act_of(event) not in DEEDS:
        return Basis.ASSUMED
    return event.basis


def is_yes(event: Event) -> bool:
    return event.kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)


def is_real_yes(event: Event) -> bool:
    return is_yes(event) and worth(event) in OPT_INS


def is_own_yes(event: Event) -> bool:
    return is_real_yes(event) and event.own_act


def concerns(event: Event, brand: str, stream: str) -> bool:
    """Is this stream meant by a no, or by what is said of a mailbox?"""
    if event.kind == EventKind.COMPLAIN and event.brand != "":
        return event.brand == brand
    if event.stream != "":
        return event.stream == stream
    return event.brand in ("", brand)


def naive_facts(history: Sequence[Event], address: Address, brand: str, stream: str) -> Facts:
    """What the law says that is known. The watermark of deliveries is left out."""
    person = [event for event in history if event.address.wide == address.wide]
    here = [event for event in person if event.address == address and event.stream == stream]
    yeses = [event for event in here if is_yes(event)]
    noes = [
        event
        for event in person
        if event.kind in (EventKind.WITHDRAW, EventKind.COMPLAIN, EventKind.ERASE) and concerns(event, brand, stream)
    ]

    def is_lifted(no: Event) -> bool:
        return any(is_own_yes(yes) and when(yes) > when(no) for yes in yeses)

    def is_beaten(yes: Event) -> bool:
        """By some no, unless the person has said yes themselves after it, with this yes or before this one."""
        return any(not any(is_own_yes(own) and when(no) < when(own) <= when(yes) for own in yeses) for no in noes)

    standing = [no for no in noes if not is_lifted(no)]
    withdrawals = [no for no in standing if no.kind != EventKind.COMPLAIN]
    complaints = [no for no in standing if no.kind == EventKind.COMPLAIN]
    counting = [] if standing else [yes for yes in yeses if not is_beaten(yes)]
    yes, renewed_at = best(counting)
    unbeaten = [yes for yes in yeses if not is_beaten(yes)]
    # A question of the relay's own is about the yes that there is. A purchase answers it, too, where a purchase counts.
    open_requests = [
        request
        for request in here
        if request.kind == EventKind.REQUEST
        and not any(when(request) <= when(no) for no in noes)
        and not any(is_real_yes(yes) and when(yes) >= when(request) for yes in unbeaten)
    ]
    questions = [request for request in open_requests if request.recorder == RELAY]
    open_requests = [request for request in open_requests if request.recorder != RELAY]
    asked_at = latest([when(request) for request in open_requests])
    mails = [one.mail_sent_at for one in open_requests if one.mail_sent_at is not None]
    questions = [one for one in questions if yes is not None and when(one) > max(yes.at, renewed_at or yes.at)]
    mails_that_asked = [one for one in questions if one.mail_sent_at is not None]
    return Facts(
        asked=len({when(one) for one in mails_that_asked}),
        asked_at=latest([one.mail_sent_at for one in mails_that_asked if one.mail_sent_at is not None]),
        requested_at=asked_at,
        mail_sent_at=latest([mail for mail in mails if asked_at is not None and mail >= asked_at]),
        request_live=any(request.live for request in open_requests if when(request) == asked_at),
        yes=yes,
        renewed_at=renewed_at,
        withdrawn_at=latest([when(no) for no in withdrawals]),
        withdrawn_from=stream if any(no.stream == stream for no in withdrawals) else "",
        complained_at=latest([when(no) for no in complaints]),
        undeliverable_at=dead_since(person, address, brand, stream),
        last_contact_at=latest([event.last_contact_at for event in here if event.last_contact_at is not None]),
    )


def best(counting: Sequence[Event]) -> tuple[Yes | None, datetime | None]:
    """The strongest counts, among equals the newest; a real yes after it has renewed it."""
    for basis in STRONGEST_FIRST:
        equals = [event for event in counting if worth(event) == basis]
        if equals:
            break
    else:
        return None, None
    newest = latest([when(event) for event in equals])
    chosen = [event for event in equals if when(event) == newest]
    one = max(chosen, key=lambda event: event.id)
    said = when(one)
    later = [when(event) for event in counting if is_real_yes(event) and when(event) > said]
    evidence = one.evidence
    return (
        Yes(
            worth(one),
            act_of(one),
            said,
            one.source,
            one.live and one.kind != EventKind.RENEW,
            evidence.form_url,
            evidence.language,
        ),
        latest(later),
    )


def dead_since(person: Sequence[Event], address: Address, brand: str, stream: str) -> datetime | None:
    """The mailbox of exactly this address: dead until an operator says otherwise, or somebody reads it and says yes."""
    mailbox = [event for event in person if event.address == address]
    dead = [event for event in mailbox if event.kind == EventKind.UNDELIVERABLE and concerns(event, brand, stream)]
    alive = [event for event in mailbox if event.kind == EventKind.DELIVERABLE and concerns(event, brand, stream)]
    alive += [event for event in mailbox if is_real_yes(event)]
    return latest([when(no) for no in dead if not any(when(sign) > when(no) for sign in alive)])


def latest(moments: Sequence[datetime]) -> datetime | None:
    return max(moments, default=None)
