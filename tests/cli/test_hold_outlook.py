from __future__ import annotations

from cli.queues import held, now, take
from cli.shop import Shop

from relay.cli.hold_outlook import as_json, decisions_of_today, in_words, passes, summed_up
from relay.cli.stored import reader_of
from relay.config.load import load_settings
from relay.decision import Decision
from relay.policy.files import load_policies
from relay.reason import Verdict
from relay.store.waiting import WantedCopies


def today(shop: Shop, **environment: str) -> dict[str, Decision | None]:
    settings = load_settings(None, environment)
    with reader_of(settings) as reader:
        found = reader.waiting().copies(WantedCopies())
        decided = decisions_of_today(reader, settings, load_policies(settings.policies), found, now())
    return {str(one.copy.recipient.address): decided[one.copy.number] for one in found}


def test_each_copy_gets_the_decision_that_the_relay_would_make(shop: Shop) -> None:
    yes = ("--stream", "newsletter", "--basis", "double-opt-in", "--act", "clicked", "--source", "test")
    shop.run("consent", "grant", "ann@example.org", *yes, "--at", "2026-01-05T00:00:00Z")
    take(shop, held("ann@example.org"), held("bob@example.org"), held("x@example.org", stream="gone"))
    shop.run("consent", "grant", "ann@example.org", *yes, "--at", "now")
    decided = today(shop)
    assert passes(decided["ann@example.org"])
    assert in_words(decided["ann@example.org"]) == "would pass"
    bob = decided["bob@example.org"]
    assert bob is not None
    assert (bob.verdict, bob.passes) == (Verdict.REJECT, False)
    assert in_words(bob).startswith("would be refused, and the sender told: no-consent: ")
    assert decided["x@example.org"] is None
    assert not passes(None)
    assert in_words(None) == "would wait: no policy has this stream any more"


def test_a_client_that_wants_no_refusal_gets_none(shop: Shop) -> None:
    take(shop, held("bob@example.org"))
    client = '[{"name": "shop", "networks": ["127.0.0.0/8"], "refusal": "accept-and-report"}]'
    (decision,) = today(shop, RELAY_CLIENT=client).values()
    assert decision is not None
    assert decision.verdict is Verdict.DISCARD


def test_decisions_are_summed_up(shop: Shop) -> None:
    take(shop, held("a@example.org"), held("b@example.org"), held("c@example.org", stream="gone"))
    decided = dict(enumerate(today(shop).values()))
    assert summed_up(decided) == [
        "2 copies would be refused, and the sender told (no-consent)",
        "1 copy would wait: no policy has the stream any more",
    ]
    assert as_json(decided) == [
        {"verdict": "reject", "reason": "no-consent", "copies": 2},
        {"verdict": "", "reason": "", "copies": 1},
    ]
