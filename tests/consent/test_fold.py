from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.consent.fold import NOTHING_FOLDED, basis_and_act, facts_of, fold_person

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN = Address("ann", "example.com")
SHOUTED = Address("ANN", "example.com")
TAGGED = Address("ann+news", "example.com")


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


def test_nothing_recorded_is_nothing_known() -> None:
    assert facts() == NOTHING_KNOWN


def test_a_yes_counts_only_for_the_address_as_given() -> None:
    assert facts(grant(1)).yes is not None
    assert facts(grant(1), address=SHOUTED) == NOTHING_KNOWN
    assert facts(grant(1), address=TAGGED) == NOTHING_KNOWN


def test_a_no_counts_for_every_spelling() -> None:
    events = (grant(1), grant(1, TAGGED), grant(1, SHOUTED), withdraw(2, TAGGED))
    for address in (ANN, TAGGED, SHOUTED):
        found = facts(*events, address=address)
        assert found.withdrawn_at == day(2)
        assert found.yes is None


def test_a_no_of_one_stream_leaves_the_others() -> None:
    found = facts(grant(1, stream="offers"), withdraw(2), stream="offers")
    assert found.withdrawn_at is None
    assert yes_basis(found) is Basis.DOUBLE_OPT_IN


def test_a_no_to_everything_covers_all_streams_of_the_brand_and_no_other_brand() -> None:
    everything = withdraw(2, stream="")
    assert facts(grant(1), everything).withdrawn_at == day(2)
    assert facts(grant(1), everything).withdrawn_from == ""
    assert facts(grant(1, brand="other"), everything, brand="other").withdrawn_at is None


def test_a_withdrawal_that_names_the_stream_is_remembered_behind_a_later_one_from_everything() -> None:
    found = facts(withdraw(2), withdraw(5, stream=""))
    assert found.withdrawn_at == day(5)
    assert found.withdrawn_from == "newsletter"


def test_a_withdrawal_from_a_stream_holds_whatever_brand_it_was_recorded_under() -> None:
    assert facts(grant(1), withdraw(2, brand="")).withdrawn_at == day(2)
    assert facts(grant(1), withdraw(2), brand="renamed").withdrawn_at == day(2)


def test_a_complaint_about_one_stream_covers_the_brand() -> None:
    complaint = event(EventKind.COMPLAIN, 2, stream="offers")
    assert facts(grant(1), complaint).complained_at == day(2)


def test_no_import_brings_a_withdrawn_address_back() -> None:
    found = facts(grant(1), withdraw(2), grant(3), grant(300))
    assert found.withdrawn_at == day(2)
    assert found.yes is None


def test_the_persons_own_later_yes_frees_exactly_its_own_address() -> None:
    events = (withdraw(2), grant(3, TAGGED, own_act=True), grant(1, ANN))
    assert facts(*events, address=TAGGED).withdrawn_at is None
    assert facts(*events, address=TAGGED).yes is not None
    assert facts(*events, address=ANN).withdrawn_at == day(2)


def test_the_persons_own_yes_frees_exactly_its_own_stream() -> None:
    events = (withdraw(2, stream=""), grant(3, own_act=True))
    assert facts(*events).withdrawn_at is None
    assert facts(*events, stream="offers").withdrawn_at == day(2)


def test_an_own_yes_before_or_at_the_no_frees_nothing() -> None:
    assert facts(grant(2, own_act=True), withdraw(2)).withdrawn_at == day(2)
    assert facts(grant(1, own_act=True), withdraw(2)).withdrawn_at == day(2)


def test_an_own_yes_without_an_active_act_frees_nothing() -> None:
    preticked = grant(3, own_act=True, basis=Basis.SINGLE_OPT_IN, act=Act.PRETICKED)
    assert facts(withdraw(2), preticked).withdrawn_at == day(2)


def test_an_import_between_the_no_and_the_new_yes_stays_beaten() -> None:
    single = grant(4, own_act=True, basis=Basis.SINGLE_OPT_IN, act=Act.TICKED)
    found = facts(withdraw(2), grant(3), single)
    assert yes_basis(found) is Basis.SINGLE_OPT_IN


def test_a_second_no_beats_the_yes_that_freed() -> None:
    assert facts(withdraw(2), grant(3, own_act=True), withdraw(4)).withdrawn_at == day(4)


def test_a_yes_of_a_past_customer_does_not_hide_a_double_opt_in() -> None:
    found = facts(grant(1), grant(5, basis=Basis.CUSTOMER))
    assert yes_basis(found) is Basis.DOUBLE_OPT_IN
    assert found.renewed_at is None


def test_any_later_active_yes_renews() -> None:
    found = facts(grant(1), grant(5, basis=Basis.SINGLE_OPT_IN, act=Act.TICKED))
    assert yes_basis(found) is Basis.DOUBLE_OPT_IN
    assert found.renewed_at == day(5)


@pytest.mark.parametrize(
    ("basis", "act", "expected"),
    [
        (Basis.SINGLE_OPT_IN, Act.TICKED, Basis.SINGLE_OPT_IN),
        (Basis.SINGLE_OPT_IN, Act.PRETICKED, Basis.ASSUMED),
        (Basis.SINGLE_OPT_IN, None, Basis.ASSUMED),
        (Basis.DOUBLE_OPT_IN, None, Basis.DOUBLE_OPT_IN),
        (Basis.DOUBLE_OPT_IN, Act.NOT_UNTICKED, Basis.ASSUMED),
        (Basis.DOUBLE_OPT_IN, Act.UNKNOWN, Basis.ASSUMED),
        (Basis.WRITTEN, None, Basis.WRITTEN),
        (Basis.CUSTOMER, None, Basis.CUSTOMER),
        (Basis.PUBLISHED, Act.UNKNOWN, Basis.PUBLISHED),
    ],
)
def test_not_refusing_is_not_agreeing(basis: Basis, act: Act | None, expected: Basis) -> None:
    assert basis_and_act(grant(1, basis=basis, act=act))[0] is expected


def test_a_request_is_open_until_it_is_answered() -> None:
    request = event(EventKind.REQUEST, 3)
    assert facts(request).requested_at == day(3)
    assert facts(request, grant(1)).requested_at == day(3)
    assert facts(request, event(EventKind.CONFIRM, 4, basis=Basis.DOUBLE_OPT_IN)).requested_at is None
    assert facts(request, grant(5, basis=Basis.CUSTOMER)).requested_at == day(3)
    assert facts(request, withdraw(4)).requested_at is None


def test_a_confirmed_import_counts_from_its_click() -> None:
    found = facts(grant(1, confirmed_at=day(2)))
    assert found.yes is not None
    assert found.yes.at == day(2)


def test_a_new_yes_clears_a_dead_mailbox_and_another_spelling_is_not_dead() -> None:
    dead = event(EventKind.UNDELIVERABLE, 3)
    assert facts(grant(1), dead).undeliverable_at == day(3)
    assert facts(grant(1, TAGGED), dead, address=TAGGED).undeliverable_at is None
    assert facts(grant(1), dead, grant(4)).undeliverable_at is None
    assert facts(grant(1), dead, grant(4, basis=Basis.CUSTOMER)).undeliverable_at == day(3)


def test_contact_is_the_newest_of_watermark_and_import() -> None:
    rows, _ = fold_person([grant(1, last_contact_at=day(5))])
    row = rows["newsletter", ANN]
    assert facts_of(row, [], None, "newsletter").last_contact_at == day(5)
    assert facts_of(row, [], day(9), "newsletter").last_contact_at == day(9)


ADDRESSES = st.sampled_from([ANN, SHOUTED, TAGGED])
DAYS = st.integers(0, 6)
EVENTS = st.one_of(
    st.builds(
        grant,
        DAYS,
        ADDRESSES,
        basis=st.sampled_from(Basis),
        act=st.sampled_from([None, Act.TICKED, Act.PRETICKED]),
        own_act=st.booleans(),
        stream=st.sampled_from(["newsletter", "offers"]),
    ),
    st.builds(withdraw, DAYS, ADDRESSES, stream=st.sampled_from(["newsletter", "offers", ""])),
    st.builds(event, st.just(EventKind.COMPLAIN), DAYS, ADDRESSES, stream=st.just("")),
    st.builds(event, st.just(EventKind.REQUEST), DAYS, ADDRESSES),
)
HISTORIES = st.lists(EVENTS, max_size=8)


def lived_through(events: list[Event], address: Address) -> tuple[bool, bool, Basis | None, datetime | None]:
    """The law told as a story: acts one after the other, at the same moment a no has the last word."""
    withdrawn = complained = False
    yeses: list[Event] = []
    asked: datetime | None = None
    rank = {EventKind.REQUEST: 0, EventKind.GRANT: 1}
    for act in sorted(events, key=lambda one: (one.acted_at, rank.get(one.kind, 2), not one.own_act)):
        if act.kind in (EventKind.WITHDRAW, EventKind.COMPLAIN):
            if act.kind is EventKind.COMPLAIN:
                complained = True
            elif act.stream in ("", "newsletter"):
                withdrawn = True
            else:
                continue
            yeses, asked = [], None
        elif act.address != address or act.stream != "newsletter":
            continue
        elif act.kind is EventKind.REQUEST:
            asked = act.acted_at
        else:
            basis = basis_and_act(act)[0]
            if act.own_act and basis is not Basis.ASSUMED:
                withdrawn = complained = False
            if not withdrawn and not complained:
                yeses.append(act)
                if basis in (Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN):
                    asked = None
    bases = [basis_and_act(one)[0] for one in yeses]
    strongest = min(bases, key=list(Basis).index, default=None)
    return withdrawn, complained, strongest, asked


@given(HISTORIES, st.randoms(use_true_random=False), ADDRESSES)
def test_facts_tell_what_living_through_the_acts_tells_in_whatever_order_they_were_recorded(
    events: list[Event], shuffle: random.Random, address: Address
) -> None:
    shuffle.shuffle(events)
    found = facts(*events, address=address)
    told = (found.withdrawn_at is not None, found.complained_at is not None, yes_basis(found), found.requested_at)
    assert told == lived_through(events, address)
