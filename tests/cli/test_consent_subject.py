"""A person gets all that is held of them, in every spelling, and nothing of anybody else."""

from __future__ import annotations

import pytest
from cli.shop import Shop
from cli.subjects import ANN, TAGGED, WORDS, keep_mail_for_ann, mailed

from relay.address import address_from_text


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


def test_nothing_of_anybody_else_is_in_it(known: Shop) -> None:
    for form in ((), ("--json",)):
        told = known.run("consent", "export", "--subject", ANN, *form).out
        assert ANN in told
        assert "oann" not in told


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


def test_one_person_is_no_stream(known: Shop) -> None:
    answer = known.run("consent", "export", "--subject", ANN, "--stream", "newsletter")
    assert answer.code == 2
    assert "--subject" in answer.err


def test_mail_that_waits_for_them_and_mail_that_was_not_sent_belong_to_it(known: Shop) -> None:
    keep_mail_for_ann(known)
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    assert [(one["address"], one["state"], one["reason"]) for one in found["held_mail"]] == [
        ("ANN@example.com", "held", "stale")
    ]
    assert [(one["address"], one["fate"], one["message"]) for one in found["mail_not_sent"]] == [
        (TAGGED, "expired", "M1")
    ]
