"""What a client's owner reads; tests/golden/reports has it word for word (GOLDEN=write writes it anew)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.report import MOST_LISTED, Kind, Report, subject, text
from relay.queued import Fate, ReportLine
from relay.reason import Reason

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "reports"
SINCE = datetime(2026, 3, 1, 6, tzinfo=UTC)


def line(number: int = 0, **more: Any) -> ReportLine:
    fields: dict[str, Any] = {
        "at": SINCE + timedelta(minutes=number),
        "client": "mautic",
        "brand": "brand",
        "stream": "newsletter",
        "message": "01KJK2Q3W8000000000000000A",
        "decision": f"01KJK2Q3W800000000000000{number % 100:02}",
        "sender": "news@brand.example",
        "recipient": f"reader{number}@example.com",
        "fate": Fate.DISCARDED,
        "reason": Reason.WITHDRAWN,
    }
    return ReportLine(**(fields | more))


def report(*kinds: Kind, newest: tuple[ReportLine, ...] = ()) -> Report:
    return Report("mautic", "relay.brand.example", SINCE, SINCE + timedelta(days=1), kinds, newest)


EVERYTHING = report(
    *(Kind(fate, reason, "newsletter", 10 - number) for number, (fate, reason) in enumerate(
        [
            (Fate.DISCARDED, Reason.WITHDRAWN),
            (Fate.DISCARDED, Reason.NO_CONSENT),
            (Fate.EXPIRED, Reason.STALE),
            (Fate.REPLACED, Reason.RENEWAL_DUE),
            (Fate.REFUSED, Reason.COMPLAINED),
            (Fate.UNREPORTED, Reason.NEXT_HOP_REFUSED),
            (Fate.DROPPED, Reason.NEXT_HOP_DEFERRED),
        ]
    )),
    Kind(Fate.UNREPORTED, Reason.NEXT_HOP_REFUSED, "", 1200),
    newest=(
        line(1),
        line(2, fate=Fate.EXPIRED, reason=Reason.STALE, recipient="山田@例え.example"),
        line(3, fate=Fate.UNREPORTED, reason=Reason.NEXT_HOP_REFUSED, sender="", stream="", reply="550 5.1.1 no such user"),
    ),
)  # fmt: skip
ONE = report(Kind(Fate.DROPPED, Reason.STALE, "newsletter", 1), newest=(line(),))


def is_as_in(name: str, written: str) -> bool:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(written, "utf-8")
    return file.read_text("utf-8") == written


def whole(told: Report) -> str:
    return f"Subject: {subject(told)}\n\n{text(told)}"


def test_a_report_of_everything_reads_as_written_down() -> None:
    assert is_as_in("everything", whole(EVERYTHING))


def test_a_report_of_a_single_mail_reads_as_written_down() -> None:
    assert is_as_in("one", whole(ONE))


def test_each_reason_reads_in_japanese_as_written_down() -> None:
    kinds = [Kind(Fate.DISCARDED, reason, "newsletter", 1) for reason in Reason]
    _, japanese, _ = text(report(*kinds)).split("-" * 72)
    assert is_as_in("reasons", japanese)


def test_a_line_without_a_decision_is_found_by_its_message() -> None:
    listed = text(report(Kind(Fate.UNREPORTED, Reason.LIMIT, "s", 1), newest=(line(decision=""),)))
    assert listed.endswith("  id 01KJK2Q3W8000000000000000A\n")


@given(
    st.permutations(
        [
            Kind(fate, reason, stream, 7)
            for fate in (Fate.DISCARDED, Fate.EXPIRED)
            for reason in (Reason.STALE, Reason.WITHDRAWN)
            for stream in ("a", "b")
        ]
    )
)
def test_kinds_of_as_many_mails_stand_in_one_order_however_they_are_found(kinds: list[Kind]) -> None:
    rows = [row.split() for row in text(report(*kinds)).splitlines() if row.strip().startswith("7 ")]
    assert rows[:8] == sorted(rows[:8])
    assert len(rows) == 16


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("550 no\x00\u202e\u200b such", "550 no??? such"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 117 + "..."),
    ],
)
def test_the_answer_of_a_next_hop_is_one_short_line_of_what_can_be_seen(words: str, shown: str) -> None:
    assert f"  answer: {shown}\n" in text(
        report(Kind(Fate.UNREPORTED, Reason.LIMIT, "s", 1), newest=(line(reply=words),))
    )


def test_one_mail_too_many_to_list_is_counted_as_well() -> None:
    words = text(report(Kind(Fate.DROPPED, Reason.STALE, "s", 201), newest=tuple(map(line, range(1, 201)))))
    assert "The newest 200 of 201; the operator of the relay sees the other 1 by" in words


def test_what_is_not_listed_is_counted_and_the_command_shows_it() -> None:
    newest = tuple(map(line, range(MOST_LISTED)))
    words = text(report(Kind(Fate.DISCARDED, Reason.WITHDRAWN, "newsletter", 1_234_567), newest=newest))
    assert "the other 1,234,367 by" in words
    assert "consent-relay log report --client mautic --since 2026-03-01T06:00:00Z --until 2026-03-02T06:00:00Z" in words


def test_a_report_is_bounded_whatever_there_is_to_tell() -> None:
    kinds = [Kind(Fate.DISCARDED, Reason.WITHDRAWN, f"s{number}" * 100, number) for number in range(1, 1000)]
    words = text(report(*kinds, newest=tuple(line(number, sender="x" * 5000) for number in range(1000))))
    assert len(words) < 100_000
    assert "reader999@example.com" in words
    assert "reader799@example.com" not in words
    rows = [row.split() for row in words.splitlines() if "..." in row and "sss" not in row and "s9" not in row]
    assert [row for row in rows if row[0][0].isdigit()] == [[f"{sum(range(1, 970)):,}", "...", "...", "..."]] * 2


@given(st.text(), st.text(), st.text())
def test_no_word_of_others_makes_a_line_of_its_own(stream: str, recipient: str, reply: str) -> None:
    one = line(stream=stream, recipient=recipient, reply=reply)
    words = text(report(Kind(Fate.DROPPED, Reason.STALE, stream, 1), newest=(one,)))
    plain = text(
        report(Kind(Fate.DROPPED, Reason.STALE, "s", 1), newest=(line(stream="s", reply="r" if reply else ""),))
    )
    assert len(words.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("reason", Reason)
def test_japanese_readers_are_told_each_reason_in_japanese(reason: Reason) -> None:
    told = text(report(Kind(Fate.DROPPED, reason, "newsletter", 1), newest=(line(reason=reason),)))
    (_, words) = (one for one in told.splitlines() if one.startswith(f"{reason}: "))  # English stands above
    assert not words.isascii()
