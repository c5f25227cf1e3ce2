"""What people do on a certain day, and the facts that it comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import NOTHING_FOLDED, facts_of, fold_person

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN = Address("ann", "example.com")
SHOUTED = Address("ANN", "example.com")
TAGGED = Address("ann+news", "example.com")
BOB = Address("bob", "example.com")


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def event(kind: EventKind, on: float, address: Address = ANN, **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": f"{kind}-{on}-{address.local}-{more}",
        "brand": "brand",
        "stream": "newsletter",
        "at": day(on),
        "recorded_at": NOW,
        "source": "test",
        "recorder": "test",
    }
    return Event(kind=kind, address=address, **(fields | more))


def grant(on: float, address: Address = ANN, **more: Any) -> Event:
    return event(EventKind.GRANT, on, address, **({"basis": Basis.DOUBLE_OPT_IN} | more))


def withdraw(on: float, address: Address = ANN, **more: Any) -> Event:
    return event(EventKind.WITHDRAW, on, address, **more)


def facts(*events: Event, address: Address = ANN, stream: str = "newsletter", brand: str = "brand") -> Facts:
    rows, noes = fold_person(events)
    covering = [no for no in noes if no.covers(brand, stream, str(address))]
    return facts_of(rows.get((stream, address), NOTHING_FOLDED), covering, None, stream)


def yes_basis(found: Facts) -> Basis | None:
    return None if found.yes is None else found.yes.basis


def confirm(on: float, **more: Any) -> Event:
    fields: dict[str, Any] = {"basis": Basis.DOUBLE_OPT_IN, "act": Act.CLICKED, "own_act": True, **more}
    return event(EventKind.CONFIRM, on, ANN, **fields)


def request(on: float, **more: Any) -> Event:
    return event(EventKind.REQUEST, on, **more)


def erase(on: float, **more: Any) -> Event:
    fields: dict[str, Any] = {"stream": "", "brand": "", **more}
    return event(EventKind.ERASE, on, ANN, **fields)
