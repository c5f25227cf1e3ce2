from __future__ import annotations

import json
from typing import Any

from cli.queues import HOUR, change, now, queued, report_line, take
from cli.shop import Answer, Shop

from relay.cli.log_report import fields_of, told
from relay.decision import Result
from relay.queued import Fate
from relay.store.reported import Reported


def found(answer: Answer) -> list[str]:
    assert answer.code == 0, answer.err
    return [json.loads(line)["recipient"] for line in answer.out.splitlines()]


def test_lines_are_summed_up_and_listed(shop: Shop) -> None:
    lines = (report_line("a@example.org"), report_line("b@example.org", fate=Fate.EXPIRED, reply="451 4.7.1 no"))
    take(shop, reports=lines)
    first, second, empty, *listed = shop.run("log", "report").out.splitlines()
    assert first.split() == ["1", "discarded,", "withdrawn,", "newsletter"]
    assert second.split()[1] == "expired,"
    assert empty == ""
    assert "news@brand.example -> a@example.org  local  told: no  D" in listed[0]
    assert listed[1].endswith("451 4.7.1 no")


def test_lines_are_chosen_by_client_fate_recipient_and_time(shop: Shop) -> None:
    lines = (
        report_line("old@example.org", hours=50),
        report_line("a@example.org", client="mautic"),
        report_line("b@example.org", fate=Fate.DROPPED, hours=1),
    )
    take(shop, reports=lines)
    report = ("log", "report", "--json")
    assert found(shop.run(*report)) == ["old@example.org", "a@example.org", "b@example.org"]
    assert found(shop.run(*report, "--client", "mautic")) == ["a@example.org"]
    assert found(shop.run(*report, "--fate", "dropped")) == ["b@example.org"]
    assert found(shop.run(*report, "--recipient", "OLD@example.org")) == []
    assert found(shop.run(*report, "--recipient", "old@EXAMPLE.org")) == ["old@example.org"]
    assert found(shop.run(*report, "--since", "3h", "--until", (now() - 1.5 * HOUR).isoformat())) == ["a@example.org"]
    bounded = shop.run(*report, "--limit", "1")
    assert found(bounded) == ["b@example.org"]
    assert "the newest 1 of 3" in bounded.err
    change(shop, "UPDATE reports SET told_at = 1 WHERE client = 'mautic'")
    assert found(shop.run(*report, "--untold")) == ["old@example.org", "b@example.org"]


def test_an_empty_report_says_so(shop: Shop) -> None:
    take(shop, queued())
    answer = shop.run("log", "report")
    assert (answer.code, answer.out) == (0, "")
    assert "nothing to report" in answer.err


def test_a_line_says_whether_its_owner_knows() -> None:
    def line(**more: Any) -> Reported:
        fields: dict[str, Any] = {"told_at": now(), "told_in": "MAIL", "became": None}
        return Reported(number=1, line=report_line(), **(fields | more))

    assert told(line(told_at=None, told_in="")) == "no"
    assert told(line(waits=True, became=Result.DEFERRED)) == "on its way"
    assert told(line(became=Result.DELIVERED)) == "yes"
    assert told(line(became=Result.DEFERRED)) == "failed"
    assert told(line(became=Result.REFUSED)) == "failed"
    assert told(line()) == "unknown"
    assert fields_of(line(waits=True))["told"] == "on its way"
