from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from golden.notifications import CASES, DELAYED, EXPIRED, NO_SUCH_USER, NOW, REPORT, WITHDRAWN, told

from relay.message.dsn import Action
from relay.message.dsn_words import JAPANESE_BELOW, MOST_LISTED, SUBJECTS, words
from relay.reason import MEANINGS, Group, Reason
from relay.reply import Reply


def halves(text: str) -> tuple[str, str]:
    assert text.startswith(f"{JAPANESE_BELOW}\n\n")
    english, _, japanese = text.removeprefix(JAPANESE_BELOW).partition("-" * 60)
    return english, japanese


@pytest.mark.parametrize("reason", [one for one in Reason if MEANINGS[one].group is not Group.PASS])
def test_every_reason_is_told_in_both_languages_with_what_to_do(reason: Reason) -> None:
    text = words(replace(REPORT, told=(told("hanako@example.org", reason),)))
    for half, to_do in zip(halves(text), ("What to do: ", "対応: "), strict=True):
        assert "* hanako@example.org" in half
        assert to_do in half
        assert f"{reason}" in half
        assert WITHDRAWN.decision in half
        assert REPORT.message in half
    english, japanese = halves(text)
    assert english.isascii()
    assert "。" in japanese


def test_the_words_for_every_reason_are_those_written_down() -> None:
    """tests/golden/dsn/reasons.txt (WRITE_GOLDEN=1 writes it anew)."""
    everybody = tuple(told(f"{reason}@example.org", reason) for reason in Reason)
    written = words(replace(REPORT, told=everybody))
    file = Path(__file__).resolve().parents[1] / "golden" / "dsn" / "reasons.txt"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_text(written, "utf-8")
    assert file.read_text("utf-8") == written


def test_who_was_refused_reads_no_answer_that_says_it_twice_and_who_was_deferred_reads_a_short_one() -> None:
    ours = Reply(550, "5.7.1", "withdrawn: it is ours")
    for reason in (Reason.WITHDRAWN, Reason.HOLD_EXPIRED):
        assert "Answer: " not in words(replace(REPORT, told=(replace(told("h@example.org", reason), last=ours),)))
    theirs = Reply(451, "4.2.1", "x" * 400)
    held = replace(told("h@example.org", Reason.NEXT_HOP_DEFERRED), last=theirs)
    assert f"  Answer: 451 4.2.1 {'x' * 287}...\n" in words(replace(DELAYED, told=(held,)))


@pytest.mark.parametrize(
    ("span", "english", "japanese"),
    [
        (timedelta(0), "1 minute", "1分間"),
        (timedelta(seconds=89), "1 minute", "1分間"),
        (timedelta(seconds=91), "2 minutes", "2分間"),
        (timedelta(minutes=119), "119 minutes", "119分間"),
        (timedelta(minutes=120), "2 hours", "2時間"),
        (timedelta(minutes=2879), "48 hours", "48時間"),
        (timedelta(minutes=2880), "2 days", "2日間"),
        (timedelta(days=5, hours=11), "5 days", "5日間"),
        (timedelta(days=5, hours=13), "6 days", "6日間"),
    ],
)
def test_how_long_was_tried_is_told_in_round_figures(span: timedelta, english: str, japanese: str) -> None:
    text = words(replace(REPORT, told=(EXPIRED,), tried_for=span))
    assert f"It was given up after {english}.\n" in text
    assert f"  {japanese}試みて、" in text


def test_an_expired_mail_says_after_how_long_it_was_given_up() -> None:
    for tried_for, english, japanese in (
        (timedelta(days=5), "after 5 days", "5日間"),
        (timedelta(hours=36), "after 36 hours", "36時間"),
        (timedelta(minutes=90), "after 90 minutes", "90分間"),
    ):
        text = words(replace(REPORT, told=(EXPIRED,), tried_for=tried_for))
        assert english in halves(text)[0]
        assert japanese in halves(text)[1]
        assert "Answer: 451 4.4.7 expired: not delivered within 5d: mailbox full" in text


@pytest.mark.parametrize(
    ("reason", "last"),
    [
        (Reason.NEXT_HOP_DEFERRED, Reply(451, "4.4.1", "the next hop is away")),
        (Reason.NEXT_HOP_DEFERRED, None),
        (Reason.CONFIRMED, None),
        (Reason.INTERNAL_ERROR, None),
    ],
)
def test_what_an_operator_gave_up_is_not_said_to_have_been_tried_to_the_end_or_to_be_against_a_rule(
    reason: Reason, last: Reply | None
) -> None:
    english, japanese = halves(words(replace(REPORT, told=(replace(told("h@example.org", reason), last=last),))))
    assert "The operator of the mail relay gave it up." in english
    assert "運用者が配信を取りやめました" in japanese
    assert "after 5 days" not in english
    assert "rules" not in english
    assert "配信規則" not in japanese


def test_the_next_hops_own_words_stand_there_only_where_it_decided() -> None:
    assert "  Answer: 550 5.1.1 no such user" in words(replace(REPORT, told=(NO_SUCH_USER,)))
    assert "Answer" not in words(replace(REPORT, told=(replace(WITHDRAWN, last=Reply(550, "5.7.1", "ours")),)))


def test_a_delay_asks_for_nothing_and_says_until_when_it_is_tried() -> None:
    text = words(DELAYED)
    assert "until 2026-05-09 08:00 UTC" in text
    assert "2026-05-09 08:00 UTC まで" in text
    assert "What to do" not in text


def test_a_mail_that_was_passed_on_is_no_failure() -> None:
    text = words(CASES["relayed"])
    assert "you will hear no more of it" in text
    assert "confirmed" not in text  # why it might pass is nothing to its sender
    assert "did not reach" not in text


def test_of_many_recipients_the_first_are_listed_and_the_others_counted() -> None:
    many = tuple(told(f"n{number}@example.org", Reason.WITHDRAWN) for number in range(MOST_LISTED + 7))
    text = words(replace(REPORT, told=many))
    assert MOST_LISTED == 50
    assert "\n\n... and 7 more, listed in the attached delivery report.\n" in text
    assert text.count("* n") == 2 * MOST_LISTED
    assert "and 7 more" in text
    assert "ほか 7 件" in text
    assert "more" not in words(replace(REPORT, told=many[:MOST_LISTED])).replace("no more", "")


def test_each_kind_has_a_subject_in_both_languages() -> None:
    assert set(SUBJECTS) == set(Action)
    assert all(" / " in subject for subject in SUBJECTS.values())
    assert all(f"{NOW:%Y}" not in subject for subject in SUBJECTS.values())
