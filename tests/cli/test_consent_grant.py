from __future__ import annotations

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
