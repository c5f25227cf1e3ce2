from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.shop import Shop

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


def test_a_granted_address_gets_mail_and_a_withdrawn_one_does_not(shop: Shop) -> None:
    granted = shop.run("consent", "grant", "ann@EXAMPLE.com.", *GRANT, "--source", "fair")
    assert granted.code == 0
    assert granted.out == "recorded for ann@example.com; newsletter: confirmed, gets mail (confirmed)\n"
    assert shop.run("consent", "withdraw", "ann@example.com", "--stream", "newsletter").code == 0
    assert shop.standing("ann@example.com")["verdict"] == "reject"


def test_a_grant_after_a_withdrawal_says_that_the_no_stands(shop: Shop) -> None:
    shop.run("consent", "withdraw", "ANN@example.com")
    answer = shop.run("consent", "grant", "ann@example.com", *GRANT)
    assert "gets no mail (reject, withdrawn)" in answer.out
    assert "--after-withdrawal" in answer.err
    freed = shop.run("consent", "grant", "ann@example.com", *GRANT, "--after-withdrawal")
    assert "gets mail (confirmed)" in freed.out
    assert freed.err == ""
    assert shop.standing("ANN@example.com")["reasons"] == ["withdrawn", "no-consent"]


def test_a_withdrawal_without_a_stream_stops_all_commercial_mail_and_no_receipts(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    answer = shop.run("consent", "withdraw", "ann@example.com")
    assert answer.out == "ann@example.com gets no more mail of any commercial stream, under whatever spelling\n"
    assert not shop.standing("ann@example.com")["gets_mail"]
    assert shop.standing("ann@example.com", "receipts")["gets_mail"]
    shop.run("consent", "withdraw", "ann@example.com", "--stream", "receipts")
    assert not shop.standing("ann@example.com", "receipts")["gets_mail"]


def test_a_withdrawal_is_taken_even_when_the_policies_cannot_be_read(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    policy = shop.folder / "policies" / "newsletter.toml"
    content = policy.read_text()
    policy.write_text("broken")
    assert shop.run("consent", "withdraw", "ann@example.com").code == 0
    policy.write_text(content)
    assert shop.standing("ann@example.com")["status"] == "withdrawn"


def test_a_withdrawal_from_a_stream_without_a_policy_is_taken_too(shop: Shop) -> None:
    answer = shop.run("consent", "withdraw", "ann@example.com", "--stream", "old-news")
    assert answer.code == 1  # a slip of the pen would leave the person with the mail
    assert "no policy has the id 'old-news'" in answer.err
    assert "old-news: no policy has this stream any more" in shop.run("consent", "show", "ann@example.com").out


def test_a_withdrawal_may_be_told_later_than_it_was_said(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    shop.run("consent", "withdraw", "ann@example.com", "--at", yesterday)
    assert not shop.standing("ann@example.com")["gets_mail"]


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


def test_a_ledger_that_was_changed_by_hand_is_found(shop: Shop) -> None:
    shop.run("consent", "grant", "ann@example.com", *GRANT)
    shop.run("consent", "withdraw", "ann@example.com")
    verified = shop.run("consent", "verify", "--json").json
    assert verified["lines"] == 2
    assert verified["flaw"] is None
    stranger = sqlite3.connect(Path("var") / "relay.db", isolation_level=None)
    stranger.execute("UPDATE ledger SET kind = 'renew' WHERE sequence = 2")
    stranger.close()
    found = shop.run("consent", "verify")
    assert found.code == 1
    assert found.err.startswith("line 2: changed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grant", "ann", *GRANT], "the address cannot be used: the address has no domain"),
        (["grant", "ann@example.com", "--stream", "nope", "--basis", "written", "--at", "now"], "known are newsletter"),
        (["grant", "ann@example.com", *GRANT[:-1], "1.5.2025"], "--at: '1.5.2025' is not a time in ISO 8601"),
        (["grant", "ann@example.com", *GRANT[:-1], "2999-01-01T00:00:00Z"], "lies in the future"),
        (["grant", "ann@example.com", *GRANT[:-1], "2025-01-01"], "has no zone"),
        (["grant", "ann@example.com", "--stream", "newsletter", "--at", "now"], "--basis"),
        (["withdraw", "ann@example.com", "--at", "soon"], "--at"),
        (["withdraw", "ann@example.com", "--source", "\udcff"], "not valid text"),
        (["show"], "ADDRESS"),
        ([], "ACTION"),
    ],
)
def test_wrong_usage_has_its_own_exit_code_and_says_what_is_wrong(shop: Shop, arguments: list[str], words: str) -> None:
    answer = shop.run("consent", *arguments)
    assert answer.code == 2
    assert words in answer.err


def test_without_a_store_there_is_nothing_to_show(shop: Shop) -> None:
    answer = shop.run("consent", "show", "ann@example.com")
    assert answer.code == 1
    assert "there is no store yet; consent-relay db migrate makes one" in answer.err
