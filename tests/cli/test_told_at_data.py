from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cli.queues import decision_on, queued, take
from cli.shop import Shop

from relay.address import Address
from relay.cli.told_at_data import told_at_data
from relay.decision import Decision, Outcome, Result
from relay.queued import State
from relay.reason import Reason, Verdict
from relay.reply import Reply

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PASSED = Decision(
    id="01J",
    at=NOW,
    message="01M",
    client="shop",
    stream="newsletter",
    brand="brand",
    sender="news@brand.example",
    recipient=Address("ann", "example.org"),
    verdict=Verdict.DELIVER,
    reasons=(Reason.CONFIRMED,),
    status="confirmed",
    facts={},
    policy="",
    reply=Reply(250, "2.1.5", "accepted"),
)
BOB = replace(PASSED, id="01B", recipient=Address("bob", "example.org"))


def attempt(result: Result) -> Outcome:
    reply = Reply(250, "2.0.0", "words") if result is Result.DELIVERED else Reply(451, "4.0.0", "words")
    return Outcome(PASSED.id, NOW, result, reply)


@pytest.mark.parametrize(
    ("others", "results", "waits", "words"),
    [
        ((), (), State.QUEUED, "250 queued: taken over, queued now"),
        ((), (Result.DEFERRED,), State.FAILED, "250 queued: taken over, failed now"),
        ((BOB,), (Result.DELIVERED,), None, "several recipients"),
        ((replace(BOB, verdict=Verdict.HOLD),), (Result.DELIVERED,), None, "several recipients"),
        # refused at RCPT: it did not come to DATA
        ((replace(BOB, verdict=Verdict.REJECT),), (Result.DELIVERED,), None, "250: the next hop's own below"),
        ((), (Result.DEFERRED, Result.DELIVERED), None, "after the first attempt"),
        ((), (Result.REFUSED,), None, "refusal below, if it was tried at once; else 250 queued"),
        ((), (Result.DEFERRED,), None, "retries = true"),
        ((), (Result.UNKNOWN,), None, "retries = true"),
        ((), (Result.WITHHELD,), None, "stopped before it went out"),
        ((), (), None, "not known"),
        ((replace(PASSED, id="01A", at=NOW - timedelta(hours=1)),), (Result.DELIVERED,), None, "earlier decision"),
    ],
)
def test_words_say_what_is_known_and_no_more(
    others: tuple[Decision, ...], results: tuple[Result, ...], waits: State | None, words: str
) -> None:
    told = told_at_data(PASSED, [PASSED, *others], [*map(attempt, results)], waits)
    assert words in told


def test_a_decision_that_does_not_pass_keeps_its_own_reply() -> None:
    held = replace(PASSED, verdict=Verdict.HOLD, reply=Reply(250, "2.0.0", "held: stale"))
    assert told_at_data(held, [held], [], State.HELD) == ""
    assert "own mail" in told_at_data(replace(PASSED, stream="relay-notices"), [PASSED], [], None)


def test_log_query_says_what_the_client_heard(shop: Shop) -> None:
    one = queued()
    decision = decision_on(one, id=one.copies[0].decision, reply=Reply(250, "2.1.5", "accepted"))
    take(shop, one, decisions=(decision,))
    shown = shop.run("log", "query", "--id", decision.id).out
    assert "  at RCPT    250 2.1.5 accepted\n  at DATA    250 queued: taken over, queued now\n" in shown
    assert shop.run("log", "query", "--id", one.tx.id, "--json").json["at_data"] == "250 queued: taken over, queued now"
