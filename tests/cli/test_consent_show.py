from __future__ import annotations

from cli.shop import Shop


def test_the_timeline_tells_in_words_what_happened(shop: Shop) -> None:
    options = ("--stream", "newsletter", "--basis", "single-opt-in", "--at", "2026-01-05 10:30", "--timezone", "+09:00")
    shop.run(
        "consent", "grant", "ann@example.com", *options, "--act", "preticked", "--source", "shop", "--ip", "192.0.2.1"
    )
    shop.run("consent", "withdraw", "ann+x@example.com", "--source", "telephone")
    shown = shop.run("consent", "show", "ann@example.com").out
    assert "newsletter: withdrawn, gets no mail (reject, withdrawn)" in shown
    assert (
        "2026-01-05 01:30 UTC  said yes for newsletter (single opt-in, preticked, counts as assumed: no active act) "
        "- shop [IP 192.0.2.1]" in shown
    )
    assert "withdrew from all mail of brand - telephone [as ann+x@example.com]" in shown


def test_nothing_is_known_of_a_stranger(shop: Shop) -> None:
    shop.run("db", "migrate")
    shown = shop.run("consent", "show", "stranger@example.com")
    assert shown.code == 0
    assert "nothing is recorded of this person" in shown.out
    assert shop.run("consent", "show", "stranger@example.com", "--json").json["events"] == []


def test_without_a_store_there_is_nothing_to_show(shop: Shop) -> None:
    answer = shop.run("consent", "show", "ann@example.com")
    assert answer.code == 1
    assert "there is no store yet; consent-relay db migrate makes one" in answer.err
