from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import dkim
import pytest
from journey import NEWSLETTER, NOW, Stage, signer, stage

from relay.address import address_from_text
from relay.decision import Result
from relay.envelope import Body, Connection
from relay.message.dkim import dns_record
from relay.message.index import index
from relay.message.notice import Heading, notice, text
from relay.policy import notices
from relay.policy.acceptance import Judged
from relay.queued import NewMessage, Origin, State
from relay.reason import Reason, Verdict
from relay.workers.own_mail import OwnMail

OWNER = address_from_text("owner@brand.example")


def own_mail() -> OwnMail:
    numbers = itertools.count()
    return OwnMail(mail_domain="relay.brand.example", randomness=lambda size: next(numbers).to_bytes(size))


def written(own: OwnMail, to: str = "owner@brand.example") -> tuple[str, NewMessage]:
    recipient = address_from_text(to)
    identifier = own.identifier(NOW)
    content = notice(Heading(identifier, own.mail_domain, recipient, "春", NOW), text("Hello"))
    decision, message = own.mail(identifier, recipient, content, Origin.REPORT, NOW, about="01ABOUT")
    assert (decision.verdict, decision.reason, decision.stream) == (
        Verdict.DELIVER,
        Reason.TRANSACTIONAL,
        "relay-notices",
    )
    assert (decision.message, decision.client, decision.sender) == (message.tx.id, "relay", "")
    return decision.id, message


def test_a_mail_of_the_relays_own_waits_with_a_null_reverse_path_and_the_decision_on_it() -> None:
    decision, message = written(own_mail())
    (copy,) = message.copies
    assert (copy.decision, copy.state, copy.due_at) == (decision, State.QUEUED, NOW)
    assert (message.tx.sender, message.stream, message.origin, message.about) == (
        None,
        "relay-notices",
        Origin.REPORT,
        "01ABOUT",
    )
    assert copy.recipient.notify == ("NEVER",)
    assert f"Message-ID: <{message.tx.id}@relay.brand.example>".encode() in message.content
    assert not message.tx.parameters.smtputf8
    assert message.tx.connection == Connection("", "", "")  # there was none, and no line says otherwise


def test_mail_is_announced_as_eight_bit_where_it_is() -> None:
    own = own_mail()
    for words, body in (("Hello", Body.SEVEN_BIT), ("Grüße", Body.EIGHT_BIT)):
        content = b"To: <owner@brand.example>\r\n\r\n" + words.encode() + b"\r\n"
        _, message = own.mail(own.identifier(NOW), OWNER, content, Origin.BOUNCE, NOW, about="01ABOUT")
        assert (message.tx.parameters.body, message.tx.parameters.smtputf8) == (body, False)


def test_a_mail_that_names_the_decision_on_it_gets_that_one_and_others_one_of_their_own() -> None:
    own = own_mail()
    identifier, named = own.identifier(NOW), own.identifier(NOW)
    for asked, expected in ((named, {named}), ("", set[str]())):
        decision, message = own.mail(identifier, OWNER, b"", Origin.ASK, NOW, about="shop", decision_id=asked)
        assert message.copies[0].decision == decision.id
        assert {decision.id} & {identifier, named, ""} == expected


def test_a_mailbox_outside_ascii_needs_smtputf8() -> None:
    assert written(own_mail(), "花子@example.jp")[1].tx.parameters.smtputf8


def test_mail_of_a_client_is_not_the_relays_own() -> None:
    with pytest.raises(ValueError, match="client"):
        own_mail().mail("01ABC", OWNER, b"x", Origin.CLIENT, NOW, about="")


async def sent(on: Stage, message: NewMessage) -> bytes:
    """By the way that the queue goes, too."""
    forwarder = on.pipeline._forwarder
    (copy,) = message.copies
    plan = await forwarder.plan(message.tx, notices.STREAM, index(message.content), [copy.recipient])
    decision, again = own_mail().mail(message.tx.id, OWNER, message.content, message.origin, NOW, about="")
    assert again.tx == message.tx

    async def nothing_against_it(_addresses: object) -> None:
        return None

    (outcome,) = await forwarder.forward(plan, [Judged(copy.recipient, decision, None)], nothing_against_it)
    assert outcome.result is Result.DELIVERED
    assert not outcome.contact
    ((sender, recipients, content),) = on.hop.got
    assert (sender, recipients) == ("<>", ("owner@brand.example",))
    return content


def test_it_leaves_signed_with_nothing_commercial_added(tmp_path: Path) -> None:
    async def run() -> bytes:
        async with stage(tmp_path, policies={"newsletter": NEWSLETTER}) as on:
            return await sent(on, written(own_mail())[1])

    copy = asyncio.run(run())
    record = dns_record(signer().key).encode()
    assert dkim.verify(copy, dnsfunc=lambda *_args, **_named: record)
    assert b"d=brand.example" in copy  # of the mail domain's parent: aligned with From
    _, _, original = copy.partition(b"From: ")
    assert b"From: " + original == written(own_mail())[1].content
    head = copy.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nlist-unsubscribe:" not in head
    assert b"received: by relay.brand.example (consent-relay)\r\n\tid " in head
