"""One thread that owns one database connection: calls go in, results come out, in order.

Used instead of aiosqlite because a whole transaction has to be one call: no task can be cancelled between BEGIN and
COMMIT, and one hop to the thread instead of three halves the cost of a commit (94 against 195 us of CPU).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")


class CallThread:
    """A daemon: a call that never returns (a lock that is never freed) does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], _T]) -> asyncio.Future[_T]:
        """Run `function` on the thread. Cancelling the future does not stop what has begun."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def work() -> None:
            result: Any = None
            failure: BaseException | None = None
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller has to hear of it
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is gone, nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result, failure)

        self._calls.put(work)
        return future

    def stop(self) -> None:
        """End after the calls that were made before."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
