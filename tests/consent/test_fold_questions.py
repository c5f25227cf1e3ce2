"""Questions of the relay's own: counted once their mail has left, answered by a new yes."""

from __future__ import annotations

from consent.acts import (
    day,
    event,
    facts,
    grant,
)

from relay.consent.events import RELAY, Basis, Event, EventKind


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
