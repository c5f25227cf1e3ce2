from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cli.forecasts import DAY, NOW, PEOPLE, told, yes

from relay.cli.forecast_words import LABELS, Told, as_json, changes_of, lines_of
from relay.consent.facts import Facts
from relay.consent.forecast import ENDS
from relay.consent.freshness import Rule

WHOLE = told(*PEOPLE)


def text_of(one: Told) -> str:
    return "\n".join(lines_of(one))


def test_a_line_is_a_week_and_a_column_a_rule_that_ends_anything() -> None:
    rows = [line.split() for line in lines_of(WHOLE) if line.startswith("  2026-") or "together" in line]

    assert rows[0] == [
        "from", "until", "stale", "renewal-due", "first-mail-late", "customer", "inquiry", "migration", "unanswered",
        "together",
    ]  # fmt: skip
    assert rows[1] == ["2026-06-01", "2026-06-07", "12", "-", "1", "-", "-", "-", "1", "14"]
    assert rows[2] == ["2026-06-08", "2026-06-14", "-", "1", "-", "-", "-", "-", "-", "1"]
    assert rows[-1] == ["together", "12", "1", "1", "1", "1", "1", "1", "18"]
    assert all(row[-1] != "-" for row in rows), "weeks in which nothing runs out are left out"
    assert len(rows) < 15


@pytest.mark.parametrize(("days", "lines"), [(1, 1), (14, 14), (15, 3), (210, 30), (211, 8), (1095, 40)])
def test_few_days_are_told_one_by_one_and_many_in_weeks(days: int, lines: int) -> None:
    assert len(told(days=days).stretches) == lines


def test_every_number_is_told_with_what_would_change_it() -> None:
    text = text_of(WHOLE)

    assert (
        '  stale: 12 by consent.stale_after = "365d". What changes it: a mail of this stream that is delivered or a new '
        "yes." in text
    )
    assert '  customer: 1 by consent.customer_within = "730d". What changes it: a new purchase or a new yes.' in text
    assert "  migration: 1 by migration.until = 2026-06-30. What changes it: a new yes." in text
    assert "  unanswered: 1 by consent.confirm_within" in text
    assert '  ask now: 15 (12 stale, 1 renewal-due, 1 customer, 1 migration), consent.ask_before = "30d".' in text
    assert "  get no mail any more: 1 stale, 1 of a basis that is not accepted. What changes it: a new yes." in text
    for line in text.splitlines():
        if any(line.startswith(f"  {label}:") for label in LABELS.values()):
            assert "What changes it: " in line


def test_a_confirmation_that_has_not_left_is_an_alarm() -> None:
    assert (
        "  ALARM: 1 asked for this mail, and the mail that asks for the click has not left within "
        '"24h" (consent.confirmation_sent_within). What changes it: sending the mail that asks.' in text_of(WHOLE)
    )
    assert "ALARM" not in text_of(told(*PEOPLE[:5]))


def test_a_migration_is_named_with_its_last_day() -> None:
    assert "  [migration]: assumed counts until 2026-06-30 (29 days left)" in text_of(WHOLE)
    assert "[migration]" not in text_of(told(stream=replace(WHOLE.stream, migration=None)))


def test_where_nothing_ends_there_is_no_table() -> None:
    text = text_of(told())

    assert "  get mail today: 0; asked to confirm, no answer yet: 0" in text
    assert "  nothing runs out until 2026-08-29" in text
    assert "together" not in text


def test_the_example_of_the_manual_is_what_is_printed() -> None:
    manual = (Path(__file__).parents[2] / "policies" / "README.md").read_text()
    (example,) = (text for text in re.findall(r"```text\n(.*?)```", manual, re.DOTALL) if "What changes it" in text)
    crowd = [
        *[Facts(yes=yes(360))] * 41,
        *[Facts(yes=yes(350))] * 380,
        *[Facts(yes=yes(718), last_contact_at=NOW)] * 12,
        *[Facts(yes=yes(30))] * 11_208,
        *[Facts(requested_at=NOW - DAY, mail_sent_at=NOW - DAY)] * 25,
        *[Facts(requested_at=NOW - 3 * DAY, request_live=True)] * 3,
        *[Facts(yes=yes(400))] * 57,
    ]
    plain = replace(WHOLE.stream, migration=None)

    assert example.rstrip("\n") == text_of(told(*crowd, days=21, stream=plain))


def test_as_json_it_says_the_same() -> None:
    found = json.loads(json.dumps(as_json(WHOLE)))

    assert found["stream"] == "newsletter"
    assert (found["gets_mail"], found["awaited"], found["confirmation_late"]) == (17, 1, 1)
    assert found["ask_now"] == {"stale": 12, "renewal-due": 1, "customer": 1, "migration": 1}
    assert found["over"] == {"stale": 1}
    assert (found["basis_not_accepted"], found["under_a_no_or_undeliverable"]) == (1, 1)
    assert found["migration"] == {"accept": ["assumed"], "until": "2026-06-30", "said_before": None, "over": False}
    assert found["runs_out"][0] == {
        "from": "2026-06-01",
        "until": "2026-06-07",
        "counts": {
            "stale": 12, "renewal-due": 0, "first-mail-late": 1, "customer": 0, "inquiry": 0, "migration": 0,
            "unanswered": 1,
        },
        "total": 14,
    }  # fmt: skip
    assert sum(one["total"] for one in found["runs_out"]) == sum(found["total"].values()) == 18
    assert set(found["changes"]) == {*LABELS.values(), "confirmation_late"}


def test_every_rule_has_a_name_and_words_for_what_changes_it() -> None:
    assert set(LABELS) == set(ENDS)
    assert len(set(LABELS.values())) == len(LABELS)
    for rule in Rule:
        assert changes_of(rule)
