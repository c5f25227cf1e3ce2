"""Every line of the table of transitions is tried on the fold and the status, from every history it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.address import Address
from relay.consent.events import RELAY, Act, Basis, Event, EventKind
from relay.consent.facts import Status
from relay.consent.fold import NOTHING_FOLDED, facts_of, fold_person
from relay.consent.transitions import EVENTS, TRANSITIONS, Happening, Transition, as_markdown, transitions_of
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.model import ConsentRules, Stream

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = Address("ann", "example.com")
TAGGED = Address("Ann+news", "example.com")
MANUAL = Path(__file__).parents[2] / "policies" / "README.md"
EVER = timedelta(days=5000)
SHORT = timedelta(days=1)


@pytest.fixture(scope="module")
def stream() -> Stream:
    """The shipped newsletter, but purchases and inquiries count, and for a long time."""
    shipped = load_policies(MANUAL.parent).by_id["newsletter"]
    accept = shipped.consent.accept | {Basis.CUSTOMER, Basis.INQUIRY}
    freshness = replace(shipped.consent.freshness, customer_within=EVER, inquiry_within=EVER)
    return replace(shipped, migration=None, consent=ConsentRules(accept, freshness))


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def event(kind: EventKind, days: float, address: Address = ANN, **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": f"{kind}-{days}-{address.local}-{more}",
        "brand": "brand",
        "stream": "newsletter",
        "at": ago(days),
        "recorded_at": NOW,
        "source": "test",
        "recorder": "test",
    }
    return Event(kind=kind, address=address, **(fields | more))


def grant(days: float, address: Address = ANN, **more: Any) -> Event:
    return event(EventKind.GRANT, days, address, **({"basis": Basis.DOUBLE_OPT_IN} | more))


def question(days: float, *, sent: bool = True) -> Event:
    """Of the relay's own."""
    return event(EventKind.REQUEST, days, recorder=RELAY, live=True, mail_sent_at=ago(days) if sent else None)


@dataclass(frozen=True)
class History:
    """What was before. cases: the `when` of the table that it is a case of."""

    events: tuple[Event, ...] = ()
    contact_at: datetime | None = None
    cases: frozenset[str] = frozenset()


def history(*events: Event, cases: tuple[str, ...] = (), contact_at: datetime | None = None) -> History:
    return History(events, contact_at, frozenset(cases))


ASKED = event(EventKind.REQUEST, 2, live=True)
FRESH = grant(3, live=True)
OLD = grant(400)
DEAD = event(EventKind.UNDELIVERABLE, 0.5)
STRONGER, WEAKER = "the yes before is stronger", "the yes before is no stronger one"
REAL, IMPLIED = "it was a real yes", "the yes was implied"
TWICE, SELDOM = "the relay has asked twice since the yes", "the relay has asked less often"
UNTOUCHED, UNRENEWED = "it was stale for want of mail", "`renew_every` had passed"

BEFORE: Mapping[Status, tuple[History, ...]] = {
    Status.NONE: (history(), history(grant(9, TAGGED)), history(grant(9, basis=Basis.PUBLISHED))),
    Status.PENDING: (history(ASKED), history(ASKED, grant(9, basis=Basis.ASSUMED))),
    Status.CONFIRMED: (
        history(FRESH, cases=(REAL, SELDOM)),
        history(FRESH, ASKED, event(EventKind.REQUEST, 1), cases=(REAL, SELDOM)),
        history(grant(3, basis=Basis.INQUIRY, live=True), cases=(IMPLIED, SELDOM)),
        history(event(EventKind.WITHDRAW, 5), grant(3, own_act=True, live=True), cases=(REAL, SELDOM)),
        history(FRESH, question(2), cases=(REAL, SELDOM)),
        history(FRESH, question(2), question(1, sent=False), cases=(REAL, SELDOM)),
        history(FRESH, question(2.5), question(2), cases=(REAL, TWICE)),
    ),
    Status.STALE: (
        history(OLD, cases=(REAL, STRONGER, UNTOUCHED, SELDOM)),
        history(grant(800), contact_at=ago(2), cases=(REAL, STRONGER, UNRENEWED, SELDOM)),
        history(grant(400, basis=Basis.INQUIRY), cases=(IMPLIED, WEAKER, UNTOUCHED, SELDOM)),
        history(OLD, question(40), question(2), cases=(REAL, STRONGER, UNTOUCHED, TWICE)),
        history(question(402), question(401), OLD, question(2), cases=(REAL, STRONGER, UNTOUCHED, SELDOM)),
    ),
    Status.WITHDRAWN: (
        history(FRESH, event(EventKind.WITHDRAW, 2)),
        history(OLD, event(EventKind.WITHDRAW, 2, TAGGED, stream=""), ASKED),
        history(event(EventKind.ERASE, 2, stream="", brand=""), DEAD),
    ),
    Status.COMPLAINED: (
        history(FRESH, event(EventKind.COMPLAIN, 2)),
        history(event(EventKind.COMPLAIN, 2, TAGGED, stream="offers"), event(EventKind.WITHDRAW, 1)),
    ),
    Status.UNDELIVERABLE: (
        history(DEAD, cases=("nothing else counts",)),
        history(ASKED, event(EventKind.UNDELIVERABLE, 0.5, stream="", brand=""), cases=("a question is open",)),
        history(FRESH, DEAD, cases=("a fresh yes stands",)),
        history(OLD, DEAD, cases=("an old yes stands",)),
    ),
}


def yeses(**more: Any) -> Iterator[Event]:
    yield grant(0, act=Act.TICKED, **more)
    yield grant(0, basis=Basis.WRITTEN, **more)
    yield event(EventKind.CONFIRM, 0, basis=Basis.DOUBLE_OPT_IN, act=Act.CLICKED, **more)
    yield event(EventKind.RENEW, 0, basis=Basis.SINGLE_OPT_IN, act=Act.TYPED, **more)


def noes(kind: EventKind) -> Iterator[Event]:
    for address in (ANN, TAGGED, Address("ANN", "example.com")):
        yield event(kind, 0, address)
        yield event(kind, 0, address, stream="")
        yield event(kind, 0, address, stream="", brand="")


#: What each of them can be in the ledger, now.
HAPPENS: Mapping[Happening, tuple[Event, ...]] = {
    Happening.REQUEST: (event(EventKind.REQUEST, 0), event(EventKind.REQUEST, 0, live=True)),
    Happening.QUESTION: (question(0), question(0, sent=False)),
    Happening.OWN_YES: tuple(yeses(own_act=True)),
    Happening.BROUGHT_YES: tuple(yeses()),
    Happening.IMPLIED_YES: (
        grant(0, basis=Basis.CUSTOMER),
        grant(0, basis=Basis.INQUIRY, own_act=True),
        event(EventKind.RENEW, 0, basis=Basis.CUSTOMER),
    ),
    Happening.WEAK_YES: (
        grant(0, basis=Basis.SINGLE_OPT_IN),
        grant(0, act=Act.PRETICKED, own_act=True),
        grant(0, basis=Basis.WRITTEN, act=Act.NOT_UNTICKED),
        grant(0, basis=Basis.PUBLISHED, own_act=True),
        event(EventKind.RENEW, 0, basis=Basis.ASSUMED, act=Act.CLICKED),
    ),
    Happening.WITHDRAW: tuple(noes(EventKind.WITHDRAW)),
    Happening.COMPLAIN: (*noes(EventKind.COMPLAIN), event(EventKind.COMPLAIN, 0, TAGGED, stream="offers")),
    Happening.UNDELIVERABLE: (
        event(EventKind.UNDELIVERABLE, 0),
        event(EventKind.UNDELIVERABLE, 0, stream="", brand=""),
    ),
    Happening.DELIVERABLE: (
        event(EventKind.DELIVERABLE, 0),
        event(EventKind.DELIVERABLE, 0, stream="", brand=""),
        grant(0, stream="offers"),
    ),
    Happening.ERASE: tuple(event(EventKind.ERASE, 0, address, stream="", brand="") for address in (ANN, TAGGED)),
    Happening.ELSEWHERE: (
        grant(0, TAGGED, own_act=True),
        event(EventKind.CONFIRM, 0, TAGGED, basis=Basis.DOUBLE_OPT_IN, own_act=True),
        event(EventKind.RENEW, 0, TAGGED, basis=Basis.DOUBLE_OPT_IN),
        event(EventKind.REQUEST, 0, TAGGED),
        event(EventKind.REQUEST, 0, stream="offers"),
        event(EventKind.UNDELIVERABLE, 0, TAGGED),
        event(EventKind.UNDELIVERABLE, 0, stream="offers"),
        event(EventKind.DELIVERABLE, 0, TAGGED),
        event(EventKind.WITHDRAW, 0, stream="offers"),
        event(EventKind.WITHDRAW, 0, TAGGED, stream="", brand="other"),
        event(EventKind.COMPLAIN, 0, brand="other", stream="other-news"),
    ),
}
#: Time passes: the same history under a rule that it is too old for.
TIMES: Mapping[Happening, tuple[str, ...]] = {
    Happening.CONFIRM_TIME: ("confirm_within",),
    Happening.YES_TIME: ("stale_after", "renew_every", "first_mail_within"),
    Happening.IMPLIED_TIME: ("customer_within", "inquiry_within"),
}
PAIRS = [(before, happens) for before in Status for happens in Happening]


def status(stream: Stream, events: tuple[Event, ...], contact_at: datetime | None) -> Status:
    rows, standing = fold_person(events)
    covering = [no for no in standing if no.covers(stream.brand, stream.id, str(ANN))]
    facts = facts_of(rows.get((stream.id, ANN), NOTHING_FOLDED), covering, contact_at, stream.id)
    return evaluate(stream, facts, ANN, NOW).status


def statuses_after(stream: Stream, before: History, happens: Happening) -> set[Status]:
    """Whichever way it happens; where rules end together, any of them may be the one."""
    if happens is Happening.CONTACT:
        return {status(stream, before.events, NOW)}
    if happens in TIMES:
        fresh = replace(stream.consent.freshness, **dict.fromkeys(TIMES[happens], SHORT))
        late = replace(stream, consent=ConsentRules(stream.consent.accept, fresh))
        return {status(late, before.events, before.contact_at)}
    return {status(stream, (*before.events, one), before.contact_at) for one in HAPPENS[happens]}


def line_for(before: Status, told: History, happens: Happening) -> Transition:
    (line,) = [one for one in transitions_of(before, happens) if not one.when or one.when in told.cases]
    return line


@pytest.mark.parametrize("before", Status)
def test_the_histories_are_what_they_say(stream: Stream, before: Status) -> None:
    for told in BEFORE[before]:
        assert status(stream, told.events, told.contact_at) is before


@pytest.mark.parametrize(("before", "happens"), PAIRS, ids=lambda one: one.name.lower())
def test_a_transition_happens_as_written(stream: Stream, before: Status, happens: Happening) -> None:
    for told in BEFORE[before]:
        after = line_for(before, told, happens).status_after(before)
        assert statuses_after(stream, told, happens) == {after}, told


@pytest.mark.parametrize(("before", "happens"), PAIRS, ids=lambda one: one.name.lower())
def test_every_status_and_every_happening_has_its_line_and_each_line_its_case(
    before: Status, happens: Happening
) -> None:
    lines = transitions_of(before, happens)
    used = {line_for(before, told, happens) for told in BEFORE[before]}
    assert lines
    assert used == set(lines)
    assert len(lines) == 1 or all(line.when for line in lines)


def test_every_kind_of_event_is_in_the_table_and_each_happening_is_made_of_its_own() -> None:
    assert frozenset().union(*EVENTS.values()) == set(EventKind)
    assert EVENTS.keys() == set(Happening)
    for happens, events in HAPPENS.items():
        assert {one.kind for one in events} <= EVENTS[happens]
    assert {happens for happens, kinds in EVENTS.items() if not kinds} == {Happening.CONTACT, *TIMES}


@pytest.mark.parametrize("rule", TIMES[Happening.YES_TIME])
def test_each_end_of_a_yes_makes_it_stale_by_itself(stream: Stream, rule: str) -> None:
    fresh = replace(stream.consent.freshness, **{rule: SHORT})
    late = replace(stream, consent=ConsentRules(stream.consent.accept, fresh))
    assert status(late, (FRESH,), None) is Status.STALE


@pytest.mark.parametrize("basis", [Basis.CUSTOMER, Basis.INQUIRY])
def test_each_kind_of_implied_consent_ends_by_itself(stream: Stream, basis: Basis) -> None:
    for name, after in (("customer_within", Basis.CUSTOMER), ("inquiry_within", Basis.INQUIRY)):
        fresh = replace(stream.consent.freshness, **{name: SHORT})
        late = replace(stream, consent=ConsentRules(stream.consent.accept, fresh))
        found = status(late, (grant(3, basis=basis),), None)
        assert found is (Status.NONE if after is basis else Status.CONFIRMED)


def test_no_line_is_said_twice() -> None:
    assert len(set(TRANSITIONS)) == len(TRANSITIONS)
    said = [(before, line.happens, line.when) for line in TRANSITIONS for before in line.before]
    assert len(set(said)) == len(said)


def test_the_manual_has_this_table() -> None:
    assert as_markdown() in MANUAL.read_text()
