from __future__ import annotations

import hashlib

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


def test_the_words_are_kept_whether_they_come_as_text_file_or_hash(shop: Shop) -> None:
    words = "Send me news."
    identity = hashlib.sha256(words.encode()).hexdigest()
    file = shop.file("form.txt", f"{words}\n")
    for person, given in (("ann", words), ("bob", f"@{file}"), ("carl", identity.upper())):
        answer = shop.run("consent", "grant", f"{person}@example.com", *GRANT, "--wording", given)
        assert (answer.code, answer.err) == (0, "")
    [kept] = shop.run("consent", "wording", "list", "--json").json
    assert (kept["hash"], kept["text"], kept["uses"]) == (identity, words, 3)


def test_a_hash_without_its_words_is_taken_and_said(shop: Shop) -> None:
    answer = shop.run("consent", "grant", "ann@example.com", *GRANT, "--wording", "ab" * 32)
    assert answer.code == 0
    assert "only the hash is known" in answer.err


def test_what_cannot_have_happened_is_refused_in_words(shop: Shop) -> None:
    times = ("--at", "2026-03-01T09:00:00Z", "--confirmed-at", "2026-02-01T09:00:00Z")
    answer = shop.run("consent", "grant", "ann@example.com", *GRANT[:4], *times)
    assert (answer.code, answer.out) == (2, "")
    assert "this cannot have happened: " in answer.err
    assert answer.err.count("\n") == 1
