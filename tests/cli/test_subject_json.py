"""What is held of a person, as JSON that another program can read."""

from __future__ import annotations

from cli.shop import Shop
from cli.subjects import ANN, keep_mail_for_ann


def test_it_says_of_what_version_it_is_about_whom_and_when_it_was_made(known: Shop) -> None:
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    assert (found["format"], found["subject"], found["erased_at"]) == (1, ANN, None)
    assert found["made_at"].endswith("+00:00")


def test_a_decision_has_its_facts_its_reply_and_what_became_of_it(known: Shop) -> None:
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    (one,) = [each for each in found["decisions"] if each["address"] == ANN]
    assert (one["stream"], one["verdict"], one["reasons"]) == ("newsletter", "deliver", ["confirmed"])
    assert one["facts"]
    assert one["reply"].startswith("250 ")
    assert [(told["result"], told["to"]) for told in one["outcomes"]] == [
        ("delivered", "127.0.0.1:25"),
        ("deferred", "127.0.0.1:25"),
    ]


def test_of_mail_that_the_person_sent_nobody_learns_to_whom(known: Shop) -> None:
    (sent,) = known.run("consent", "export", "--subject", ANN, "--json").json["sent"]
    assert set(sent) == {"id", "at", "sender", "stream", "verdict"}


def test_of_mail_that_waits_its_text_is_not_told_which_others_share(known: Shop) -> None:
    keep_mail_for_ann(known)
    found = known.run("consent", "export", "--subject", ANN, "--json").json
    (waits,) = found["held_mail"]
    assert waits["octets"] > 0
    assert "content" not in waits
    assert [one["fate"] for one in found["mail_not_sent"]] == ["expired"]


def test_a_stranger_gets_the_same_document_without_anything_in_it(known: Shop) -> None:
    found = known.run("consent", "export", "--subject", "zoe@example.com", "--json").json
    assert found["spellings"] == ["zoe@example.com"]
    assert [found[name] for name in ("events", "decisions", "sent", "contacts", "held_mail", "purposes")] == [[]] * 6
