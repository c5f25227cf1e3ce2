from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cli.shop import Shop

from relay.address import Address
from relay.cli.stored import append
from relay.consent.events import Event, EventKind

ANN = Address("ann", "example.com")
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", (AT - timedelta(days=1)).isoformat())


def learnt(shop: Shop) -> None:
    """As the relay records it when a next hop has called the address wrong twice."""
    shop.run("consent", "grant", str(ANN), *GRANT)
    event = Event("1" * 26, EventKind.UNDELIVERABLE, ANN, "", "", AT, AT, "refused twice", "relay", live=True)
    with shop.store() as committer:
        append(committer, [event])
    assert shop.standing(str(ANN))["status"] == "undeliverable"


def test_an_operator_who_knows_that_the_mailbox_works_says_so(shop: Shop) -> None:
    learnt(shop)
    answer = shop.run("consent", "deliverable", str(ANN), "--source", "telephoned")
    assert answer.code == 0
    assert answer.out == "ann@example.com counts as deliverable again; whether it gets mail is a question of consent\n"
    assert shop.standing(str(ANN))["status"] == "confirmed"
    shown = shop.run("consent", "show", str(ANN), "--json").json
    (told,) = [one for one in shown["events"] if one["kind"] == "deliverable"]
    assert (told["source"], told["recorder"]) == ("telephoned", "cli")


def test_it_counts_for_exactly_this_address(shop: Shop) -> None:
    learnt(shop)
    answer = shop.run("consent", "deliverable", "Ann@example.com")
    assert answer.out == "Ann@example.com is not held undeliverable, nothing to record\n"
    assert shop.standing(str(ANN))["status"] == "undeliverable"


def test_it_lifts_no_withdrawal(shop: Shop) -> None:
    learnt(shop)
    shop.run("consent", "withdraw", str(ANN))
    shop.run("consent", "deliverable", str(ANN))
    assert shop.standing(str(ANN))["status"] == "withdrawn"


def test_an_address_that_works_needs_no_word(shop: Shop) -> None:
    shop.run("consent", "grant", str(ANN), *GRANT)
    before = len(shop.run("consent", "show", str(ANN), "--json").json["events"])
    assert shop.run("consent", "deliverable", str(ANN)).code == 0
    assert len(shop.run("consent", "show", str(ANN), "--json").json["events"]) == before
