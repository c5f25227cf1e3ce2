from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from relay.address import address_from_text
from relay.consent.events import Act, Basis, Event, EventKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(kind: EventKind = EventKind.GRANT, **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": "01J0000000000000000000000A",
        "address": address_from_text("ann@example.com"),
        "brand": "brand",
        "stream": "newsletter",
        "at": NOW,
        "recorded_at": NOW,
        "source": "test",
        "recorder": "test",
    }
    return Event(kind=kind, **(fields | more))


def test_an_act_cannot_lie_after_its_recording() -> None:
    with pytest.raises(ValueError, match="after its recording"):
        event(EventKind.WITHDRAW, at=NOW + timedelta(seconds=1))


def test_times_are_in_utc() -> None:
    with pytest.raises(ValueError, match="UTC"):
        event(EventKind.WITHDRAW, at=NOW.astimezone(timezone(timedelta(hours=9))))


def test_a_yes_names_its_basis_and_its_stream() -> None:
    with pytest.raises(ValueError, match="basis"):
        event(EventKind.GRANT)
    with pytest.raises(ValueError, match="stream"):
        event(EventKind.CONFIRM, basis=Basis.DOUBLE_OPT_IN, stream="")


def test_a_withdrawal_may_be_for_everything() -> None:
    assert event(EventKind.WITHDRAW, stream="").stream == ""


def test_an_act_of_unknown_time_counts_when_it_was_recorded() -> None:
    assert event(EventKind.WITHDRAW, at=None).acted_at == NOW


def test_only_a_deed_is_an_active_act() -> None:
    assert {act for act in Act if act.is_active} == {Act.TICKED, Act.CLICKED, Act.TYPED, Act.SIGNED}
