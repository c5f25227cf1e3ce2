"""The operator's commands while the relay runs on the same store: what they change counts for the next RCPT."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from integration.clients import Sent, by_smtplib
from integration.mails import newsletter
from integration.postfix import Postfix
from integration.serving import NEWS, Relay
from patience import until


def send(relay: Relay, recipient: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, recipient, newsletter(NEWS, recipient))


def grant(relay: Relay, address: str, *more: str) -> None:
    now = datetime.now(UTC).isoformat()
    given = ("--stream", "newsletter", "--basis", "single-opt-in", "--at", now, "--act", "ticked", "--source", "fair")
    relay.command("consent", "grant", address, *given, *more)


def test_a_grant_counts_at_once_and_so_does_a_withdrawal(relay: Relay, postfix: Postfix) -> None:
    person = relay.stranger()
    assert not send(relay, person).accepted
    grant(relay, person)
    sent = send(relay, person)
    assert sent.accepted, sent.said
    postfix.wait_for(person)
    relay.command("consent", "withdraw", person, "--stream", "newsletter", "--source", "telephone")
    assert send(relay, person).said.startswith("550 5.7.1 withdrawn: ")
    relay.command("consent", "withdraw", person, "--source", "letter")


def test_only_an_explicit_grant_after_a_withdrawal_frees_the_address(relay: Relay, postfix: Postfix) -> None:
    person = relay.reader()
    relay.command("consent", "withdraw", person, "--stream", "newsletter")
    grant(relay, person)
    assert send(relay, person).said.startswith("550 5.7.1 withdrawn: ")
    grant(relay, person, "--after-withdrawal")
    assert send(relay, person).accepted
    postfix.wait_for(person)


def test_show_and_export_tell_what_is_recorded(relay: Relay) -> None:
    person = relay.reader()
    shown = relay.command("consent", "show", person).stdout
    assert person in shown
    assert "newsletter" in shown
    assert "double opt-in, clicked" in shown
    assert person in relay.command("consent", "export").stdout


def test_explain_and_the_relay_agree(relay: Relay) -> None:
    reader, stranger = relay.reader(), relay.stranger()
    for to, reason in ((reader, "confirmed"), (stranger, "no-consent")):
        [explained] = relay.printed("policy", "explain", "--to", to, "--from", NEWS, "--client", "local")
        assert explained["reason"] == reason
    assert send(relay, reader).accepted
    assert "no-consent" in send(relay, stranger).said


def test_the_log_is_queried_by_recipient_reason_verdict_and_stream(relay: Relay, postfix: Postfix) -> None:
    reader, stranger = relay.reader(), relay.stranger()
    assert send(relay, reader).accepted
    refused = send(relay, stranger)
    postfix.wait_for(reader)
    query = ("log", "query", "--stream", "newsletter", "--since", "1h")
    assert refused.decision in {found["id"] for found in relay.printed(*query, "--reason", "no-consent")}
    assert [found["id"] for found in relay.printed(*query, "--recipient", stranger)] == [refused.decision]
    # what became of it is written when the client has its reply already
    until(lambda: relay.printed(*query, "--recipient", reader)[0]["outcomes"])
    [passed] = relay.printed(*query, "--recipient", reader, "--verdict", "deliver")
    assert passed["reason"] == "confirmed"
    assert [outcome["result"] for outcome in passed["outcomes"]] == ["delivered"]


def test_the_log_file_holds_decision_and_outcome_of_every_message(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader()
    assert send(relay, reader).accepted
    postfix.wait_for(reader)
    decision = next(one for one in relay.log() if one["event"] == "decision" and one.get("recipient") == reader)
    for key in ("at", "id", "message", "client", "stream", "sender", "verdict", "reason", "reasons", "smtp_code"):
        assert key in decision, key
    assert decision["policy"]
    assert decision["facts"]
    assert any(one["event"] == "outcome" and decision["id"] in json.dumps(one) for one in relay.log())


def test_a_dry_run_imports_nobody(relay: Relay) -> None:
    person = relay.stranger()
    rows = f"address,stream,basis,at\n{person},newsletter,single-opt-in,2026-01-01T00:00:00Z\nnonsense,,,\n"
    (relay.folder / "dry.csv").write_text(rows, "utf-8")
    result = relay.command("consent", "import", str(relay.folder / "dry.csv"), "--dry-run", check=False)
    assert "3" in result.stdout + result.stderr  # the bad line's number
    assert "no-consent" in send(relay, person).said


def test_the_configuration_and_the_store_are_found_sound(relay: Relay) -> None:
    relay.command("check")
    relay.command("policy", "test")
    relay.command("db", "status")
