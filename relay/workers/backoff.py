"""Which next hops are worth a try: one that fails time after time is closed for a while, then probed with one message.

Counts in monotonic time, for this process alone, and touches no mail: the queue asks before it claims, and the pipeline before it lets a client wait for an attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from relay.log import get_logger

#: Failures in a row, without a single success in between, after which a next hop is closed.
_FAILURES: Final = 5
#: Seconds until the first probe; doubles with each that fails.
_FIRST_PAUSE: Final = 2.0


@dataclass(slots=True)
class _State:
    """failures: in a row. pause: seconds of the present one, 0 while open. until: when the next probe may go out.
    since: when it was closed. probing: is a probe under way?
    """

    failures: int = 0
    pause: float = 0.0
    until: float = 0.0
    since: float = 0.0
    probing: bool = False


class Backoff:
    """longest: seconds of the longest pause. now: monotonic."""

    def __init__(self, longest: float, now: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest
        self._now = now
        self._states: dict[str, _State] = {}

    def heard(self, route: str, *, reachable: bool) -> None:
        """The end of an attempt along this route. reachable: did a next hop answer, whatever it said?"""
        state = self._states.setdefault(route, _State())
        if reachable:
            if state.pause:
                closed = round(self._now() - state.since, 1)
                get_logger().warning("next-hop-open", next_hop=route, closed=closed)
            self._states[route] = _State()
            return
        state.failures += 1
        if state.pause:
            if state.probing:  # those that were under way when it was closed say nothing new
                self._close(state, min(state.pause * 2, self._longest))
        elif state.failures >= _FAILURES:
            state.since = self._now()
            self._close(state, min(_FIRST_PAUSE, self._longest))
            get_logger().error("next-hop-closed", next_hop=route, failures=state.failures, longest=self._longest)

    def room(self, route: str, most: int) -> int:
        """How many copies may be claimed for this route, of `most`: all, one as a probe, or none."""
        state = self._states.get(route)
        if state is None or not state.pause:
            return most
        return 1 if most and not state.probing and self._now() >= state.until else 0

    def is_closed(self, route: str) -> bool:
        """Is nothing to go there but a probe?"""
        state = self._states.get(route)
        return state is not None and state.pause > 0

    def probing(self, route: str) -> bool:
        """What `room` allowed goes out now. Is it a probe? Then `probed` has to be called when it is over."""
        state = self._states.get(route)
        if state is None or not state.pause:
            return False
        state.probing = True
        return True

    def probed(self, route: str) -> None:
        """It is over. Where nothing was heard of the next hop (it was withdrawn meanwhile), another may go out."""
        state = self._states.get(route)
        if state is not None:
            state.probing = False

    def _close(self, state: _State, pause: float) -> None:
        state.pause = pause
        state.until = self._now() + pause
        state.probing = False
