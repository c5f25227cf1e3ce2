"""What the values of the queue refuse to be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.envelope import Client, Connection, Transaction
from relay.queued import Move, NewMessage, State

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def test_a_message_without_a_copy_that_waits_is_none_of_the_queue() -> None:
    tx = Transaction("01J", NOW, Client("shop"), Connection("192.0.2.7", "shop.example", "ESMTP"), None)
    with pytest.raises(ValueError, match="a copy that waits"):
        NewMessage(tx, "newsletter", "brand", b"", ())


def test_a_copy_that_waits_has_a_reason() -> None:
    with pytest.raises(ValueError, match="has a reason"):
        Move(1, NOW, State.HELD)


def test_a_copy_that_is_over_needs_none() -> None:
    assert Move(1, NOW).state is None
