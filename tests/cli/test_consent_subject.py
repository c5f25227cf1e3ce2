"""A person gets all that is held of them, and nothing of anybody else."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from cli.shop import Shop
from store.samples import contact, decision, outcome
from store.waiting import NOW, copy_to, message_to

from relay.address import Address, address_from_text
from relay.decision import Result
from relay.queued import Fate, ReportLine, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.committing import Work
from relay.store.queries import query
from relay.store.queue import Caps, take_step
from relay.store.rows import decision_row, outcome_row, watermark_row

ANN = "ann@example.com"
TAGGED = "Ann+news@example.com"
GRANT = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "2026-03-01T09:00:00Z")
WORDS = "Send me product news. I can stop it at any time."


def mailed(shop: Shop, person: Address, **more: Any) -> None:
    one = decision(person, **more)
    told = [
        contact(one, person),
        outcome(one, result=Result.DEFERRED, reply=Reply(450, "4.2.1", f"<{person}> is full")),
    ]

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(query("insert_decision"), decision_row(one))
        connection.executemany(query("insert_outcome"), [outcome_row(each) for each in told])
        connection.execute(query("move_watermark"), watermark_row(told[0]))
        connection.execute(query("put_failure"), (str(person), 1_700_000_000_000_000, "5.1.1"))

    with shop.store() as committer:
        committer.commit([Work(work)])


@pytest.fixture
def known(shop: Shop) -> Shop:
    given = ("--source", "fair in Osaka", "--form-url", "https://brand.example/join", "--language", "ja")
    traces = ("--ip", "192.0.2.7", "--user-agent", "Browser/7", "--wording", WORDS)
    shop.run("consent", "grant", ANN, *GRANT, *given, *traces)
    shop.run("consent", "withdraw", TAGGED, "--stream", "newsletter", "--source", "telephone")
    shop.run("consent", "grant", "joann@example.com", *GRANT, "--source", "secret of Joann", "--wording", WORDS)
    for person in ("ann@example.com", "Ann+only-in-decisions@example.com", "joann@example.com"):
        mailed(shop, address_from_text(person))
    mailed(shop, address_from_text("joann@example.com"), sender="ANN@example.com")
    return shop


@pytest.mark.parametrize("asked", [ANN, TAGGED, "ANN@EXAMPLE.com."])
def test_every_spelling_gets_everything_that_is_held_of_the_person(known: Shop, asked: str) -> None:
    found = known.run("consent", "export", "--subject", asked, "--json").json
    assert set(found["spellings"]) >= {ANN, TAGGED, "Ann+only-in-decisions@example.com", "ANN@example.com"}
    grant, withdrawal = found["events"]
    assert (grant["address"], grant["basis"], grant["source"]) == (ANN, "double-opt-in", "fair in Osaka")
    assert (grant["ip"], grant["user_agent"], grant["form_url"]) == (
        "192.0.2.7", "Browser/7", "https://brand.example/join",
    )  # fmt: skip
    assert (withdrawal["kind"], withdrawal["address"], withdrawal["source"]) == ("withdraw", TAGGED, "telephone")
    assert [one["text"] for one in found["wordings"]] == [WORDS]
    assert {one["address"] for one in found["decisions"]} == {ANN, "Ann+only-in-decisions@example.com"}
    assert [told["result"] for told in found["decisions"][0]["outcomes"]] == ["delivered", "deferred"]
    assert {one["address"] for one in found["contacts"]} == {ANN, "Ann+only-in-decisions@example.com"}
    assert {one["code"] for one in found["failures"]} == {"5.1.1"}
    assert [one["sender"] for one in found["sent"]] == ["ANN@example.com"]
    standing = {(one["address"], one["stream"]): one for one in found["standing"]}
    assert standing[ANN, "newsletter"]["reasons"][0] == "withdrawn"
    assert standing[ANN, "newsletter"]["facts"]["last_contact_at"]


def test_it_says_who_is_responsible_what_for_who_received_it_and_how_long_it_is_kept(known: Shop) -> None:
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    assert [one["contact"] for one in found["controllers"]]
    assert [one["stream"] for one in found["purposes"]] == ["newsletter"]
    assert found["purposes"][0]["purpose"]
    assert found["passed_on_to"] == ["the mail server 127.0.0.1:25, which carries mail to you"]
    kept = "\n".join(found["kept"])
    assert "what was decided on mail to you: 90 days, so" in kept
    assert "newsletter: when, where and to what you agreed: while it holds" in kept


def test_nothing_of_anybody_else_is_in_it(known: Shop) -> None:
    for form in ((), ("--json",)):
        told = known.run("consent", "export", "--subject", ANN, *form).out
        assert ANN in told
        assert "oann" not in told


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


def test_an_address_that_is_a_pattern_finds_only_itself(known: Shop) -> None:
    star = address_from_text("*@example.com")
    mailed(known, star)
    found = known.run("consent", "export", "--subject", "*@example.com", "--json").json
    assert {one["address"] for one in found["decisions"]} == {"*@example.com"}


def test_who_was_erased_learns_just_that(known: Shop) -> None:
    known.run("consent", "erase", ANN, "--yes")
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    assert found["erased_at"]
    assert (found["spellings"], found["events"], found["decisions"], found["wordings"]) == ([ANN], [], [], [])
    assert "Erased on " in known.run("consent", "export", "--subject", TAGGED).out


def test_a_stranger_is_told_that_nothing_is_held(known: Shop) -> None:
    answer = known.run("consent", "export", "--subject", "zoe@example.com")
    assert answer.code == 0
    assert "Nothing: this address is not known here" in answer.out
    assert known.run("consent", "export", "--subject", "zoe@example.com", "--json").json["events"] == []


def test_one_person_is_no_stream(known: Shop) -> None:
    answer = known.run("consent", "export", "--subject", ANN, "--stream", "newsletter")
    assert answer.code == 2
    assert "--subject" in answer.err


def test_mail_that_waits_for_them_and_mail_that_was_not_sent_belong_to_it(known: Shop) -> None:
    line = ReportLine(
        NOW, "shop", "brand", "newsletter", "M1", "D1", "news@brand.example", TAGGED, Fate.EXPIRED, Reason.STALE
    )
    others = ReportLine(
        NOW, "shop", "brand", "newsletter", "M2", "D2", "", "joann@example.com", Fate.EXPIRED, Reason.STALE
    )
    mail = message_to(copy_to("ANN@example.com", State.HELD), copy_to("joann@example.com", State.HELD))
    with known.store() as committer:
        step = Step(messages=(mail,), reports=(line, others))
        committer.commit([Work(lambda c: take_step(c, step, "me", Caps(), committer.pseudonyms))])
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    assert [(one["address"], one["state"], one["reason"]) for one in found["held_mail"]] == [
        ("ANN@example.com", "held", "stale")
    ]
    assert [(one["address"], one["fate"], one["message"]) for one in found["mail_not_sent"]] == [
        (TAGGED, "expired", "M1")
    ]
    text = known.run("consent", "export", "--subject", ANN).out
    assert "Mail to you that waits" in text
    assert "newsletter: held (stale)" in text
    assert "newsletter: expired (stale)" in text
    assert "joann" not in text.lower()
