from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.samples import BOB, NOW, PSEUDONYMS, event, grant, withdraw
from store.test_appending import database

from relay.address import Address
from relay.cli.known_outlook import KnownOutlook
from relay.cli.outlook import key_of
from relay.consent.events import Act, Basis, Event, EventKind
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.appending import append_events
from relay.store.facts import read_facts
from relay.store.queries import query
from relay.store.told import told_of

POLICIES: Policies = load_policies(Path(__file__).parents[2] / "policies")
STREAM = POLICIES.by_id["newsletter"]


@st.composite
def said(draw: st.DrawFn) -> list[Event]:
    """Of one person; times meet the limits of the policy."""
    address = Address(f"p{draw(st.integers(0, 99999))}", "example.com")

    def moment() -> Any:
        days = draw(st.sampled_from([0, 1, 179, 180, 181, 364, 365, 366, 729, 730, 731]))
        return NOW - timedelta(days=days, hours=draw(st.integers(0, 47)))

    events: list[Event] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["grant", "grant", "grant", "no", "complain", "request", "dead", "all"]))
        at = moment()
        if kind == "grant":
            more: dict[str, Any] = {"at": at, "last_contact_at": draw(st.sampled_from([None, max(at, moment())]))}
            more |= {"basis": draw(st.sampled_from(Basis)), "act": draw(st.sampled_from([None, Act.CLICKED]))}
            live = draw(st.integers(0, 3)) == 0
            events.append(grant(address, brand=STREAM.brand, live=live, own_act=live, **more))
        else:
            kinds = {"complain": EventKind.COMPLAIN, "request": EventKind.REQUEST, "dead": EventKind.UNDELIVERABLE}
            stream = "" if kind == "all" else "newsletter"
            of_kind = kinds.get(kind, EventKind.WITHDRAW)
            events.append(event(of_kind, address, brand=STREAM.brand, stream=stream, at=at))
    return events


@settings(deadline=None, max_examples=300)
@given(st.lists(said(), min_size=1, max_size=8), st.booleans())
def test_everybody_comes_to_what_the_policy_says(people: list[list[Event]], mailed: bool) -> None:
    with database() as connection:
        for events in people:
            append_events(connection, events, PSEUDONYMS, os.urandom)
        if mailed:
            connection.execute(query("move_watermark"), ("newsletter", str(people[0][0].address), 1))
        expected: Counter[str] = Counter()
        for events in people:
            address = events[0].address
            facts = read_facts(connection, PSEUDONYMS, STREAM.brand, STREAM.id, [address])[address]
            expected[key_of(evaluate(STREAM, facts, address, NOW))] += 1
        outlook = KnownOutlook(POLICIES, PSEUDONYMS, NOW)
        found: Counter[str] = Counter()
        for events in people:
            row = told_of(grant(events[0].address), 1)
            for key, count in outlook.judged(connection, [row]):
                found[key] += count
        assert found == expected


def test_whole_days_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outlook = KnownOutlook(POLICIES, PSEUDONYMS, NOW)
    judged = 0
    judge = outlook._judged

    def counted(*arguments: Any) -> str:
        nonlocal judged
        judged += 1
        return judge(*arguments)

    monkeypatch.setattr(outlook, "_judged", counted)
    people = [Address(f"p{number}", "example.com") for number in range(300)]
    with database() as connection:
        times = [NOW - timedelta(days=30, seconds=number) for number in range(300)]
        said = [grant(one, at=at, brand=STREAM.brand) for one, at in zip(people, times, strict=True)]
        append_events(connection, said, PSEUDONYMS, os.urandom)
        found = list(outlook.judged(connection, [told_of(one, 1) for one in said]))
    assert found == [("confirmed deliver", 1)] * 300
    assert judged == 2


def test_a_row_counts_as_often_as_it_stands_for_one_of_the_list() -> None:
    with database() as connection:
        append_events(connection, [withdraw(brand=STREAM.brand)], PSEUDONYMS, os.urandom)
        outlook = KnownOutlook(POLICIES, PSEUDONYMS, NOW)
        rows = [told_of(withdraw(), 1)] * 2 + [told_of(withdraw(), None), told_of(grant(BOB, stream="gone"), 1)]
        assert list(outlook.judged(connection, rows)) == [("withdrawn reject", 2)]
