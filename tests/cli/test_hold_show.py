from __future__ import annotations

from cli.queues import held, queued, take
from cli.shop import Shop
from store.waiting import copy_to, message_to

from relay.queued import State


def test_held_mail_is_shown_with_what_would_be_decided_today(shop: Shop) -> None:
    one = held("hal@example.org")
    take(shop, one, queued("hal@example.org"))
    for identity in (one.tx.id, one.copies[0].decision, "Hal@example.org"):
        shown = shop.run("hold", "show", identity)
        assert shown.code == 0, shown.err
        assert shown.out.count("message 01") == 1
        assert "hal@example.org: held, stale; given up in 13 d" in shown.out
        assert "today      would be refused, and the sender told: no-consent: " in shown.out
    told = shop.run("hold", "show", one.tx.id, "--json").json
    assert (told["held"], told["copies"][0]["recipient"]) == (1, "hal@example.org")
    assert told["copies"][0]["today"].startswith("would be refused")


def test_its_content_comes_as_from_queue_show(shop: Shop) -> None:
    take(shop, queued("ann@example.org"))
    answer = shop.run("hold", "show", "ann@example.org", "--content")
    assert "its content is gone" in answer.err  # of what is held, there is none


def test_what_is_not_held_is_a_problem(shop: Shop) -> None:
    take(shop, queued("ann@example.org"))
    answer = shop.run("hold", "show", "ann@example.org")
    assert answer.code == 1
    assert "nothing is held of ann@example.org; consent-relay queue show" in answer.err


def test_of_very_many_the_first_are_shown_and_all_as_json(shop: Shop) -> None:
    one = message_to(*(copy_to(f"{number}@example.org", State.HELD) for number in range(5)))
    take(shop, one)
    shown = shop.run("hold", "show", one.tx.id, "--limit", "2")
    assert shown.out.count(": held, stale") == 2
    assert shown.err == "2 of 5 copies; --limit shows more\n"
    assert len(shop.run("hold", "show", one.tx.id, "--limit", "2", "--json").json["copies"]) == 5
