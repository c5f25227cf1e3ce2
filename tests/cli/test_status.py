from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli.queues import HOUR, change, decision_on, held, now, queued, report_line, take
from cli.shop import Answer, Shop

from relay.queued import State
from relay.store.leases import Lease

OWNED = '[[client]]\nname = "local"\nnetworks = ["127.0.0.0/8"]\nowner = "owner@example.com"\n'


@pytest.fixture
def running(shop: Shop) -> Iterator[Shop]:
    """A process of the relay is at work on the store."""
    take(shop)
    lease = Lease(shop.folder / "var" / "relay.db", "worker")
    yield shop
    lease.close()


def problems(answer: Answer) -> list[str]:
    told = answer.json
    assert answer.code == (1 if told["problems"] else 0)
    assert told["ok"] is not bool(told["problems"])
    found: list[str] = told["problems"]
    return found


def test_a_quiet_relay_needs_nobody(running: Shop) -> None:
    answer = running.run("status")
    assert answer.code == 0, answer.out
    assert answer.out.startswith("relay      1 process running\n")
    assert answer.out.endswith("nothing needs an operator\n")
    assert "queued     none" in answer.out


def test_what_waits_is_counted_without_alarm(running: Shop) -> None:
    one = queued("a@example.org")
    take(running, one, queued("b@example.org"), held(), decisions=(decision_on(one),), reports=(report_line(),))
    answer = running.run("status")
    assert answer.code == 0, answer.out
    assert "queued     2 copies, 144 octets, oldest 2 h, next try in 29 min" in answer.out
    assert "held       1 copy, 72 octets, oldest 2 h" in answer.out
    assert "newsletter, stale: 1 copy, oldest 2 h, nobody asked yet" in answer.out
    assert "deferred   2 copies by hop.example:25: 451 4.7.1 greylisted, come back" in answer.out
    assert "decided    2 h ago" in answer.out
    assert "lines not told yet: local 1 (no owner: told to nobody, see log report)" in answer.out
    told = running.run("status", "--json").json
    assert told["ok"] is True
    assert {state: figures["copies"] for state, figures in told["queue"].items()} == {
        "queued": 2, "held": 1, "failed": 0, "aside": 0,
    }  # fmt: skip
    assert told["queue"]["queued"]["oldest_age_seconds"] >= 7200
    assert told["messages"]["count"] == 3
    assert told["held"][0]["copies"] == 1
    assert (told["reports_untold"], told["reports_without_owner"]) == ({"local": 1}, 1)
    assert told["store"]["octets"] > 0
    assert told["last_decision_age_seconds"] >= 7200


def test_a_relay_that_does_not_run_is_a_problem(shop: Shop) -> None:
    take(shop)
    answer = shop.run("status")
    assert answer.code == 1
    assert "PROBLEM: the relay does not run on this store" in answer.out


def test_mail_set_aside_is_a_problem(running: Shop) -> None:
    take(running, queued())
    change(running, "UPDATE copies SET state = 'aside', due_at = NULL")
    (problem,) = problems(running.run("status", "--json"))
    assert problem.startswith("1 copy set aside: look with consent-relay queue list --state aside")


def test_mail_that_waits_for_a_policy_that_is_gone_is_a_problem(running: Shop) -> None:
    take(running, queued())
    change(running, "UPDATE copies SET reason = 'stream-unknown'")
    (problem,) = problems(running.run("status", "--json"))
    assert problem.startswith("1 copy of streams that no policy has, not sent meanwhile")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.QUEUED, "1 copy due and not tried"),
        (State.FAILED, "1 copy whose sender should have been told"),
        (State.HELD, "1 copy held and past their end"),
    ],
)
def test_what_is_late_is_a_problem_and_what_is_just_due_is_none(running: Shop, state: State, words: str) -> None:
    take(running, queued())
    due = "UPDATE copies SET state = ?, due_at = ?"
    change(running, due, state.value, int((now() - 0.2 * HOUR).timestamp() * 1_000_000))
    assert problems(running.run("status", "--json")) == []
    change(running, due, state.value, int((now() - 0.5 * HOUR).timestamp() * 1_000_000))
    (problem,) = problems(running.run("status", "--json"))
    assert problem.startswith(words)
    assert problem.endswith("the first for 30 min")


def test_a_cap_that_is_near_is_a_problem(running: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    take(running, *(held(f"{number}@example.org") for number in range(8)))
    monkeypatch.setenv("RELAY_HOLD__COPIES", "10")
    monkeypatch.setenv("RELAY_HOLD__STREAM_COPIES", "9")
    monkeypatch.setenv("RELAY_QUEUE__OCTETS", str(2 << 30))
    found = problems(running.run("status", "--json"))
    assert found == [
        "8 copies are held, [hold] copies allows 10; beyond it mail is refused for now (452 4.3.1)",
        '8 copies of "newsletter" are held, [hold] stream_copies allows 9',
    ]


def test_an_owner_who_is_not_told_for_days_is_a_problem(running: Shop) -> None:
    running.file("relay.toml", OWNED)
    status = ("status", "--json", "-c", "relay.toml")
    take(running, reports=(report_line(hours=30), report_line(hours=90, client="nobody")))
    assert problems(running.run(*status)) == []
    take(running, reports=(report_line(hours=40),))
    (problem,) = problems(running.run(*status))
    assert problem.startswith('report lines of client "local" are not told to its owner')
