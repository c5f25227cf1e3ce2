"""An event loop for which time passes only while its process runs: for tests in which seconds are the subject.

Where client and server live in one process, a pause of it (a busy machine, a suspended one) would look to the server like
a client that says nothing for that long.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Sequence
from typing import Final

#: Seconds: the loop waits no longer at once, and what lasts longer between two looks at the clock was a pause.
_STEP: Final = 0.02


class _ShortWaits(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Sequence[tuple[selectors.SelectorKey, int]]:
        return super().select(_STEP / 2 if timeout is None else min(timeout, _STEP / 2))


class EvenLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._passed, self._looked = 0.0, time.monotonic()
        super().__init__(_ShortWaits())

    def time(self) -> float:
        now = time.monotonic()
        self._passed += min(now - self._looked, _STEP)
        self._looked = now
        return self._passed
