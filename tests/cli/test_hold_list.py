from __future__ import annotations

import json

from cli.queues import change, held, queued, take
from cli.shop import Shop

from relay.reason import Reason


def test_held_mail_is_counted_by_stream_and_reason(shop: Shop) -> None:
    take(shop, held("a@example.org"), held("b@example.org"), held("c@example.org", reason=Reason.UNCONFIRMED), queued())
    heads, first, second, total = shop.run("hold", "list").out.splitlines()
    assert heads.split() == ["stream", "reason", "copies", "size", "oldest", "asked", "given", "up"]
    assert first.split()[:3] == ["newsletter", "stale", "2"]
    assert "nobody" in first
    assert "in 13 d" in first
    assert second.split()[1:3] == ["unconfirmed", "1"]
    assert total == "3 copies held, 216 octets; --copies lists them"


def test_who_was_asked_is_counted(shop: Shop) -> None:
    take(shop, held("a@example.org", hours=50), held("b@example.org"))
    change(shop, "UPDATE copies SET asked_at = at WHERE address = 'a@example.org'")
    assert "1, last 2 d ago" in shop.run("hold", "list").out
    found = shop.run("hold", "list", "--json").json
    assert (found["stream"], found["copies"], found["asked"], found["octets"]) == ("newsletter", 2, 1, 144)


def test_copies_are_listed_on_demand_and_bounded(shop: Shop) -> None:
    take(shop, *(held(f"{number}@example.org") for number in range(3)))
    answer = shop.run("hold", "list", "--copies", "--limit", "2", "--json")
    assert [json.loads(line)["recipient"] for line in answer.out.splitlines()] == ["0@example.org", "1@example.org"]
    assert "2 of 3 copies" in answer.err
    assert shop.run("hold", "list", "--copies").out.count("\n") == 4


def test_filters_choose(shop: Shop) -> None:
    take(shop, held("a@example.org"), held("b@example.net", stream="offers"))
    assert shop.run("hold", "list", "--domain", "example.net", "--json").json["stream"] == "offers"
    assert shop.run("hold", "list", "--reason", "unconfirmed").err == "no such copy is held\n"


def test_a_name_that_nobody_knows_is_wrong_usage(shop: Shop) -> None:
    take(shop, held("a@example.org"))
    for words in (("--stream", "newletter"), ("--client", "nobody")):
        answer = shop.run("hold", "list", *words)
        assert (answer.code, answer.out) == (2, "")
        assert words[1] in answer.err
    known = shop.run("hold", "list", "--stream", "receipts")
    assert (known.code, known.err) == (0, "no such copy is held\n")
