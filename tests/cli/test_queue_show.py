from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from cli.queues import change, decision_on, deferred, held, queued, report_line, take
from cli.shop import Shop
from store.waiting import CONTENT, copy_to, message_to

from relay.cli.queue_show import header_lines
from relay.queued import Fate, Origin, State


def test_a_message_is_shown_with_all_that_happened(shop: Shop) -> None:
    one = queued()
    decision = decision_on(one)
    lines = (report_line("gone@example.org", message=one.tx.id, fate=Fate.REFUSED),)
    take(shop, one, decisions=(decision,), outcomes=(deferred(decision),), reports=lines)
    for identity in (one.tx.id, decision.id, one.copies[0].decision, "Ann@example.org"):
        shown = shop.run("queue", "show", identity)
        assert shown.code == 0, shown.err
        assert f"message {one.tx.id}" in shown.out
        assert "ann@example.org: queued, next-hop-deferred; next try in" in shown.out
        assert "decided: deliver, confirmed" in shown.out
        assert "ann@example.org  deferred by hop.example:25: 451 4.7.1 greylisted" in shown.out
        assert "gone@example.org  not sent: refused, withdrawn (not told yet)" in shown.out
        assert "  Subject: Spring" in shown.out
    (found,) = shop.run("queue", "show", one.tx.id, "--json").json["messages"]
    assert (found["message"], found["waiting"], len(found["decisions"]), len(found["outcomes"])) == (one.tx.id, 1, 1, 1)
    assert found["reported"][0]["fate"] == "refused"


def test_a_message_that_is_over_is_still_known_by_its_decisions(shop: Shop) -> None:
    one = queued()
    take(shop, decisions=(decision_on(one),))
    shown = shop.run("queue", "show", one.tx.id)
    assert shown.out.startswith(f"message {one.tx.id}: nothing of it waits any more\n")
    assert "decided: deliver" in shown.out


def test_what_was_given_up_says_who_was_told(shop: Shop) -> None:
    given_up, reported = queued(), queued()
    for one, lines in ((given_up, ()), (reported, (report_line("ann@example.org", message=reported.tx.id),))):
        decision = decision_on(one)
        take(shop, decisions=(decision,), outcomes=(deferred(decision),), reports=lines)
        told = (
            "not delivered to ann@example.org:\n  given up, and the sender told"
            in shop.run("queue", "show", one.tx.id).out
        )
        assert told == (one is given_up)


def test_a_message_names_the_notices_about_it_and_a_notice_its_message(shop: Shop) -> None:
    one, other = queued(), queued("bob@example.org")
    notice = queued("news@news.brand.example", origin=Origin.BOUNCE, about=one.tx.id, hours=1)
    decision = replace(decision_on(notice), id=notice.copies[0].decision)
    take(shop, one, other, decisions=(decision_on(one), decision_on(other)))
    take(shop, notice, decisions=(decision,))
    words = f"  news@news.brand.example  told by delivery report {notice.tx.id}: "
    assert f"{words}waits for its first attempt\n" in shop.run("queue", "show", one.tx.id).out
    take(shop, outcomes=(deferred(decision),))
    assert f"{words}waits, deferred by hop.example:25: 451 4.7.1 greylisted" in shop.run("queue", "show", one.tx.id).out
    assert "delivery report" not in shop.run("queue", "show", other.tx.id).out
    assert f"  own mail   delivery report about {one.tx.id}\n" in shop.run("queue", "show", notice.tx.id).out
    change(shop, "DELETE FROM copies")
    over = shop.run("queue", "show", one.tx.id).out
    assert f"{words}deferred by hop.example:25: 451 4.7.1 greylisted" in over
    assert "given up, and the sender told by a notice" not in over
    for identity in (notice.tx.id, decision.id):
        assert f"  own mail   delivery report about {one.tx.id}\n" in shop.run("queue", "show", identity).out
    (about,) = shop.run("queue", "show", notice.tx.id, "--json").json["messages"]
    assert (about["about"], about["notices"]) == (one.tx.id, [])
    (told,) = shop.run("queue", "show", one.tx.id, "--json").json["messages"]
    assert told["about"] == ""
    (sent,) = told["notices"]
    assert (sent["message"], sent["id"], sent["waits"]) == (notice.tx.id, decision.id, False)
    assert (sent["recipient"], sent["last"]["result"]) == ("news@news.brand.example", "deferred")


def test_what_nobody_knows_is_a_problem(shop: Shop) -> None:
    take(shop, queued())
    person = shop.run("queue", "show", "nobody@example.org")
    assert person.code == 1
    assert "nothing waits for nobody@example.org; consent-relay log query --recipient nobody@example.org" in person.err
    answer = shop.run("queue", "show", "01ABC")
    assert (answer.code, answer.err) == (1, "consent-relay queue: nothing waits, and nothing is known, of 01ABC\n")


def test_all_messages_that_wait_for_a_person_are_shown(shop: Shop) -> None:
    first, second = queued("ann@example.org"), held("Ann+tag@example.org")
    take(shop, first, second, queued("bob@example.org"))
    shown = shop.run("queue", "show", "ann@example.org", "--json").json["messages"]
    assert [one["message"] for one in shown] == [first.tx.id, second.tx.id]


def test_the_content_comes_out_as_it_went_in(shop: Shop) -> None:
    octets = CONTENT + b"\xff\x00 8 bit\r\n"
    one = queued(content=octets)
    take(shop, one)
    command = (sys.executable, "-m", "relay", "queue", "show", one.tx.id, "--content")
    assert subprocess.run(command, cwd=shop.folder, capture_output=True, check=True).stdout == octets


def test_the_content_of_several_messages_is_not_mixed(shop: Shop) -> None:
    take(shop, queued("ann@example.org"), queued("ann@example.org"))
    answer = shop.run("queue", "show", "ann@example.org", "--content")
    assert (answer.code, answer.out) == (1, "")
    assert "2 messages wait for this person; say which: " in answer.err
    gone = shop.run("queue", "show", "01ABC", "--content")
    assert "its content is gone" in gone.err


def test_no_header_does_anything_to_a_terminal() -> None:
    fields = b"Subject: a\x1b[31mb\r\n folded\r\nX: " + b"y" * 500 + b"\r\nList-Unsubscribe: <https://x/u/secret>\r\n"
    subject, long, link = header_lines(fields + b"\r\nbody\r\n")
    assert "secret" not in link
    assert subject == "Subject: a?[31mb folded"
    assert len(long) == 300


def test_a_message_to_very_many_is_bounded_and_told_whole_as_json(shop: Shop) -> None:
    many = [copy_to(f"{number:03}@example.org") for number in range(70)]
    one = message_to(*many, copy_to("hal@example.org", State.HELD), copy_to("zoe@example.net"))
    decisions = [decision_on(replace(one, copies=(copy,)), id=copy.decision) for copy in one.copies]
    take(shop, one, decisions=tuple(decisions))
    shown = shop.run("queue", "show", one.tx.id).out
    assert "\n72 copies wait (1 held, 71 queued):\n" in shown
    assert shown.count("    since ") == 50
    assert "\n  and 22 more: --limit 72, or --json\n" in shown
    assert "\n  (22 lines more: --limit 72, or --json)\n" in shown
    assert shown.count("decided: ") == 50
    assert "more:" not in shop.run("queue", "show", one.tx.id, "--limit", "72").out
    assert "  and 71 more: --limit 72" in shop.run("queue", "show", one.tx.id, "--limit", "0").out
    (whole,) = shop.run("queue", "show", one.tx.id, "--json").json["messages"]
    assert (len(whole["copies"]), len(whole["decisions"])) == (72, 72)
    assert whole["by_state"] == {"held": 1, "queued": 71}


@pytest.mark.parametrize("meant", ["Zoe+tag@example.net", "id of the decision"])
def test_whoever_was_meant_stands_among_the_first_of_very_many(shop: Shop, meant: str) -> None:
    zoe = copy_to("zoe@example.net")
    one = message_to(zoe, *(copy_to(f"{number}@example.org") for number in range(9)), copy_to("ann@example.org"))
    one = replace(one, copies=(*one.copies[1:], zoe) if "@" in meant else one.copies)
    decisions = [decision_on(replace(one, copies=(copy,)), id=copy.decision) for copy in one.copies]
    take(shop, one, decisions=tuple(decisions))
    shown = shop.run("queue", "show", meant if "@" in meant else zoe.decision, "--limit", "1").out
    assert "zoe@example.net: queued" in shown
    assert "zoe@example.net  decided: deliver" in shown
    assert "ann@example.org" not in shown


def test_reports_of_a_message_that_is_over_are_bounded_too(shop: Shop) -> None:
    one = queued()
    lines = tuple(report_line(f"{number}@example.org", message=one.tx.id) for number in range(70))
    take(shop, decisions=(decision_on(one),), reports=lines)
    shown = shop.run("queue", "show", one.tx.id).out
    assert shown.count("\n") < 60
    assert "(21 lines more: --limit 71, or --json)" in shown
    assert len(shop.run("queue", "show", one.tx.id, "--json").json["messages"][0]["reported"]) == 70
