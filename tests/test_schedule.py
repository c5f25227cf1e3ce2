from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import QueueSettings
from relay.schedule import chance, next_attempt

NOW = datetime(2026, 5, 4, tzinfo=UTC)
RETRY = QueueSettings().retry
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 0), (1, 5), (2, 15), (3, 60), (4, 240), (5, 240), (99, 240)])
def test_waits_grow_and_the_last_one_is_repeated(attempts: int, minutes: int) -> None:
    assert next_attempt(attempts, NOW, RETRY, 0.5) == NOW + minutes * MINUTE


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_chance_moves_a_wait_by_a_tenth_at_most(attempts: int, random: float) -> None:
    wait = next_attempt(attempts, NOW, RETRY, random) - NOW
    plain = next_attempt(attempts, NOW, RETRY, 0.5) - NOW
    assert plain * 0.9 <= wait <= plain * 1.1


def test_what_failed_together_does_not_come_back_together() -> None:
    assert next_attempt(1, NOW, RETRY, 0.0) == NOW + 4.5 * MINUTE
    assert next_attempt(1, NOW, RETRY, 0.99) > NOW + 5.4 * MINUTE


@given(st.binary(min_size=1, max_size=6))
def test_chance_is_of_all_octets_and_never_a_whole(octets: bytes) -> None:
    assert 0 <= chance(octets) < 1
    assert (chance(b"\x80"), chance(b"\x00\x01"), chance(b"\x00" * 4)) == (0.5, 2**-16, 0)
