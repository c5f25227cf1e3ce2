from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cli.shop import Shop

GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now")


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
