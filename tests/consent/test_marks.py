from __future__ import annotations

from dataclasses import replace
from typing import Any

from consent.acts import ANN, BOB, TAGGED, confirm, erase, event, facts, grant, request, withdraw
from consent.histories import HISTORIES, SPELLINGS, STREAMS
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.fold import said_at
from relay.consent.marks import Mark, State, in_order_of_acts, marks, marks_of_person

PLACES = st.tuples(st.sampled_from([*SPELLINGS, BOB]), st.sampled_from([*STREAMS]))


def seen(*events: Event, address: Address = ANN, stream: str = "newsletter", brand: str = "brand") -> dict[str, Mark]:
    return {mark.event.id: mark for mark in marks(events, brand, stream, address)}


def states(*events: Event, **place: Any) -> list[State]:
    """In the order in which the events were given."""
    found = seen(*events, **place)
    return [found[one.id].state for one in events]


def test_a_yes_counts_and_a_newer_real_one_of_a_weaker_kind_renews_it() -> None:
    assert states(grant(1), grant(5, basis=Basis.SINGLE_OPT_IN, act=Act.TICKED)) == [State.COUNTS, State.RENEWS]


def test_the_older_and_the_weaker_yes_are_superseded_by_the_one_that_counts() -> None:
    older, customer, counts = grant(1), grant(9, basis=Basis.CUSTOMER), grant(5)
    found = seen(older, customer, counts)
    assert found[counts.id] == Mark(counts, State.COUNTS)
    for one in (older, customer):
        assert found[one.id] == Mark(one, State.SUPERSEDED, (counts,))


def test_of_two_renewals_the_newer_one_counts() -> None:
    single: dict[str, Any] = {"basis": Basis.SINGLE_OPT_IN, "act": Act.TICKED}
    first, second = grant(5, ANN, **single), grant(6, ANN, **single)
    assert seen(grant(1), first, second)[first.id].by == (second,)


def test_a_yes_is_beaten_by_the_first_no_after_it_and_an_import_by_the_no_before_it() -> None:
    said, stopped, brought, again = grant(1), withdraw(2), grant(3), withdraw(9)
    found = seen(said, stopped, brought, again)
    assert found[said.id] == Mark(said, State.BEATEN, (stopped,))
    assert found[brought.id] == Mark(brought, State.BEATEN, (again,))
    assert seen(said, stopped, brought)[brought.id].by == (stopped,)
    assert found[stopped.id] == Mark(stopped, State.SUPERSEDED, (again,))
    assert seen(stopped, withdraw(2.5), brought)[brought.id].by == (withdraw(2.5),)


def test_a_no_is_lifted_by_the_persons_own_later_yes_and_from_no_other_place() -> None:
    stopped, back = withdraw(2, TAGGED), confirm(3)
    assert seen(stopped, back)[stopped.id] == Mark(stopped, State.LIFTED, (back,))
    assert states(stopped, back, address=TAGGED) == [State.COUNTS, State.OUT_OF_SCOPE]
    assert states(stopped, back, stream="offers") == [State.OUT_OF_SCOPE, State.OUT_OF_SCOPE]


def test_a_yes_without_an_active_act_is_marked_as_assumed() -> None:
    preticked, real = grant(1, basis=Basis.SINGLE_OPT_IN, act=Act.PRETICKED), grant(2)
    found = seen(preticked, real)
    assert (found[preticked.id].assumed, found[real.id].assumed) == (True, False)


def test_a_question_is_open_answered_repeated_or_beaten() -> None:
    asked, again = request(1), request(2)
    assert states(asked, again) == [State.SUPERSEDED, State.COUNTS]
    click = confirm(3)
    assert seen(asked, click)[asked.id] == Mark(asked, State.ANSWERED, (click,))
    assert states(asked, confirm(1)) == [State.ANSWERED, State.COUNTS]
    stopped = withdraw(3)
    assert states(withdraw(0), asked, grant(3)) == [State.COUNTS, State.COUNTS, State.BEATEN]
    assert seen(asked, stopped)[asked.id] == Mark(asked, State.BEATEN, (stopped,))


def test_a_dead_mailbox_is_cleared_by_an_operator_or_a_yes_to_whatever_stream() -> None:
    dead, works = event(EventKind.UNDELIVERABLE, 2), event(EventKind.DELIVERABLE, 3)
    assert seen(dead, works)[dead.id] == Mark(dead, State.CLEARED, (works,))
    assert states(dead, works) == [State.CLEARED, State.COUNTS]
    other = grant(3, stream="offers")
    assert seen(dead, other)[dead.id] == Mark(dead, State.CLEARED, (other,))
    assert states(dead) == [State.COUNTS]
    assert states(works) == [State.IDLE]
    assert states(dead, event(EventKind.UNDELIVERABLE, 5)) == [State.SUPERSEDED, State.COUNTS]


def test_an_erasure_counts_as_a_no() -> None:
    gone, said = erase(5), grant(1)
    found = seen(said, gone)
    assert (found[said.id].by, found[gone.id].state) == ((gone,), State.COUNTS)


def test_each_event_is_told_from_its_own_place() -> None:
    history = (
        grant(1),
        grant(2, TAGGED, stream="offers"),
        event(EventKind.DELIVERABLE, 3, TAGGED),
        withdraw(4, TAGGED),
    )
    found = {mark.event.id: mark.state for mark in marks_of_person(history)}
    assert [found[one.id] for one in history] == [State.BEATEN, State.COUNTS, State.IDLE, State.COUNTS]


def test_a_no_to_a_stream_is_lifted_when_every_spelling_with_a_yes_has_lifted_it() -> None:
    stopped, back = withdraw(2, TAGGED), confirm(3)
    (first, _) = marks_of_person([stopped, back])
    assert first == Mark(stopped, State.LIFTED, (back,))
    (_, first, _) = marks_of_person([stopped, back, grant(1, TAGGED)])
    assert first == Mark(stopped, State.COUNTS, (back,))


def test_a_no_to_all_mail_goes_on_counting_whoever_lifts_it_for_one_stream() -> None:
    stopped, back = withdraw(2, stream=""), confirm(3)
    (first, _) = marks_of_person([stopped, back])
    assert first == Mark(stopped, State.COUNTS, (back,))
    (older, newer) = marks_of_person([withdraw(2), withdraw(3)])
    assert (older.state, older.by, newer.state) == (State.SUPERSEDED, (newer.event,), State.COUNTS)


def test_acts_of_one_moment_stand_as_the_law_has_them() -> None:
    same = [withdraw(1), grant(1), request(1)]
    assert [one.kind for one in in_order_of_acts(same)] == [EventKind.REQUEST, EventKind.GRANT, EventKind.WITHDRAW]


# --- for any history, the marks tell what the fold tells ------------------------------------------------------------


def distinct(history: list[Event], address: Address) -> list[Event]:
    return [one for one in history if one.address.wide == address.wide]


@settings(max_examples=600)
@given(HISTORIES, PLACES)
def test_what_counts_by_its_mark_is_what_the_fold_counts(history: list[Event], place: tuple[Address, str]) -> None:
    address, stream = place
    brand, person = STREAMS[stream], distinct(history, address)
    known = facts(*person, address=address, stream=stream, brand=brand)
    found = marks(person, brand, stream, address)

    def newest(state: State, *kinds: EventKind) -> Any:
        return max(
            (said_at(one.event) for one in found if one.state is state and one.event.kind in kinds), default=None
        )

    yeses = (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)
    assert newest(State.COUNTS, *yeses) == (known.yes and known.yes.at)
    assert newest(State.RENEWS, *yeses) == known.renewed_at
    wishes = [one for one in found if one.event.kind is EventKind.REQUEST and not one.event.is_question]
    open_wishes = [one.event.acted_at for one in wishes if one.state is State.COUNTS]
    assert max(open_wishes, default=None) == known.requested_at
    open_questions = [one.event for one in found if one.event.is_question and one.state is State.COUNTS]
    if known.yes is not None:
        assert len({one.acted_at for one in open_questions if one.mail_sent_at is not None}) == known.asked
    assert newest(State.COUNTS, EventKind.WITHDRAW, EventKind.ERASE) == known.withdrawn_at
    assert newest(State.COUNTS, EventKind.COMPLAIN) == known.complained_at
    assert newest(State.COUNTS, EventKind.UNDELIVERABLE) == known.undeliverable_at
    counting = [mark for mark in found if mark.state is State.COUNTS and mark.event.says_yes]
    assert len(counting) <= 1
    assert all(mark.assumed == (known.yes is not None and known.yes.basis is Basis.ASSUMED) for mark in counting)


@given(HISTORIES, PLACES)
def test_what_is_out_of_scope_could_as_well_not_be_there(history: list[Event], place: tuple[Address, str]) -> None:
    address, stream = place
    brand, person = STREAMS[stream], distinct(history, address)
    inside = [mark.event for mark in marks(person, brand, stream, address) if mark.state is not State.OUT_OF_SCOPE]
    whole = facts(*person, address=address, stream=stream, brand=brand)
    part = facts(*inside, address=address, stream=stream, brand=brand)
    # a yes to another stream, out of scope as a yes, shows that the mailbox is alive
    assert replace(whole, undeliverable_at=None) == replace(part, undeliverable_at=None)


@given(HISTORIES, PLACES)
def test_everything_is_marked_once_and_names_what_is_to_blame(history: list[Event], place: tuple[Address, str]) -> None:
    address, stream = place
    person = distinct(history, address)
    for found in (marks(person, STREAMS[stream], stream, address), marks_of_person(person)):
        assert sorted(mark.event.id for mark in found) == sorted(one.id for one in person)
        for mark in found:
            assert set(mark.by) <= set(person) - {mark.event}
            blamed = (State.SUPERSEDED, State.BEATEN, State.LIFTED, State.ANSWERED, State.CLEARED)
            assert bool(mark.by) or mark.state not in blamed
            assert not mark.assumed or mark.event.says_yes


@given(HISTORIES, PLACES)
def test_nothing_is_out_of_scope_in_its_own_place(history: list[Event], place: tuple[Address, str]) -> None:
    person = distinct(history, place[0])
    assert all(mark.state is not State.OUT_OF_SCOPE for mark in marks_of_person(person))
