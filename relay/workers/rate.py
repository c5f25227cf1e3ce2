"""How often something may happen to each of many, by a bucket that fills steadily. Of this process alone, and in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

#: Those of whom something is remembered; the one of longest ago is forgotten, and may do everything again.
_MOST: Final = 10_000

_K = TypeVar("_K", bound=Hashable)


class Rate(Generic[_K]):
    """`most` in a row, and then `most` per `span`. Raises ValueError for less than one."""

    def __init__(self, most: int, span: timedelta = timedelta(hours=1)) -> None:
        if most < 1:
            raise ValueError("a rate allows something")
        self._most = most
        self._span = span
        self._left: OrderedDict[_K, tuple[float, datetime]] = OrderedDict()

    def allows(self, one: _K, now: datetime) -> bool:
        """May it happen to this one now? Then it has. A clock that goes back gives nothing and takes nothing."""
        left, at = self._left.get(one, (float(self._most), now))
        passed = max(now - at, timedelta(0))
        left = min(float(self._most), left + self._most * (passed / self._span))
        allowed = left >= 1
        self._left[one] = (left - 1 if allowed else left, now)
        self._left.move_to_end(one)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return allowed
