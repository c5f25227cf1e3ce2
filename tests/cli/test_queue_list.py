from __future__ import annotations

import json
from dataclasses import replace

from cli.queues import decision_on, deferred, held, now, queued, take
from cli.shop import Answer, Shop


def recipients(answer: Answer) -> list[str]:
    assert answer.code == 0, answer.err
    return [json.loads(line)["recipient"] for line in answer.out.splitlines()]


def test_all_but_held_mail_is_listed_the_oldest_first(shop: Shop) -> None:
    take(shop, queued("a@example.org"), held("h@example.org"), queued("b@example.net"))
    answer = shop.run("queue", "list")
    lines = answer.out.splitlines()
    assert [line.split()[0] for line in lines] == ["state", "queued", "hop.example:25:", "queued", "hop.example:25:"]
    assert "next try in 29 min" in lines[1]
    assert answer.err == "1 copy held for a yes: consent-relay hold list\n"
    assert recipients(shop.run("queue", "list", "--json")) == ["a@example.org", "b@example.net"]
    assert recipients(shop.run("queue", "list", "--json", "--newest")) == ["b@example.net", "a@example.org"]


def test_states_and_filters_choose(shop: Shop) -> None:
    take(shop, queued("a@example.org"), held("h@example.org"), queued("b@example.net", stream="offers"))
    chosen = ("queue", "list", "--json")
    assert recipients(shop.run(*chosen, "--state", "held")) == ["h@example.org"]
    assert len(recipients(shop.run(*chosen, "--state", "held", "--state", "queued"))) == 3
    assert recipients(shop.run(*chosen, "--domain", "EXAMPLE.net")) == ["b@example.net"]
    assert recipients(shop.run(*chosen, "--stream", "offers")) == ["b@example.net"]
    nothing = shop.run(*chosen, "--stream", "receipts")
    assert (nothing.code, recipients(nothing)) == (0, [])
    assert "no such copy waits" in nothing.err
    assert len(recipients(shop.run(*chosen, "--reason", "next-hop-deferred"))) == 2


def test_a_long_list_is_bounded_and_says_so(shop: Shop) -> None:
    take(shop, *(queued(f"{number}@example.org") for number in range(5)))
    answer = shop.run("queue", "list", "--json", "--limit", "2")
    assert recipients(answer) == ["0@example.org", "1@example.org"]
    assert "2 of 5 copies; --limit shows more" in answer.err


def test_a_name_that_nobody_knows_is_wrong_usage(shop: Shop) -> None:
    take(shop, queued("a@example.org"))
    answer = shop.run("queue", "list", "--stream", "newletter")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        'consent-relay queue: --stream: no policy has the id "newletter", and no mail of it waits; '
        'did you mean "newsletter"?\n'
    )
    assert shop.run("queue", "list", "--client", "nobody").code == 2


def test_what_is_due_says_when_its_next_hop_takes_nothing(shop: Shop) -> None:
    one = queued("a@example.org", next_in=-0.001)
    outcome = deferred(decision_on(one))
    take(shop, one, outcomes=tuple(replace(outcome, at=now()) for _ in range(3)))
    assert "due; hop.example:25 deferred the last 3 attempts" in shop.run("queue", "list").out
    assert "due; hop.example:25 deferred the last 3 attempts" in shop.run("queue", "show", one.tx.id).out
    status = shop.run("status").out
    assert "queued     1 copy, 72 octets, oldest 2 h, due; hop.example:25 deferred the last 3 attempts\n" in status
