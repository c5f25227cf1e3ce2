from __future__ import annotations

from cli.shop import Shop
from store.waiting import copy_to, message_to

from relay.queued import State, Step
from relay.store.committing import Work
from relay.store.queue import Caps, take_step
from relay.store.schema import migrations


def test_status_counts(shop: Shop) -> None:
    shop.run("consent", "withdraw", "ann@example.com")
    status = shop.run("db", "status", "--json").json
    assert (status["schema"], status["events"], status["withdrawn"], status["behind_journal"]) == (
        len(migrations()),
        1,
        1,
        False,
    )
    assert status["octets"] > 0
    assert "events          1\n" in shop.run("db", "status").out


def test_status_counts_what_waits(shop: Shop) -> None:
    mail = message_to("ann@example.com", copy_to("bob@example.com", State.HELD))
    with shop.store() as committer:
        committer.commit([Work(lambda c: take_step(c, Step(messages=(mail,)), "me", Caps(), committer.pseudonyms))])
    status = shop.run("db", "status", "--json").json
    assert (status["messages"], status["message_octets"]) == (1, len(mail.content))
    assert (status["queued"], status["held"], status["failed"], status["aside"]) == (1, 1, 0, 0)
