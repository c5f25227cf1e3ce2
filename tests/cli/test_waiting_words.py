from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cli.queues import GREYLISTED
from hypothesis import given
from hypothesis import strategies as st
from store.samples import ANN
from store.waiting import HOUR, NOW, transaction

from relay.cli.waiting_words import (
    as_json,
    copies,
    copy_at_length,
    iso,
    listed,
    message_at_length,
    size,
    span,
    what_comes,
)
from relay.envelope import Recipient
from relay.queued import Copy, Message, Origin, State
from relay.reason import Reason
from relay.reply import Reply
from relay.store.waiting import Waiting


def copy(state: State = State.QUEUED, **more: Any) -> Copy:
    fields: dict[str, Any] = {
        "number": 1,
        "message": 1,
        "decision": "D1",
        "recipient": Recipient(ANN),
        "reason": Reason.NEXT_HOP_DEFERRED,
        "stream": "newsletter",
        "octets": 72,
        "at": NOW - HOUR,
        "since": NOW - HOUR,
        "due_at": NOW + HOUR,
    }
    return Copy(state=state, **(fields | more))


def waiting(one: Copy, **more: Any) -> Waiting:
    message = Message(1, transaction(), "newsletter", "brand", NOW - HOUR, 72, **more)
    return Waiting(one, message, worked_on=False)


@pytest.mark.parametrize(
    ("state", "due", "words"),
    [
        (State.QUEUED, HOUR, "next try in 1 h"),
        (State.QUEUED, timedelta(seconds=-20), "due now"),
        (State.QUEUED, -2 * HOUR, "due since 2 h"),
        (State.HELD, 48 * HOUR, "given up in 2 d"),
        (State.HELD, -HOUR, "to be given up"),
        (State.FAILED, HOUR / 2, "sender told in 30 min"),
        (State.FAILED, -HOUR, "sender to be told"),
        (State.ASIDE, None, "waits for an operator"),
    ],
)
def test_what_comes_next_is_said_in_words(state: State, due: timedelta | None, words: str) -> None:
    assert what_comes(copy(state, due_at=None if due is None else NOW + due), NOW, worked_on=False) == words


def test_a_copy_in_hand_is_said_to_be_so_and_one_whose_person_was_asked() -> None:
    assert what_comes(copy(), NOW, worked_on=True) == "being tried now"
    assert what_comes(copy(State.HELD), NOW, worked_on=True) == "being ended now"
    assert what_comes(copy(State.HELD, asked_at=NOW), NOW, worked_on=False) == "asked, given up in 1 h"


def test_a_list_has_a_line_a_copy_with_the_last_answer_below() -> None:
    said = copy(attempts=2, last=GREYLISTED, next_hop="hop:25")
    heads, first, answer, second = listed([waiting(said), waiting(copy(stream=""))], NOW)
    assert heads.split()[:2] == ["state", "waits"]
    assert " ".join(first.split()).startswith(f"queued 1 h next try in 1 h 2 next-hop-deferred newsletter {ANN} ")
    assert answer == "  hop:25: 451 4.7.1 greylisted, come back"
    assert " ".join(second.split()).startswith(f"queued 1 h next try in 1 h 0 next-hop-deferred - {ANN} ")


def test_a_long_answer_is_cut_in_a_list() -> None:
    long = replace(GREYLISTED, text="x" * 300)
    *_, answer = listed([waiting(copy(last=long))], NOW)
    assert len(answer) == 102
    assert answer.endswith("...")


def test_everything_of_a_copy_is_told_at_length() -> None:
    one = copy(
        State.HELD, asked_at=NOW, warned_at=NOW, attempts=1, last=GREYLISTED, recipient=Recipient(ANN, ("DELAY",))
    )
    told = "\n".join(copy_at_length(waiting(one), NOW))
    for words in ("given up   2026-05-04 13:00:00Z", "asked      ", "warned     ", "notify     DELAY", "decision   D1"):
        assert words in told
    assert "last answer: 451 4.7.1 greylisted" in told


def test_what_is_set_aside_says_why_and_what_can_be_done() -> None:
    last = Reply(451, "4.3.0", "set aside on 2026-05-04: nobody knows whether this copy went out before")
    lines = list(copy_at_length(waiting(copy(State.ASIDE, due_at=None, last=last)), NOW))
    assert "    answer     451 4.3.0 set aside on 2026-05-04: nobody knows whether this copy went out before" in lines
    assert "    to do      queue retry D1 --aside sends it, queue drop D1 takes it out" in lines


def test_what_was_not_tried_yet_has_no_answer_and_asks_for_nothing() -> None:
    told = "\n".join(copy_at_length(waiting(copy()), NOW))
    assert "answer" not in told
    assert "to do" not in told


def test_own_mail_is_named_as_such() -> None:
    one = waiting(copy(), origin=Origin.REPORT, about="mautic", starts=2)
    told = "\n".join(message_at_length(one.message, NOW))
    assert "own mail   report to an owner about mautic" in told
    assert "starts     2" in told
    assert "own mail" not in "\n".join(message_at_length(waiting(copy()).message, NOW))


def test_json_has_all_of_it() -> None:
    found = as_json(waiting(copy(last=GREYLISTED)))
    assert (found["recipient"], found["state"], found["reply"]) == (str(ANN), "queued", str(GREYLISTED))
    assert (found["due_at"], found["asked_at"], found["worked_on"]) == ("2026-05-04T13:00:00Z", None, False)


@given(st.timedeltas(min_value=timedelta(days=-1), max_value=timedelta(days=10_000)))
def test_a_span_is_short_and_never_negative(time: timedelta) -> None:
    number, unit = span(time).split()
    assert int(number) >= 0
    assert unit in ("s", "min", "h", "d")


def test_counts_and_sizes_read_well() -> None:
    assert (copies(1), copies(1200)) == ("1 copy", "1,200 copies")
    assert (size(72), size(1500), size(2_500_000), size(3 << 30)) == ("72 octets", "1.5 kB", "2.5 MB", "3.2 GB")
    assert iso(None) is None


@pytest.mark.parametrize(
    ("failing", "more", "words"),
    [
        ({"hop:25": 12}, {"attempts": 1, "next_hop": "hop:25"}, "due; hop:25 deferred the last 12 attempts"),
        ({"hop:25": 12, "b:25": 0}, {"attempts": 1, "next_hop": "b:25"}, "due now"),
        ({"hop:25": 1}, {"attempts": 1, "next_hop": "hop:25"}, "due now"),
        ({"": 4}, {"attempts": 1, "next_hop": ""}, "due; the last 4 attempts failed"),
        # never tried: it waits only where no next hop takes anything
        ({"hop:25": 1200}, {}, "due; hop:25 deferred the last 1,200 attempts"),
        ({"hop:25": 3, "b:25": 4}, {}, "due; the last 7 attempts failed"),
        ({"hop:25": 3, "b:25": 0}, {}, "due now"),
        ({}, {}, "due now"),
    ],
)
def test_what_is_due_says_when_its_next_hop_takes_nothing(
    failing: dict[str, int], more: dict[str, Any], words: str
) -> None:
    assert what_comes(copy(due_at=NOW, **more), NOW, failing, worked_on=False) == words
    later = what_comes(copy(due_at=NOW + HOUR, **more), NOW, failing, worked_on=False)
    assert later == "next try in 1 h"
    long = what_comes(copy(due_at=NOW - HOUR, **more), NOW, failing, worked_on=False)
    assert long == words.replace("due now", "due").replace("due", "due since 1 h", 1)
