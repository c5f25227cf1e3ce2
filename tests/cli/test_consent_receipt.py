from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cli.shop import Shop

AT = (datetime.now(UTC) - timedelta(days=3)).isoformat()
GRANT = ("--basis", "single-opt-in", "--act", "ticked", "--at", AT)
WORDS = "Yes, send me news about your products."


def test_a_consent_is_printed_as_a_receipt(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", "--stream", "newsletter", *GRANT, "--wording", WORDS)
    receipt = shop.run("consent", "show", "ann@example.com", "--receipt").json
    assert set(receipt) == {"iso", "kantara", "standing", "missing"}
    assert receipt["iso"]["record_header"]["pii_principal_id"] == "ann@example.com"
    assert receipt["iso"]["pii_processing"]["privacy_notice"]["wording"] == WORDS
    assert receipt["kantara"]["piiPrincipalId"] == "ann@example.com"
    assert receipt["standing"]["status"] == "confirmed"


def test_a_withdrawal_stands_on_the_receipt(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", "--stream", "newsletter", *GRANT)
    shop.run("consent", "withdraw", "Ann+news@example.com")
    receipt = shop.run("consent", "show", "ann@example.com", "--receipt").json
    assert [one["event_state"] for one in receipt["iso"]["event"]] == ["ConsentGiven", "ConsentWithdrawn"]
    assert receipt["standing"]["status"] == "withdrawn"


def test_who_never_agreed_gets_no_receipt(shop: Shop) -> None:
    shop.run("consent", "grant", "Ann@example.com", "--stream", "newsletter", *GRANT)
    answer = shop.run("consent", "show", "ann@example.com", "--receipt")
    assert answer.code == 1
    assert "no yes of exactly ann@example.com is recorded" in answer.err


def test_of_several_consents_one_has_to_be_named(shop: Shop) -> None:
    newsletter = (shop.folder / "policies" / "newsletter.toml").read_text("utf-8")
    offers = newsletter.replace('id = "newsletter"', 'id = "offers"').replace("newsletter.brand", "offers.brand")
    shop.file("policies/offers.toml", offers.replace("news.brand", "offers.brand"))
    for stream in ("newsletter", "offers"):
        shop.run("consent", "grant", "ann@example.com", "--stream", stream, *GRANT)
    answer = shop.run("consent", "show", "ann@example.com", "--receipt")
    assert answer.code == 2
    assert "say which with --stream: newsletter, offers" in answer.err
    receipt = shop.run("consent", "show", "ann@example.com", "--receipt", "--stream", "offers").json
    assert receipt["kantara"]["services"][0]["service"] == "offers"
