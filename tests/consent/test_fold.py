"""What the events of one person come to: a yes counts for its own address, a no for every spelling."""

from __future__ import annotations

import pytest
from consent.acts import (
    ANN,
    SHOUTED,
    TAGGED,
    day,
    event,
    facts,
    grant,
    withdraw,
    yes_basis,
)

from relay.consent.events import Act, Basis, EventKind
from relay.consent.facts import NOTHING_KNOWN
from relay.consent.fold import basis_and_act, facts_of, fold_person


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
