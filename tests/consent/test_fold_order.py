"""Orders in which nothing should happen, and does: clicks without requests, noes before yeses, acts of unknown time."""

from __future__ import annotations

import pytest
from consent.acts import (
    TAGGED,
    confirm,
    day,
    erase,
    event,
    facts,
    grant,
    request,
    withdraw,
    yes_basis,
)

from relay.consent.events import Act, Basis, EventKind


def test_a_withdrawal_before_any_yes_beats_the_imports_that_follow() -> None:
    found = facts(withdraw(1), grant(2))
    assert (found.withdrawn_at, found.yes) == (day(1), None)


def test_a_click_without_a_request_is_a_yes_all_the_same() -> None:
    found = facts(confirm(2))
    assert (yes_basis(found), found.requested_at) == (Basis.DOUBLE_OPT_IN, None)


def test_a_second_click_renews_nothing_and_harms_nothing() -> None:
    found = facts(request(1), confirm(2), confirm(3))
    assert found.yes is not None
    assert (found.yes.at, found.renewed_at, found.requested_at) == (day(3), None, None)


def test_a_request_after_a_withdrawal_is_open_and_the_no_stands() -> None:
    found = facts(grant(1), withdraw(2), request(3))
    assert (found.withdrawn_at, found.requested_at, found.yes) == (day(2), day(3), None)


def test_a_click_on_the_link_from_before_the_withdrawal_is_the_persons_own_new_yes() -> None:
    found = facts(request(1), withdraw(2), confirm(3))
    assert (found.withdrawn_at, yes_basis(found), found.requested_at) == (None, Basis.DOUBLE_OPT_IN, None)


def test_a_click_before_the_withdrawal_that_is_recorded_after_it_stays_beaten() -> None:
    assert facts(request(1), withdraw(3), confirm(2)).withdrawn_at == day(3)


def test_withdrawing_twice_is_withdrawn_since_the_second_time() -> None:
    assert facts(grant(1), withdraw(2), withdraw(4)).withdrawn_at == day(4)


def test_an_erased_person_is_left_with_a_no_to_everything_that_only_their_own_yes_lifts() -> None:
    gone = (grant(1), request(1), erase(2))
    for found in (facts(*gone), facts(*gone, grant(1.5)), facts(*gone, grant(5)), facts(*gone, address=TAGGED)):
        assert (found.withdrawn_at, found.yes, found.requested_at) == (day(2), None, None)
    assert facts(*gone, brand="other", stream="other-news").withdrawn_at == day(2)
    assert yes_basis(facts(*gone, confirm(3))) is Basis.DOUBLE_OPT_IN


def test_a_no_from_before_an_erasure_survives_it() -> None:
    found = facts(grant(1), withdraw(2), erase(3))
    assert found.withdrawn_at == day(3)
    assert found.withdrawn_from == "newsletter"


def test_a_complaint_after_a_withdrawal_is_told_beside_it() -> None:
    found = facts(grant(1), withdraw(2), event(EventKind.COMPLAIN, 3))
    assert (found.withdrawn_at, found.complained_at) == (day(2), day(3))


@pytest.mark.parametrize("basis", [Basis.CUSTOMER, Basis.INQUIRY, Basis.PUBLISHED, Basis.ASSUMED])
def test_a_purchase_or_an_inquiry_after_the_no_is_no_yes_whoever_did_it(basis: Basis) -> None:
    assert facts(withdraw(2), grant(3, basis=basis, own_act=True)).withdrawn_at == day(2)


def test_acts_of_unknown_time_count_when_they_were_recorded() -> None:
    unknown = withdraw(0, at=None, recorded_at=day(5))
    assert facts(grant(4), unknown).withdrawn_at == day(5)
    assert facts(unknown, confirm(6)).withdrawn_at is None
    late = grant(0, at=None, recorded_at=day(9), own_act=True)
    assert facts(withdraw(8), late).withdrawn_at is None
    assert facts(withdraw(9), late).withdrawn_at == day(9)


def test_an_operator_clears_a_dead_mailbox_for_exactly_that_address() -> None:
    dead = (event(EventKind.UNDELIVERABLE, 3), event(EventKind.UNDELIVERABLE, 3, TAGGED))
    works = event(EventKind.DELIVERABLE, 4)
    assert facts(*dead, works).undeliverable_at is None
    assert facts(*dead, works, address=TAGGED).undeliverable_at == day(3)
    assert facts(*dead, works, event(EventKind.UNDELIVERABLE, 5)).undeliverable_at == day(5)
    assert facts(event(EventKind.UNDELIVERABLE, 4), works).undeliverable_at == day(4)


def test_what_is_said_of_a_mailbox_in_one_stream_leaves_the_others() -> None:
    dead = event(EventKind.UNDELIVERABLE, 3, stream="", brand="")
    works = event(EventKind.DELIVERABLE, 4, stream="offers")
    assert facts(dead, works).undeliverable_at == day(3)
    assert facts(dead, works, stream="offers").undeliverable_at is None


def test_who_says_yes_to_one_stream_reads_the_mailbox_in_all_of_them() -> None:
    dead = event(EventKind.UNDELIVERABLE, 3, stream="", brand="")
    assert facts(dead, grant(4, stream="offers")).undeliverable_at is None
    assert facts(dead, grant(4, stream="offers", basis=Basis.CUSTOMER)).undeliverable_at == day(3)
    assert facts(dead, grant(4, TAGGED, stream="offers")).undeliverable_at == day(3)


def test_a_request_is_recorded_again_once_its_mail_has_left() -> None:
    live = request(1, live=True)
    assert (facts(live).request_live, facts(live).mail_sent_at) == (True, None)
    sent = facts(live, request(1, mail_sent_at=day(1.5)))
    assert (sent.requested_at, sent.mail_sent_at, sent.request_live) == (day(1), day(1.5), True)


def test_a_mail_from_before_the_newest_request_does_not_answer_it() -> None:
    found = facts(request(1, mail_sent_at=day(2)), request(3, live=True))
    assert (found.requested_at, found.mail_sent_at) == (day(3), None)
    assert facts(request(1, mail_sent_at=day(4)), request(3)).mail_sent_at == day(4)
    assert facts(request(1, mail_sent_at=day(2)), confirm(3)).mail_sent_at is None


def test_a_yes_at_the_very_moment_of_the_no_stays_beaten_when_a_later_one_frees() -> None:
    single = grant(3, own_act=True, basis=Basis.SINGLE_OPT_IN, act=Act.TICKED)
    found = facts(withdraw(2), grant(2, own_act=True), single)
    assert yes_basis(found) is Basis.SINGLE_OPT_IN


def test_a_click_at_the_very_moment_of_the_request_answers_it() -> None:
    assert facts(request(2), confirm(2)).requested_at is None


def test_only_the_newest_request_says_whether_it_came_live() -> None:
    assert not facts(request(1, live=True), request(2)).request_live
    assert facts(request(1), request(2, live=True)).request_live


def test_a_stream_that_moved_to_another_brand_obeys_the_noes_to_that_brand() -> None:
    found = facts(grant(1), withdraw(2, stream="", brand="new-owner"), brand="new-owner")
    assert (found.withdrawn_at, found.yes) == (day(2), None)


def test_a_mailbox_works_since_the_click() -> None:
    dead = event(EventKind.UNDELIVERABLE, 3, stream="", brand="")
    assert facts(dead, grant(2, confirmed_at=day(4), stream="offers")).undeliverable_at is None
