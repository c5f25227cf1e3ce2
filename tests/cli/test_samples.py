from __future__ import annotations

import email
import email.policy
import itertools
from datetime import UTC, datetime

import pytest

from relay.address import address_from_text
from relay.cli.samples import SAMPLES, consents
from relay.consent.events import EventKind

NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.recipient)
def test_every_sample_is_a_sound_message_with_crlf(sample: object) -> None:
    content = sample.message(sample.sender, sample.recipient)  # type: ignore[attr-defined]
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert message["To"] == sample.recipient  # type: ignore[attr-defined]
    assert not message.defects


def test_the_ledger_of_the_demo_has_all_kinds_of_events_a_recipient_can_have() -> None:
    numbers = itertools.count()
    events = consents("brand", "newsletter", NOW, lambda: str(next(numbers)))
    assert len({event.id for event in events}) == len(events)
    assert {event.kind for event in events} >= {
        EventKind.REQUEST,
        EventKind.GRANT,
        EventKind.CONFIRM,
        EventKind.WITHDRAW,
        EventKind.COMPLAIN,
        EventKind.UNDELIVERABLE,
    }
    known = {event.address.wide for event in events}
    unknown = {sample.recipient for sample in SAMPLES if address_from_text(sample.recipient).wide not in known}
    assert unknown == {"stranger@customer.example"}
