from __future__ import annotations

import json

from cli.shop import Answer, Shop

OLD, NEW = "old@example.com", "new@example.org"
GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


def grant(shop: Shop, address: str, *more: str) -> None:
    assert shop.run("consent", "grant", address, *GRANT, *more).code == 0


def move(shop: Shop, *more: str) -> Answer:
    return shop.run("consent", "move", OLD, NEW, *more)


def test_the_old_address_stops_and_the_new_one_is_asked(shop: Shop) -> None:
    grant(shop, OLD)
    answer = move(shop, "--source", "letter")
    assert answer.code == 0
    assert "new@example.org is to be asked for newsletter, and gets nothing before it has confirmed" in answer.out
    assert "the relay asks nobody for a first yes" in answer.out
    assert shop.standing(OLD)["reasons"][0] == "withdrawn"
    new = shop.standing(NEW)
    assert (new["gets_mail"], new["reasons"], new["status"]) == (False, ["unconfirmed"], "pending")
    assert new["facts"].keys() >= {"requested_at"}
    assert "yes" not in new["facts"]


def test_the_evidence_says_what_happened_and_does_not_repeat_the_old_address(shop: Shop) -> None:
    grant(shop, OLD)
    move(shop, "--source", "letter")
    [request] = shop.run("consent", "show", NEW, "--json").json["events"]
    assert (request["kind"], request["source"]) == ("request", "address change: letter; line 2 of the ledger")
    grant_of_old, withdrawal = shop.run("consent", "show", OLD, "--json").json["events"]
    assert (withdrawal["kind"], withdrawal["source"]) == ("withdraw", "address change: letter")
    assert grant_of_old["kind"] == "grant"


def test_a_yes_of_the_new_address_makes_it_whole(shop: Shop) -> None:
    grant(shop, OLD)
    move(shop)
    grant(shop, NEW)
    assert shop.standing(NEW)["gets_mail"]
    assert not shop.standing(OLD)["gets_mail"]


def test_who_was_erased_is_not_written_down_again(shop: Shop) -> None:
    grant(shop, OLD)
    shop.run("consent", "erase", OLD, "--yes")
    answer = move(shop)
    assert (answer.code, answer.out) == (1, "")
    assert "old@example.com was erased" in answer.err
    with shop.store() as committer:
        assert committer.connection.execute("SELECT 1 FROM ledger WHERE address IS NOT NULL").fetchall() == []


def test_a_no_of_the_old_address_stays_and_nothing_is_asked(shop: Shop) -> None:
    grant(shop, OLD)
    shop.run("consent", "withdraw", OLD)
    answer = move(shop)
    assert answer.code == 1
    assert "old@example.com has said no to newsletter: that stays" in answer.out
    assert shop.standing(NEW)["reasons"] == ["no-consent"]
    assert shop.run("consent", "show", NEW, "--json").json["events"] == []


def test_a_new_address_that_has_said_no_is_left_alone(shop: Shop) -> None:
    grant(shop, OLD)
    shop.run("consent", "withdraw", "New+tag@example.org", "--stream", "newsletter")
    answer = move(shop)
    assert answer.code == 1
    assert "has said no to newsletter itself" in answer.out
    assert shop.standing(NEW)["reasons"] == ["withdrawn", "no-consent"]


def test_a_consent_of_the_new_address_is_left_as_it_is(shop: Shop) -> None:
    grant(shop, OLD)
    grant(shop, NEW)
    answer = move(shop, "--json")
    assert (answer.code, answer.json["has_its_own"], answer.json["asked"]) == (0, ["newsletter"], [])
    assert shop.standing(NEW)["gets_mail"]


def test_two_spellings_of_one_person_are_both_stopped_until_the_new_one_confirms(shop: Shop) -> None:
    grant(shop, OLD)
    answer = shop.run("consent", "move", OLD, "Old+news@example.com")
    assert "reach the same person" in answer.out
    assert not shop.standing(OLD)["gets_mail"]
    standing = shop.standing("Old+news@example.com")
    assert not standing["gets_mail"]
    assert "requested_at" in json.dumps(standing["facts"])
    grant(shop, "Old+news@example.com", "--after-withdrawal")
    assert shop.standing("Old+news@example.com")["gets_mail"]
    assert not shop.standing(OLD)["gets_mail"]


def test_of_a_stranger_nothing_can_be_moved(shop: Shop) -> None:
    shop.run("db", "migrate")
    answer = move(shop)
    assert (answer.code, answer.out) == (1, "")
    assert "nothing is recorded of old@example.com, so nothing was changed" in answer.err
    assert shop.run("consent", "show", OLD, "--json").json["events"] == []


def test_said_twice_it_is_recorded_once(shop: Shop) -> None:
    grant(shop, OLD)
    move(shop)
    before = shop.run("consent", "show", OLD, "--json").json["events"]
    assert move(shop).code == 1
    assert shop.run("consent", "show", OLD, "--json").json["events"] == before
    assert len(shop.run("consent", "show", NEW, "--json").json["events"]) == 1


def test_the_same_address_is_no_change(shop: Shop) -> None:
    shop.run("db", "migrate")
    assert shop.run("consent", "move", OLD, "old@EXAMPLE.com").code == 2
