"""What arrived behind Postfix, checked by four verifiers that know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.clients import by_smtplib
from integration.mails import (
    assert_newsletter_for,
    body_of,
    japanese,
    newsletter,
    parsed,
    plain,
    texts_of,
    without_date,
)
from integration.postfix import Postfix
from integration.serving import NEWS, SHOP, Relay
from integration.verifiers import VERIFIERS, Verifier

SHAPES: dict[str, Callable[[str, str], bytes]] = {
    "quoted-printable": newsletter,
    "base64": lambda sender, to: newsletter(sender, to, cte="base64"),
    "8bit": lambda sender, to: newsletter(sender, to, cte="8bit"),
    "plain": plain,
    "ISO-2022-JP": japanese,
    "without Date": lambda sender, to: without_date(plain(sender, to)),
    "long lines": lambda sender, to: plain(sender, to, text="word " * 150 + "\n"),
    "dots": lambda sender, to: plain(sender, to, text=".\n..\n.end\n"),
    "no line end": lambda sender, to: plain(sender, to).removesuffix(b"\r\n"),
}


@pytest.fixture(params=VERIFIERS)
def verifier(request: pytest.FixtureRequest) -> Verifier:
    found = VERIFIERS[request.param]
    missing = found.missing()
    if missing:
        pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def arrived(relay: Relay, postfix: Postfix) -> dict[str, bytes]:
    """One newsletter of each shape, as it arrived."""
    sent = {}
    for shape, build in SHAPES.items():
        sent[shape] = reader = relay.reader()
        result = by_smtplib(relay.plain, NEWS, reader, build(NEWS, reader))
        assert result.accepted, f"{shape}: {result.said}"
    return {shape: postfix.wait_for(reader) for shape, reader in sent.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_signature_verifies_behind_postfix(
    relay: Relay, arrived: dict[str, bytes], verifier: Verifier, shape: str
) -> None:
    assert verifier.domains(arrived[shape], relay.dns) == {"news.brand.example"}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_carries_the_disclosure(arrived: dict[str, bytes], shape: str) -> None:
    assert_newsletter_for(arrived[shape])


@pytest.mark.parametrize(
    "field", ["From: Other <other@brand.example>", "List-Unsubscribe: <https://evil.example/>", "Subject: Other"]
)
def test_a_field_added_on_the_way_breaks_the_signature(
    relay: Relay, arrived: dict[str, bytes], verifier: Verifier, field: str
) -> None:
    forged = field.encode() + b"\r\n" + arrived["plain"]
    assert verifier.domains(forged, relay.dns) == set()


def test_a_changed_body_breaks_the_signature(relay: Relay, arrived: dict[str, bytes], verifier: Verifier) -> None:
    assert verifier.domains(arrived["plain"].replace(b"Hello.", b"Hallo."), relay.dns) == set()


def test_missing_date_and_message_id_are_there(arrived: dict[str, bytes]) -> None:
    head = parsed(arrived["without Date"])
    assert len(head.get_all("Date", [])) == 1
    assert len(head.get_all("Message-ID", [])) == 1


def test_japanese_text_stays_readable(arrived: dict[str, bytes]) -> None:
    assert "今月のおすすめをご覧ください。" in texts_of(arrived["ISO-2022-JP"])["text/plain"]


def test_transactional_mail_keeps_its_body_to_the_byte_and_is_signed(
    relay: Relay, postfix: Postfix, verifier: Verifier
) -> None:
    to = relay.stranger()
    message = newsletter(SHOP, to)
    assert by_smtplib(relay.plain, SHOP, to, message).accepted
    received = postfix.wait_for(to)
    assert body_of(received) == body_of(message)
    assert verifier.domains(received, relay.dns) == {"shop.brand.example"}
