from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from consent.naive import naive_facts
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import RELAY, Act, Basis, Event, EventKind
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


# --- orders in which nothing should happen, and does ---------------------------------------------------------------


def confirm(on: float, **more: Any) -> Event:
    fields: dict[str, Any] = {"basis": Basis.DOUBLE_OPT_IN, "act": Act.CLICKED, "own_act": True, **more}
    return event(EventKind.CONFIRM, on, ANN, **fields)


def request(on: float, **more: Any) -> Event:
    return event(EventKind.REQUEST, on, **more)


def erase(on: float, **more: Any) -> Event:
    fields: dict[str, Any] = {"stream": "", "brand": "", **more}
    return event(EventKind.ERASE, on, ANN, **fields)


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


# --- any history at all, against a naive reading of the law ----------------------------------------------------------

BOB = Address("bob", "example.com")
HOMOGLYPH = Address("аnn", "example.com")  # the first letter is Cyrillic: another mailbox  # noqa: RUF001
SPELLINGS = (ANN, SHOUTED, TAGGED)
STREAMS = {"newsletter": "brand", "offers": "brand", "other-news": "other"}
ADDRESSES = st.sampled_from([ANN, ANN, ANN, *SPELLINGS, BOB, HOMOGLYPH])
IN_ONE_STREAM = (EventKind.REQUEST, EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)


@st.composite
def events(draw: st.DrawFn, *, own: bool = True, crowded: bool = False) -> Event:
    """Whatever can have happened, on few days, so that much of it happens at once. own: also yeses that free. crowded:
    all of it to one address in one stream, on three days.
    """
    kind = draw(st.sampled_from(EventKind))
    on = draw(st.integers(1, 3 if crowded else 6))
    more: dict[str, Any] = {"id": draw(st.uuids(version=4)).hex, "at": day(on)}
    if draw(st.integers(0, 4)) == 0:
        more |= {"at": None, "recorded_at": day(on)}
    streams = ["newsletter"] if crowded else [*STREAMS]
    stream = draw(st.sampled_from(["newsletter", *streams, *([] if kind in IN_ONE_STREAM else [""])]))
    brand = STREAMS.get(stream, "")
    if kind not in IN_ONE_STREAM:
        brand = draw(st.sampled_from([brand, "brand", "other", ""]))
    if kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW):
        more |= {
            "basis": Basis.DOUBLE_OPT_IN if kind is EventKind.CONFIRM else draw(st.sampled_from(Basis)),
            "act": draw(st.sampled_from([None, Act.CLICKED] + [Act.PRETICKED] * (kind is not EventKind.CONFIRM))),
            "own_act": own and draw(st.booleans()),
            "live": draw(st.booleans()),
            "source": draw(st.sampled_from(["", "fair"])),
        }
        if more["at"] and kind is EventKind.GRANT and more["basis"].is_by_act and draw(st.booleans()):
            more["confirmed_at"] = day(draw(st.integers(on, 4 if crowded else 7)))
        if draw(st.booleans()):
            more["last_contact_at"] = day(draw(st.integers(0, 7))) if more["at"] else day(0)
    if kind is EventKind.REQUEST:
        more["live"] = draw(st.booleans())
        if more["at"] and draw(st.booleans()):
            more["mail_sent_at"] = day(on + draw(st.integers(0, 2)))
        if draw(st.booleans()):
            more["recorder"] = RELAY
    return event(kind, on, ANN if crowded else draw(ADDRESSES), stream=stream, brand=brand, **more)


HISTORIES = st.lists(events(), max_size=9) | st.lists(events(crowded=True), max_size=7)
IMPORTS = st.lists(events(own=False), min_size=1, max_size=4)
SHUFFLES = st.randoms(use_true_random=False)


def everybody(history: list[Event]) -> dict[tuple[Address, str], Facts]:
    """What is known of every address in every stream: each person folded alone, as the store does."""
    found = {}
    for address in (*SPELLINGS, BOB, HOMOGLYPH):
        own = [one for one in history if one.address.wide == address.wide]
        for stream, brand in STREAMS.items():
            found[address, stream] = facts(*own, address=address, stream=stream, brand=brand)
    return found


@settings(max_examples=400)
@given(HISTORIES)
def test_any_history_comes_to_what_a_naive_reading_of_the_law_says(history: list[Event]) -> None:
    assert everybody(history) == {
        (address, stream): naive_facts(history, address, STREAMS[stream], stream)
        for address in (*SPELLINGS, BOB, HOMOGLYPH)
        for stream in STREAMS
    }


@given(HISTORIES, SHUFFLES)
def test_the_order_of_recording_changes_nothing(history: list[Event], shuffle: random.Random) -> None:
    before = everybody(history)
    shuffle.shuffle(history)
    assert everybody(history) == before


@given(HISTORIES)
def test_what_is_recorded_twice_counts_once(history: list[Event]) -> None:
    assert everybody([*history, *history]) == everybody(history)


@given(HISTORIES, IMPORTS)
def test_no_import_makes_a_no_unhappen(history: list[Event], imports: list[Event]) -> None:
    before, after = everybody(history), everybody([*history, *imports])
    for place, known in before.items():
        if known.withdrawn_at is not None:
            assert after[place].withdrawn_at is not None
        if known.complained_at is not None:
            assert after[place].complained_at is not None
        if known.withdrawn_at is not None or known.complained_at is not None:
            assert after[place].yes is None


@given(HISTORIES)
def test_no_yes_is_borrowed_from_another_spelling_or_another_person(history: list[Event]) -> None:
    for (address, stream), known in everybody(history).items():
        alone = [one for one in history if not one.says_yes or (one.address, one.stream) == (address, stream)]
        without = everybody(alone)[address, stream]
        assert replace(known, undeliverable_at=None) == replace(without, undeliverable_at=None)


@given(HISTORIES, st.lists(events(), max_size=4))
def test_what_a_neighbour_does_is_nobody_elses_business(history: list[Event], more: list[Event]) -> None:
    neighbours = [one for one in more if one.address in (BOB, HOMOGLYPH)]
    before, after = everybody(history), everybody([*history, *neighbours])
    for address in SPELLINGS:
        for stream in STREAMS:
            assert after[address, stream] == before[address, stream]


@given(HISTORIES, st.sampled_from(SPELLINGS), st.sampled_from([*STREAMS]))
def test_a_no_said_last_reaches_every_spelling(history: list[Event], spelling: Address, stream: str) -> None:
    known = everybody([*history, withdraw(8, spelling, stream=stream, brand=STREAMS[stream])])
    for address in SPELLINGS:
        assert known[address, stream].withdrawn_at == day(8)
        assert known[address, stream].yes is None


# --- questions of the relay's own --------------------------------------------------------------------------------------


def question(on: float, sent: float | None = None) -> Event:
    more = {} if sent is None else {"mail_sent_at": day(sent)}
    return event(EventKind.REQUEST, on, recorder=RELAY, live=True, recorded_at=day(9), **more)


def test_a_question_makes_nobody_wait_for_a_click() -> None:
    found = facts(grant(1), question(2, 2))
    assert (found.requested_at, found.asked, found.asked_at) == (None, 1, day(2))


def test_a_question_counts_once_its_mail_has_left_and_once_however_often_it_is_recorded() -> None:
    assert facts(grant(1), question(2)).asked == 0
    assert facts(grant(1), question(2), question(2, 3), question(2, 3)).asked == 1
    found = facts(grant(1), question(2), question(2, 3), question(5), question(5, 6))
    assert (found.asked, found.asked_at) == (2, day(6))


def test_a_new_yes_answers_all_questions_before_it() -> None:
    assert facts(grant(1), question(2, 2), question(3, 3), grant(4)).asked == 0
    found = facts(grant(1), question(2, 2), grant(3), question(4, 4))
    assert (found.asked, found.asked_at) == (1, day(4))


def test_without_a_yes_that_counts_no_question_does() -> None:
    assert facts(question(2, 2)).asked == 0
    assert facts(grant(1), question(2, 2), event(EventKind.WITHDRAW, 3)).asked == 0


def test_who_says_yes_again_waits_for_no_first_mail() -> None:
    first = facts(grant(1, live=True, own_act=True)).yes
    again = facts(grant(1, live=True), event(EventKind.RENEW, 5, basis=Basis.DOUBLE_OPT_IN, live=True)).yes
    assert first is not None
    assert again is not None
    assert (first.live, again.live, again.at) == (True, False, day(5))
