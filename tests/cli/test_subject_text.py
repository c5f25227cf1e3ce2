"""What is held of a person, in words for that person."""

from __future__ import annotations

from cli.shop import Shop
from cli.subjects import ANN, TAGGED, WORDS, keep_mail_for_ann


def test_the_readable_form_tells_the_same(known: Shop) -> None:
    answer = known.run("consent", "export", "--subject", ANN)
    assert answer.code == 0
    for words in (
        "What is held of ann@example.com, on ",
        "Also written as: ",
        "fair in Osaka",
        "IP address 192.0.2.7, browser Browser/7",
        WORDS,
        "Mail to you today",
        "withdrawn",
        "- 2026-03-01 12:00 UTC  newsletter: deliver (confirmed): delivered; deferred",
        "5.1.1",
        "Who has received the address",
        "How long it is kept, and why",
        "Mail that you sent",
    ):
        assert words in " ".join(answer.out.replace("\n  ", " ").split("\n")), words


def test_mail_that_waits_and_mail_that_was_not_sent_are_told(known: Shop) -> None:
    keep_mail_for_ann(known)
    text = known.run("consent", "export", "--subject", ANN).out
    assert "Mail to you that waits" in text
    assert "newsletter: held (stale)" in text
    assert "newsletter: expired (stale)" in text
    assert "joann" not in text.lower()


def test_who_was_erased_reads_when(known: Shop) -> None:
    known.run("consent", "erase", ANN, "--yes")
    assert "Erased on " in known.run("consent", "export", "--subject", TAGGED).out


def test_a_stranger_reads_that_nothing_is_held_and_no_more(known: Shop) -> None:
    answer = known.run("consent", "export", "--subject", "zoe@example.com")
    assert answer.code == 0
    assert answer.out.splitlines()[1:] == ["Nothing: this address is not known here, under whatever spelling."]


def test_long_lines_are_wrapped_and_go_on_under_their_beginning(known: Shop) -> None:
    told = known.run("consent", "export", "--subject", ANN).out.splitlines()
    assert max(map(len, told)) <= 100
    assert any(line.startswith("  ") for line in told)
