"""Counts how often the same thing was asked lately, in bounded memory: an approximation that may forget, never invent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final


class Repeats:
    """window: seconds after which counting starts anew. most: things remembered; the ones asked longest ago go first."""

    def __init__(self, window: float = 3600.0, most: int = 10_000) -> None:
        self._window: Final = window
        self._most: Final = most
        self._counts: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def count(self, thing: Hashable, now: float) -> int:
        """How often, this time included. now: seconds of a clock that never goes back."""
        since, before = self._counts.pop(thing, (now, 0))
        if now - since > self._window:
            since, before = now, 0
        self._counts[thing] = since, before + 1
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return before + 1
