"""Mailers as the world has them, through the relay, into Postfix."""

from __future__ import annotations

import pytest
from integration import clients
from integration.clients import CLIENTS
from integration.mails import assert_newsletter_for, newsletter
from integration.postfix import Postfix
from integration.serving import NEWS, SHOP, Relay
from integration.verifiers import by_dkimpy


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    missing = clients.missing_for(name)
    if missing:
        pytest.skip(missing)
    return name


def test_mail_with_consent_arrives_signed_and_disclosed(relay: Relay, postfix: Postfix, client: str) -> None:
    reader = relay.reader()
    sent = CLIENTS[client](relay.plain, NEWS, reader, newsletter(NEWS, reader))
    assert sent.accepted, sent.said
    arrived = postfix.wait_for(reader)
    assert_newsletter_for(arrived)
    assert by_dkimpy(arrived, relay.dns) == {"news.brand.example"}


def test_mail_without_consent_is_refused_and_its_id_finds_the_decision(
    relay: Relay, postfix: Postfix, client: str
) -> None:
    stranger = relay.stranger()
    sent = CLIENTS[client](relay.plain, NEWS, stranger, newsletter(NEWS, stranger))
    assert not sent.accepted
    assert "550 5.7.1 no-consent: " in sent.said.replace("550-", "550 ").replace("'", ""), sent.said
    [found] = relay.printed("log", "query", "--id", sent.decision)
    assert found["id"] == sent.decision
    assert found["recipient"] == stranger
    assert found["reason"] == "no-consent"
    assert found["verdict"] == "reject"
    assert postfix.delivered_to(stranger) == []


def test_a_receipt_needs_no_consent(relay: Relay, postfix: Postfix, client: str) -> None:
    stranger = relay.stranger()
    sent = CLIENTS[client](relay.plain, SHOP, stranger, newsletter(SHOP, stranger))
    assert sent.accepted, sent.said
    assert b"List-Unsubscribe" not in postfix.wait_for(stranger)
