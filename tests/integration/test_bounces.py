"""What cannot be delivered comes back to its sender's mailbox, behind a real Postfix, where programs that know nothing of
us read it.
"""

from __future__ import annotations

import email
import smtplib
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from flufl.bounce import all_failures
from integration.mails import newsletter
from integration.postfix import Postfix, missing_for_postfix, running_postfix
from integration.serving import Relay, running_relay
from integration.verifiers import VERIFIERS, by_dkimpy
from patience import until

#: The relay's own mail is signed as what it is: mail of relay.brand.example.
_KEY = """
[dkim."relay.brand.example"]
selector = "s1"
key = "var/keys/news.brand.example.s1.pem"
"""
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """It has the senders' mailboxes, too, and offers no DSN."""
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)
    domains = "reader.example news.brand.example"
    with running_postfix({"virtual_mailbox_domains": domains, "smtpd_discard_ehlo_keywords": "dsn"}) as running:
        yield running


@pytest.fixture(scope="module")
def relay(postfix: Postfix) -> Iterator[Relay]:
    with running_relay(postfix.port, more_config=_KEY) as running:
        running.dns["s1._domainkey.relay.brand.example"] = running.dns["s1._domainkey.news.brand.example"]
        yield running


def sender(local: str = "bounces") -> str:
    return f"{local}{next(_NUMBERS)}@news.brand.example"


def send(
    relay: Relay, source: str, recipients: list[str], mail: tuple[str, ...] = (), rcpt: tuple[str, ...] = ()
) -> bytes:
    message = newsletter(source, "members@reader.example")
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=60) as smtp:
        refused = smtp.sendmail(source, recipients, message, mail, rcpt)
    assert refused == {}
    return message


def wait_until_nothing_waits(relay: Relay) -> None:
    def waiting() -> list[tuple[str, str, str]]:
        with closing(sqlite3.connect(f"file:{relay.folder / 'var' / 'relay.db'}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT state, reason, address FROM copies").fetchall()

    until(lambda: not waiting(), lambda: f"{waiting()}\n{relay.output()}")


def test_a_recipient_refused_later_comes_back_to_the_sender_and_the_others_have_their_mail(
    relay: Relay, postfix: Postfix
) -> None:
    source, good, bad = sender(), relay.reader(), relay.reader(local="refused")
    send(relay, source, [good, bad])
    postfix.wait_for(good)
    returned = postfix.wait_for(source)
    assert b"Return-Path: <>\r\n" in returned
    mail = email.message_from_bytes(returned)
    assert all_failures(mail) == (set(), {bad.encode()})
    assert mail["From"] == "Mail Delivery System <mailer-daemon@relay.brand.example>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert "List-Unsubscribe" not in mail
    assert good.encode() not in returned
    assert b"Diagnostic-Code: smtp; 550 5.1.1 " in returned
    assert by_dkimpy(returned, relay.dns) == {"relay.brand.example"}


def test_held_mail_of_somebody_who_stops_comes_back_soon_and_says_so(relay: Relay, postfix: Postfix) -> None:
    source, reader = sender(), relay.stranger()
    at = (datetime.now(UTC) - timedelta(days=500)).isoformat()
    answer = ("--stream", "newsletter", "--basis", "double-opt-in", "--act", "clicked", "--source", "form")
    relay.command("consent", "grant", reader, *answer, "--at", at)
    send(relay, source, [reader])
    until(lambda: [one["recipient"] for one in relay.printed("hold", "list", "--copies")] == [reader], relay.output)
    relay.command("consent", "withdraw", reader)
    returned = postfix.wait_for(source)
    assert b"Diagnostic-Code: smtp; 550 5.7.1 withdrawn: " in returned
    assert all(source.encode() not in mail for mail in postfix.delivered_to(reader))
    wait_until_nothing_waits(relay)


@pytest.mark.parametrize("name", VERIFIERS)
def test_every_verifier_finds_the_signature_of_our_own_mail_good(relay: Relay, postfix: Postfix, name: str) -> None:
    missing = VERIFIERS[name].missing()
    if missing:
        pytest.skip(missing)
    source = sender()
    send(relay, source, [relay.reader(), relay.reader(local="refused")])
    assert VERIFIERS[name].domains(postfix.wait_for(source), relay.dns) == {"relay.brand.example"}


def test_what_the_client_asked_for_in_mail_and_rcpt_is_done(relay: Relay, postfix: Postfix) -> None:
    source, bad = sender(), relay.readers(2, local="refused")
    orcpt = "ORCPT=rfc822;list+2Bowner@news.brand.example"
    message = send(relay, source, bad, ("RET=FULL", "ENVID=issue+2B7"), ("NOTIFY=FAILURE", orcpt))
    returned = postfix.wait_for(source)
    assert b"\r\nOriginal-Envelope-Id: issue+7\r\n" in returned
    assert returned.count(b"\r\nOriginal-Recipient: rfc822; list+owner@news.brand.example\r\n") == 2
    whole = email.message_from_bytes(returned).get_payload()[2]  # type: ignore[union-attr,index]
    assert whole.get_content_type() == "message/rfc822"
    assert whole.get_payload()[0]["Subject"] == email.message_from_bytes(message)["Subject"]


def test_addresses_outside_ascii_come_back_to_a_mailbox_outside_ascii(relay: Relay, postfix: Postfix) -> None:
    source, bad = sender("送信"), [f"refused花子{next(_NUMBERS)}@reader.example", relay.reader(local="refused")]
    relay.consenting(bad[:1])
    send(relay, source, bad, ("SMTPUTF8",))
    returned = postfix.wait_for(source)
    assert b"\r\nContent-Type: message/global-delivery-status\r\n" in returned
    assert f"\r\nFinal-Recipient: utf-8; {bad[0]}\r\n".encode() in returned
    assert f"\r\nFinal-Recipient: rfc822; {bad[1]}\r\n".encode() in returned
    assert by_dkimpy(returned, relay.dns) == {"relay.brand.example"}


def test_a_sender_who_wants_none_gets_none(relay: Relay, postfix: Postfix) -> None:
    source = sender()
    send(relay, source, [relay.reader(), relay.reader(local="refused")], rcpt=("NOTIFY=NEVER",))
    wait_until_nothing_waits(relay)
    assert postfix.delivered_to(source) == []


@pytest.mark.parametrize("recipients", [1, 2])
def test_a_receipt_says_that_the_mail_was_passed_on_to_where_nobody_tells_more(
    relay: Relay, postfix: Postfix, recipients: int
) -> None:
    source, readers = sender(), relay.readers(recipients)
    send(relay, source, readers, rcpt=("NOTIFY=SUCCESS,FAILURE",))
    until(lambda: b"".join(postfix.delivered_to(source)).count(b"\r\nAction: relayed\r\n") >= recipients, relay.output)
    assert all(f"rfc822; {one}".encode() in b"".join(postfix.delivered_to(source)) for one in readers)


def test_a_notification_that_is_refused_ends_there(relay: Relay, postfix: Postfix) -> None:
    """The sender's own mailbox refuses: nobody is told of that, but the report to the client's owner has it."""
    source = sender("refused")
    readers = relay.readers(2, local="refused")
    send(relay, source, readers)
    wait_until_nothing_waits(relay)
    # Mail of the tests before may still come: none of it names this sender.
    assert not any(source.encode() in message for message in postfix.arrived())
    with closing(sqlite3.connect(relay.folder / "var" / "relay.db")) as connection:
        rows = connection.execute(
            "SELECT r.fate, r.client, d.recipient FROM reports AS r JOIN decisions AS d ON d.message = r.message"
            " WHERE r.recipient = ? ORDER BY d.recipient",
            (source,),
        ).fetchall()
    assert rows == [("unreported", "local", reader) for reader in sorted(readers)]


def test_perl_reads_it_as_a_bounce(relay: Relay, postfix: Postfix) -> None:
    probe = subprocess.run(
        ["perl", "-MMail::DeliveryStatus::BounceParser", "-e", "1"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("libmail-deliverystatus-bounceparser-perl is not installed")
    source, bad = sender(), relay.reader(local="refused")
    send(relay, source, [relay.reader(), bad])
    script = (
        "use Mail::DeliveryStatus::BounceParser; local $/; my $b = Mail::DeliveryStatus::BounceParser->new(<STDIN>);"
        'print join("\\n", $b->is_bounce, $b->addresses, map { $_->get("std_reason") } $b->reports);'
    )
    run = subprocess.run(
        ["perl", "-e", script], input=postfix.wait_for(source), capture_output=True, check=True, timeout=60
    )
    assert run.stdout.decode().split("\n")[:2] == ["1", bad]
