from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.address import address_from_text
from relay.cli.outlook import NOWHERE, Outlook
from relay.consent.events import Act, Basis, Event, EventKind
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.told import Told, told_of

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
POLICIES: Policies = load_policies(Path(__file__).parents[2] / "policies")


def told(
    kind: EventKind = EventKind.GRANT, stream: str = "newsletter", address: str = "ann@example.com", **said: object
) -> Told:
    if kind is EventKind.GRANT:
        said = {"basis": Basis.DOUBLE_OPT_IN, "at": NOW - timedelta(days=30), **said}
    event = Event(
        id="",
        kind=kind,
        address=address_from_text(address),
        brand="brand",
        stream=stream,
        recorded_at=NOW,
        source="",
        recorder="cli",
        **{"at": None, **said},  # type: ignore[arg-type]
    )
    return told_of(event, None)[:-1]


def key(row: Told) -> str:
    return Outlook(POLICIES, NOW).key(row)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (told(), "confirmed deliver"),
        (told(at=NOW - timedelta(days=500)), "stale hold"),
        (told(at=NOW - timedelta(days=500), last_contact_at=NOW - timedelta(days=2)), "confirmed deliver"),
        (told(basis=Basis.ASSUMED), "basis-not-accepted reject"),
        (told(basis=Basis.SINGLE_OPT_IN, act=Act.PRETICKED), "basis-not-accepted reject"),
        (told(EventKind.WITHDRAW), "withdrawn reject"),
        (told(EventKind.COMPLAIN), "complained reject"),
        (told(EventKind.UNDELIVERABLE), "undeliverable reject"),
        (told(EventKind.WITHDRAW, stream=""), NOWHERE),
        (told(EventKind.WITHDRAW, stream="given-up"), NOWHERE),
    ],
)
def test_a_row_alone_comes_to_what_the_policy_says(row: Told, expected: str) -> None:
    assert key(row) == expected


@settings(max_examples=200)
@given(st.lists(st.timedeltas(timedelta(days=363), timedelta(days=367)), min_size=1), st.booleans())
def test_on_the_days_on_which_something_changes_each_row_is_judged(ages: list[timedelta], is_contact: bool) -> None:
    outlook = Outlook(POLICIES, NOW)
    for age in ages:
        contact = {"at": NOW - timedelta(days=600), "last_contact_at": NOW - age} if is_contact else {"at": NOW - age}
        row = told(**contact)  # type: ignore[arg-type]
        assert outlook.key(row) == Outlook(POLICIES, NOW)._judged(POLICIES.by_id["newsletter"], row)


def test_whole_days_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outlook = Outlook(POLICIES, NOW)
    judged = 0
    judge = outlook._judged

    def counted(*arguments: object) -> str:
        nonlocal judged
        judged += 1
        return judge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(outlook, "_judged", counted)
    for minute in range(500):
        outlook.key(told(at=NOW - timedelta(days=100, minutes=minute)))
    assert judged <= 4
