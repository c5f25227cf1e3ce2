from __future__ import annotations

from relay.consent.causes import KINDS, NOT_TAKEN, Cause
from relay.consent.events import EventKind


def test_a_persons_word_and_a_dead_mailbox_are_taken_as_what_they_are() -> None:
    assert KINDS[Cause.UNSUBSCRIBE] is EventKind.WITHDRAW
    assert KINDS[Cause.COMPLAINT] is EventKind.COMPLAIN
    assert KINDS[Cause.HARD_BOUNCE] is EventKind.UNDELIVERABLE


def test_a_passing_failure_and_a_blocked_mail_stop_nobody() -> None:
    assert {Cause.SOFT_BOUNCE, Cause.BLOCK} <= set(NOT_TAKEN)


def test_what_is_not_taken_says_why() -> None:
    assert all(len(why.split()) > 4 for why in NOT_TAKEN.values())
