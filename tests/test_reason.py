from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.reason import MEANINGS, PRECEDENCE, Group, Reason, Verdict, in_precedence

#: Public API: never renamed, never reordered.
REFUSALS = (
    "stream-unknown sender-not-allowed complained withdrawn undeliverable no-consent basis-not-accepted unconfirmed "
    "stale renewal-due first-mail-late stream-paused disclosure-impossible"
).split()
PASSES = "confirmed migration transactional internal observed".split()
OTHERS = (
    "store-unavailable clock-wrong next-hop-refused next-hop-deferred outcome-unknown hold-expired limit malformed "
    "internal-error"
).split()


def test_the_reasons_are_those_that_were_promised() -> None:
    assert [*Reason] == REFUSALS + PASSES + OTHERS


def test_every_reason_is_explained_and_grouped() -> None:
    assert set(MEANINGS) == set(Reason)
    for reason, meaning in MEANINGS.items():
        expected = Group.REFUSAL if reason in REFUSALS else Group.PASS if reason in PASSES else Group.OTHER
        assert meaning.group is expected
        assert meaning.explanation.endswith(".")
        assert meaning.remedy.endswith(".")


def test_refusals_decide_in_their_order() -> None:
    assert list(PRECEDENCE) == REFUSALS


@given(st.lists(st.sampled_from(Reason)))
def test_reasons_are_put_in_order_without_repetition(reasons: list[Reason]) -> None:
    ordered = in_precedence(reasons)
    assert set(ordered) == set(reasons)
    assert list(ordered) == [reason for reason in Reason if reason in reasons]


@pytest.mark.parametrize("reason", ["stale", "renewal-due", "first-mail-late", "unconfirmed"])
def test_what_a_person_can_still_mend_may_never_be_rejected(reason: str) -> None:
    meaning = MEANINGS[Reason(reason)]
    assert meaning.default is Verdict.HOLD
    assert Verdict.REJECT not in meaning.allowed


@pytest.mark.parametrize("reason", ["withdrawn", "complained"])
def test_a_no_is_final(reason: str) -> None:
    assert MEANINGS[Reason(reason)].allowed == {Verdict.REJECT, Verdict.DISCARD}


def test_no_refusal_can_be_turned_into_delivery() -> None:
    assert all(Verdict.DELIVER not in MEANINGS[reason].allowed for reason in PRECEDENCE)
