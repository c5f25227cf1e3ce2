from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cli.shop import Shop
from patience import LONG

from relay.address import Address
from relay.cli.log import fields_of
from relay.decision import Decision, Outcome, Result, new_id
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.store.committing import Work
from relay.store.queries import query
from relay.store.rows import decision_row, outcome_row

NOW = datetime.now(UTC)


def decision(recipient: str, reason: Reason, verdict: Verdict, days_ago: float = 0) -> Decision:
    at = NOW - timedelta(days=days_ago)
    code = 250 if verdict is Verdict.DELIVER else 550
    return Decision(
        id=new_id(at, os.urandom(10)),
        at=at,
        message=new_id(at, os.urandom(10)),
        client="local",
        stream="newsletter",
        brand="brand",
        sender="news@brand.example",
        recipient=Address(*recipient.split("@")),
        verdict=verdict,
        reasons=(reason,),
        status="confirmed",
        facts={"yes": {"basis": "written", "at": "2026-01-01T00:00:00+00:00"}},
        policy="ab" * 32,
        reply=Reply(code, "2.1.5" if code == 250 else "5.7.1", "words"),
    )


OLD = decision("olaf@example.com", Reason.NO_CONSENT, Verdict.REJECT, days_ago=10)
STOPPED = decision("ann@example.com", Reason.WITHDRAWN, Verdict.REJECT, days_ago=2)
SENT = decision("bob@example.com", Reason.CONFIRMED, Verdict.DELIVER)
DELIVERED = Outcome(
    SENT.id, NOW, Result.DELIVERED, Reply(250, "2.0.0", "queued as 4711"), "127.0.0.1:25", 0.042, footer="added"
)


def record(shop: Shop, *decisions: Decision) -> None:
    rows = [decision_row(one) for one in decisions]
    with shop.store() as committer:
        committer.commit([Work(lambda connection: connection.executemany(query("insert_decision"), rows) and None)])


@pytest.fixture
def log(shop: Shop) -> Shop:
    record(shop, OLD, STOPPED, SENT)
    with shop.store() as committer:
        committer.commit(
            [Work(lambda connection: connection.execute(query("insert_outcome"), outcome_row(DELIVERED)) and None)]
        )
    return shop


def ids(out: str) -> list[str]:
    return [json.loads(line)["id"] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [OLD, STOPPED, SENT]),
        (["--recipient", "ANN@Example.COM."], []),
        (["--recipient", "ann@Example.COM."], [STOPPED]),
        (["--recipient", "*@example.com", "--verdict", "deliver"], [SENT]),
        (["--reason", "withdrawn"], [STOPPED]),
        (["--since", "3d"], [STOPPED, SENT]),
        (["--since", (NOW - timedelta(days=1)).isoformat()], [SENT]),
        (["--until", "5d"], [OLD]),
        (["--stream", "offers"], []),
        (["--sender", "news@brand.example", "--client", "local", "--limit", "1"], [SENT]),
    ],
)
def test_decisions_are_found(log: Shop, options: list[str], expected: list[Decision]) -> None:
    answer = log.run("log", "query", "--json", *options)
    assert answer.code == 0
    assert ids(answer.out) == [one.id for one in expected]


def test_more_than_the_limit_is_said(log: Shop) -> None:
    assert "the newest 2; there are more" in log.run("log", "query", "--limit", "2").err


def test_words_for_people_show_the_outcome_below_its_decision(log: Shop) -> None:
    lines = log.run("log", "query", "--recipient", "bob@example.com").out.splitlines()
    assert re.split("  +", lines[0][22:]) == [
        "deliver",
        "confirmed",
        "250",
        "newsletter",
        "news@brand.example -> bob@example.com",
        "local",
        SENT.id,
    ]
    assert lines[1] == " " * 22 + "delivered by 127.0.0.1:25 in 0.042 s: 250 2.0.0 queued as 4711; footer added"


@pytest.mark.parametrize("identity", [SENT.id, SENT.message], ids=["decision", "message"])
def test_an_id_from_a_reply_finds_everything(log: Shop, identity: str) -> None:
    out = log.run("log", "query", "--id", identity).out
    for words in (SENT.id, SENT.message, "bob@example.com", "basis written", "queued as 4711", "Nothing to do."):
        assert words in out
    (found,) = log.run("log", "query", "--id", identity, "--json").out.splitlines()
    told = json.loads(found)
    assert told["outcomes"][0]["reply"] == "250 2.0.0 queued as 4711"
    assert told["facts"] == SENT.facts


def test_an_unknown_id_is_a_problem_found(log: Shop) -> None:
    answer = log.run("log", "query", "--id", "01J00000000000000000000000")
    assert answer.code == 1
    assert "no decision and no message has the id" in answer.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "3 days"], "--since"),
        (["--since", "3y"], "--since"),
        (["--recipient", "bob"], "a pattern has a *"),
        (["--reason", "nope"], "--reason"),
        (["--limit", "-1"], "'-1' is not a whole number"),
    ],
)
def test_wrong_usage(log: Shop, options: list[str], words: str) -> None:
    answer = log.run("log", "query", *options)
    assert answer.code == 2
    assert words in answer.err


def test_tail_begins_with_the_last_ones_and_follows(log: Shop) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "relay", "log", "tail", "-n", "1", "--json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert ids(process.stdout.readline()) == [SENT.id]
        fresh = decision("carl@example.com", Reason.CONFIRMED, Verdict.DELIVER)
        record(log, fresh)
        assert ids(process.stdout.readline()) == [fresh.id]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONG)
    assert process.returncode == 130


def test_fields_are_those_of_the_log_lines() -> None:
    assert fields_of(SENT)["smtp_code"] == 250
    assert fields_of(DELIVERED)["result"] == "delivered"


def test_a_decision_without_outcome_says_where_the_mail_is(shop: Shop) -> None:
    verdicts = {
        Verdict.HOLD: ("held, until the person says yes: consent-relay queue show", Reason.STALE),
        Verdict.DISCARD: ("not sent, told in consent-relay log report", Reason.WITHDRAWN),
        Verdict.REJECT: ("nothing was sent", Reason.WITHDRAWN),
        Verdict.DELIVER: ("none recorded; whether it waits: consent-relay queue show", Reason.CONFIRMED),
    }
    for verdict, (words, reason) in verdicts.items():
        one = decision("ann@example.com", reason, verdict)
        record(shop, one)
        assert words in shop.run("log", "query", "--id", one.id).out


@pytest.mark.parametrize(
    ("result", "told"),
    [(Result.DEFERRED, True), (Result.UNKNOWN, True), (Result.WITHHELD, True), (Result.DELIVERED, False)],
)
def test_an_attempt_that_settled_nothing_says_where_to_look(shop: Shop, result: Result, *, told: bool) -> None:
    one = decision("ann@example.com", Reason.CONFIRMED, Verdict.DELIVER)
    record(shop, one)
    row = outcome_row(Outcome(one.id, NOW, result, Reply(451, "4.4.1", "words"), "127.0.0.1:25", 0.1))
    with shop.store() as committer:
        committer.commit([Work(lambda connection: connection.execute(query("insert_outcome"), row) and None)])
    words = f"whether it waits: consent-relay queue show {one.message}"
    assert (words in shop.run("log", "query", "--id", one.id).out) == told
