"""When a copy that could not be handed on is tried again. Pure: the time and the chance arrive as arguments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

#: The part of a wait by which it is made shorter or longer, so that what failed together does not come back together.
_JITTER: Final = 0.1


def next_attempt(attempts: int, now: datetime, retry: Sequence[timedelta], random: float) -> datetime:
    """The time of the next attempt after `attempts` of them; now before the first one.

    retry: the wait after the first attempt, the second, ...; the last one is repeated. random: of [0, 1).
    """
    if attempts < 1:
        return now
    wait = retry[min(attempts, len(retry)) - 1]
    return now + wait * (1 - _JITTER + 2 * _JITTER * random)


def chance(octets: bytes) -> float:
    """Random octets, six at the most, as a number of [0, 1)."""
    return int.from_bytes(octets) / (1 << 8 * len(octets))
