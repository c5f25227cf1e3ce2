from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from policy.test_decide import FRESH, STALE, stream

from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.policy.holding import give_up_at, open_question
from relay.policy.model import HoldRules, Stream
from relay.reason import Reason

NOW = datetime(2026, 5, 4, tzinfo=UTC)
WAITING = timedelta(days=30)
FOR = timedelta(days=10)


@pytest.fixture
def newsletter(tmp_path: Path) -> Stream:
    return replace(stream(tmp_path), hold=HoldRules(FOR, ask_again=True))


def test_whoever_will_be_asked_has_until_their_turn_comes(newsletter: Stream) -> None:
    assert give_up_at(newsletter, Reason.STALE, STALE, NOW, WAITING) == NOW + WAITING


def test_where_the_policy_asks_nobody_the_time_runs_at_once(newsletter: Stream) -> None:
    silent = replace(newsletter, hold=HoldRules(FOR, ask_again=False))
    assert give_up_at(silent, Reason.STALE, STALE, NOW, WAITING) == NOW + FOR


@pytest.mark.parametrize(
    ("reason", "facts"),
    [
        (Reason.UNCONFIRMED, Facts(requested_at=NOW)),  # asked already
        (Reason.NO_CONSENT, NOTHING_KNOWN),
        (Reason.STREAM_PAUSED, FRESH),
    ],
)
def test_whoever_will_not_be_asked_has_the_time_of_the_policy(newsletter: Stream, reason: Reason, facts: Facts) -> None:
    assert give_up_at(newsletter, reason, facts, NOW, WAITING) == NOW + FOR


def test_being_decided_anew_gives_no_more_time_to_whoever_was_asked(newsletter: Stream) -> None:
    asked_at = NOW - timedelta(days=3)
    for came_at, end in ((asked_at - WAITING, asked_at + FOR), (asked_at + FOR / 2, asked_at + FOR + FOR / 2)):
        moments = {"asked_at": asked_at, "came_at": came_at}
        assert give_up_at(newsletter, Reason.STALE, STALE, NOW + FOR / 2, WAITING, **moments) == end


ASKED = replace(STALE, asked_at=NOW - timedelta(days=3), asked=1)


def test_mail_that_comes_after_the_question_waits_as_long_as_an_answer_may_take(newsletter: Stream) -> None:
    assert give_up_at(newsletter, Reason.STALE, ASKED, NOW, WAITING) == NOW + FOR


def test_once_the_time_to_answer_is_over_mail_waits_for_the_next_question_if_there_is_one(newsletter: Stream) -> None:
    for asked, end in ((1, WAITING), (2, FOR)):
        facts = replace(STALE, asked_at=NOW - FOR, asked=asked)
        assert give_up_at(newsletter, Reason.STALE, facts, NOW, WAITING) == NOW + end
        just_in_time = replace(facts, asked_at=NOW - FOR + timedelta(microseconds=1))
        assert give_up_at(newsletter, Reason.STALE, just_in_time, NOW, WAITING) == NOW + FOR


def test_the_question_of_a_copy_counts_until_it_is_answered_then_that_of_the_ledger() -> None:
    earlier = NOW - timedelta(days=4)
    assert open_question(ASKED) == open_question(ASKED, None) == ASKED.asked_at
    assert open_question(ASKED, earlier) == earlier
    assert open_question(replace(STALE, renewed_at=NOW), earlier) is None
    assert open_question(STALE) is None


def test_whoever_has_answered_the_question_has_all_of_it_again(newsletter: Stream) -> None:
    assert FRESH.yes is not None
    asked_at = FRESH.yes.at - timedelta(days=1)
    assert give_up_at(newsletter, Reason.STREAM_PAUSED, FRESH, NOW, WAITING, asked_at=asked_at) == NOW + FOR


def test_a_yes_said_again_is_an_answer_only_when_it_came_after_the_question(newsletter: Stream) -> None:
    asked_at = NOW - timedelta(days=3)
    moments = {"asked_at": asked_at, "came_at": asked_at}
    for after, end in ((-1, asked_at + FOR), (0, asked_at + FOR), (1, NOW + FOR)):
        facts = replace(STALE, renewed_at=asked_at + timedelta(hours=after))
        assert give_up_at(newsletter, Reason.STREAM_PAUSED, facts, NOW, WAITING, **moments) == end


def test_whose_yes_is_gone_since_they_were_asked_has_not_answered(newsletter: Stream) -> None:
    asked_at = NOW - timedelta(days=3)
    moments = {"asked_at": asked_at, "came_at": asked_at}
    for facts in (NOTHING_KNOWN, Facts(requested_at=NOW)):
        assert give_up_at(newsletter, Reason.NO_CONSENT, facts, NOW, WAITING, **moments) == asked_at + FOR
