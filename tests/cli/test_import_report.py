from __future__ import annotations

from collections import Counter

from relay.cli.import_report import Tally, as_json, in_words
from relay.cli.parsing import Noted, Refused
from relay.reason import Reason


def tally() -> Tally:
    made = Tally(
        "shop",
        "all commercial mail of brand",
        taken=1234,
        known=4,
        statement="stated by the operator for all rows: act=x",
    )
    made.note(
        Noted(
            rows=1240,
            refused=[Refused(2, "x", "address: is empty")],
            kinds=Counter(grant=1230, withdraw=1, complain=3),
            not_taken=Counter(block=5),
            assumed=7,
            stated=1230,
            adrift={"old"},
        )
    )
    made.by_cause = Counter(address=1)
    made.judged("confirmed deliver", 1000)
    made.judged("stale hold")
    made.judged("withdrawn shadow", 3)
    made.judged("")
    return made


def test_the_report_tells_what_became_of_each_row_and_who_would_get_mail() -> None:
    lines = list(in_words(tally(), dry_run=False))
    assert lines[:8] == [
        "1,240 rows: 1,234 taken (4 of them known before), 5 left out, 1 refused",
        "as 1,230 yes, 1 withdrawal, 3 complaints; a no without a stream concerns all commercial mail of brand",
        "left out: 5 block: a server refused one mail for what it was or where it came from; the person has said nothing",
        "refused: 1 for address",
        "assumed: 7 yes without an active act (ticked, clicked, typed, signed)",
        "stated by the operator for all rows: act=x: 1,230, and so it stands in the ledger",
        "withdrawals from old are kept, but no policy has such a stream (yet)",
        "1,003 of 1,004 would get mail today:",
    ]
    assert [line.split()[:3] for line in lines[8:]] == [
        ["3", "withdrawn", "shadow"],
        ["1,000", "confirmed", "deliver"],
        ["1", "stale", "hold"],
    ]


def test_a_dry_run_says_that_it_only_would() -> None:
    assert "1,234 would be taken" in next(in_words(tally(), dry_run=True))


def test_json_has_the_same_numbers() -> None:
    found = as_json(tally())
    assert (found["rows"], found["taken"], found["not_taken"]) == (1240, 1234, {"block": 5})
    assert found["events"] == {"grant": 1230, "withdraw": 1, "complain": 3, "undeliverable": 0}
    assert found["would_get_mail"] == 1003


def test_each_row_is_counted_under_its_deciding_reason() -> None:
    assert tally().today[Reason.CONFIRMED, "deliver"] == 1000
