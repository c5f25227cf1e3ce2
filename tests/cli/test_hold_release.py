from __future__ import annotations

import json

from cli.queues import held, queued, take, waiting
from cli.shop import Shop

from relay.queued import State


def test_held_mail_of_a_stream_is_queued_and_the_outlook_told(shop: Shop) -> None:
    take(shop, held("a@example.org"), held("b@example.org"), held("c@example.org", stream="offers"))
    answer = shop.run("hold", "release", "--stream", "newsletter")
    assert answer.code == 0
    assert answer.out == (
        "2 copies of newsletter are decided anew; only what may pass passes. Today:\n"
        "  2 copies would be refused, and the sender told (no-consent)\n"
    )
    states = {str(one.copy.recipient.address): one.copy.state for one in waiting(shop)}
    assert states == {"a@example.org": State.QUEUED, "b@example.org": State.QUEUED, "c@example.org": State.HELD}


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    take(shop, held("a@example.org"))
    answer = shop.run("hold", "release", "--address", "A@example.org", "--dry-run")
    assert answer.out.startswith("1 copy of A@example.org would be decided anew; today:\n")
    assert [one.copy.state for one in waiting(shop)] == [State.HELD]


def test_one_message_is_let_go_by_its_id(shop: Shop) -> None:
    one = held("a@example.org")
    take(shop, one, held("b@example.org"))
    told = shop.run("hold", "release", one.tx.id, "--json").json
    assert told == {
        "released": 1,
        "worked_on": 0,
        "dry_run": False,
        "today": [{"verdict": "reject", "reason": "no-consent", "copies": 1}],
    }


def test_the_log_tells_what_was_let_go(shop: Shop) -> None:
    shop.file("relay.toml", '[log]\npath = "relay.log"\n')
    one = held("a@example.org")
    take(shop, one)
    assert shop.run("hold", "release", one.tx.id, "-c", "relay.toml").code == 0
    (line,) = (shop.folder / "relay.log").read_text().splitlines()
    told = json.loads(line)
    assert (told["event"], told["message"], told["reason"]) == ("released", one.tx.id, "stale")


def test_nothing_to_release_is_a_problem(shop: Shop) -> None:
    take(shop, queued("a@example.org"))
    answer = shop.run("hold", "release", "--address", "a@example.org")
    assert (answer.code, answer.err) == (1, "consent-relay hold: nothing is held of a@example.org\n")
    assert shop.run("hold", "release").code == 2


def test_nothing_to_release_of_a_stream_is_said_and_no_problem(shop: Shop) -> None:
    take(shop, queued("a@example.org"))
    answer = shop.run("hold", "release", "--stream", "newsletter")
    assert (answer.code, answer.out) == (0, "nothing to release: nothing is held of newsletter\n")
    told = shop.run("hold", "release", "--stream", "newsletter", "--dry-run", "--json")
    assert (told.code, told.json) == (0, {"released": 0, "worked_on": 0, "dry_run": True, "today": []})
    assert shop.run("hold", "release", "01ABC").code == 1
    assert shop.run("hold", "release", "--stream", "newsletter", "--address", "a@example.org").code == 1
    assert shop.run("hold", "release", "--stream", "newletter").code == 2
