"""What one client can make grow, counted: connections, errors, commands, time. Says the reply when it is too much."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from relay.config.settings import Limits
from relay.inbound import replies
from relay.reply import Reply


class Admission:
    """Connections of this process, in all and by address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._total = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str) -> Reply | None:
        """None: counted, `leave` takes it back. A reply: refused, not counted."""
        if self._total >= self._limits.connections:
            return replies.TOO_MANY_CONNECTIONS
        if self._by_address[address] >= self._limits.connections_per_address:
            return replies.TOO_MANY_FROM_ADDRESS
        self._total += 1
        self._by_address[address] += 1
        return None

    def leave(self, address: str) -> None:
        self._total -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class Tally:
    """What a connection has done since its last accepted message. Failed logins are never forgotten."""

    __slots__ = ("_commands", "_errors", "_limits", "_logins")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._errors = 0
        self._commands = 0
        self._logins = 0

    def command(self) -> Reply | None:
        self._commands += 1
        return replies.TOO_MANY_COMMANDS if self._commands > self._limits.commands else None

    def error(self) -> Reply | None:
        self._errors += 1
        return replies.TOO_MANY_ERRORS if self._errors > self._limits.errors else None

    def failed_login(self) -> Reply | None:
        self._logins += 1
        return replies.TOO_MANY_LOGINS if self._logins >= self._limits.logins else None

    def message(self) -> None:
        self._errors = self._commands = 0


class Watch:
    """One timer a connection whose deadline moves with each step without a new timer each time."""

    __slots__ = ("_deadline", "_expired", "_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._deadline = loop.time() + seconds
        self._handle: asyncio.TimerHandle | None = loop.call_at(self._deadline, self._fire)

    def allow(self, seconds: float) -> None:
        """From now on; moves the deadline either way. `expired` may call it for more time."""
        self._deadline = self._loop.time() + seconds
        if self._handle is not None and self._deadline < self._handle.when():
            self._handle.cancel()
            self._handle = self._loop.call_at(self._deadline, self._fire)

    def stop(self) -> None:
        self._deadline = 0.0
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        self._handle = None
        # Timers may fire a clock tick early.
        if self._loop.time() + 0.001 >= self._deadline:
            self._expired()
        if self._deadline > self._loop.time():
            self._handle = self._loop.call_at(self._deadline, self._fire)
