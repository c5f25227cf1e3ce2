"""Groups what many tasks want at the same time into one call on a thread: while one group is worked on, the next grows.

So a lone caller waits for nobody, and a hundred share one transaction (or one hop to the thread).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from relay.store.port import StoreBrokenError, StoreUnavailableError
from relay.store.thread import CallThread

_W = TypeVar("_W")

#: Most works of one group: a group must not take longer than others can wait.
_LARGEST: Final = 512
#: Seconds until a caller is told that the store does not answer. What it handed over may still be done.
_PATIENCE: Final = 15.0
#: Seconds that works which nobody waits for may wait for company.
_IDLE_DELAY: Final = 0.05
#: Seconds until such works are tried again when the store was away, and how many of them are kept until then.
_AGAIN_AFTER: Final = 1.0
_MOST_PUT_OFF: Final = 10_000
#: Seconds between two calls of `after`.
_AFTER_EVERY: Final = 1.0


class Grouping(Generic[_W]):
    """perform: called on the thread with one group; returns one result for each work, or raises what fails them all.
    An exception among the results fails its work alone. after: called on the thread now and then, when a group has
    been answered.
    """

    def __init__(
        self,
        thread: CallThread,
        perform: Callable[[Sequence[_W]], Sequence[Any]],
        *,
        on_broken: Callable[[StoreBrokenError], None],
        after: Callable[[], None] | None = None,
    ) -> None:
        self._thread = thread
        self._perform = perform
        self._after = after
        self._on_broken = on_broken
        self._waiting: list[tuple[_W, asyncio.Future[Any] | None]] = []
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closed: StoreUnavailableError | None = None
        self._after_from = 0.0
        self._put_off: list[tuple[_W, None]] = []
        self._task = asyncio.create_task(self._run())

    async def do(self, work: _W) -> Any:
        """Have it done; the work's result. Raises StoreUnavailableError, or what the work itself raised."""
        future = self._submit(work)
        timer = asyncio.get_running_loop().call_later(_PATIENCE, _give_up, future)
        try:
            return await future
        finally:
            timer.cancel()

    def do_later(self, work: _W) -> None:
        """Have it done soon, and again while the store is away; nobody learns of a failure. Dropped when it is closed."""
        if self._closed is None:
            self._waiting.append((work, None))
            self._wake_in(_IDLE_DELAY)

    async def close(self) -> None:
        """Finish what was handed over, refuse everything else."""
        self._closed = self._closed or StoreUnavailableError("the store is closed")
        self._wake_up()
        await asyncio.shield(self._task)

    def _submit(self, work: _W) -> asyncio.Future[Any]:
        if self._closed is not None:
            raise self._closed
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        self._wake.set()
        return future

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._wake_up)

    def _wake_up(self) -> None:
        self._timer = None
        self._waiting += self._put_off
        self._put_off = []
        self._wake.set()

    async def _run(self) -> None:
        while self._waiting or self._closed is None:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            group, self._waiting = self._waiting[:_LARGEST], self._waiting[_LARGEST:]
            if group:
                await self._serve(group)

    async def _serve(self, group: Sequence[tuple[_W, asyncio.Future[Any] | None]]) -> None:
        if isinstance(self._closed, StoreBrokenError):
            _answer(group, [self._closed] * len(group))
            return
        works = [work for work, _ in group]
        try:
            results = await self._thread.call(lambda: self._perform(works))
        except asyncio.CancelledError:  # the loop ends
            _answer(group, [StoreUnavailableError("the store is closed")] * len(group))
            raise
        except Exception as error:  # noqa: BLE001 - nobody may be left without an answer
            self._notice(error)
            results = [error] * len(group)
        _answer(group, results)
        self._put_off_failed(group, results)
        now = asyncio.get_running_loop().time()
        if self._after is not None and now >= self._after_from:
            self._after_from = now + _AFTER_EVERY
            try:
                await self._thread.call(self._after)
            except Exception as error:  # noqa: BLE001 - it is tried again; only a lying disk matters
                self._notice(error)

    def _put_off_failed(self, group: Sequence[tuple[_W, asyncio.Future[Any] | None]], results: Sequence[Any]) -> None:
        """What nobody waits for is tried again: an outage of the store must not lose what became of a message."""
        if self._closed is not None:
            return
        failed = (
            (work, None)
            for (work, future), result in zip(group, results, strict=True)
            if future is None and isinstance(result, StoreUnavailableError)
        )
        self._put_off = [*self._put_off, *failed][-_MOST_PUT_OFF:]
        if self._put_off:
            self._wake_in(_AGAIN_AFTER)

    def _notice(self, error: Exception) -> None:
        if isinstance(error, StoreBrokenError) and not isinstance(self._closed, StoreBrokenError):
            self._closed = error
            self._on_broken(error)


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(StoreUnavailableError(f"the store did not answer within {_PATIENCE:.0f} s"))


def _answer(group: Sequence[tuple[Any, asyncio.Future[Any] | None]], results: Sequence[Any]) -> None:
    for (_, future), result in zip(group, results, strict=True):
        if future is None or future.done():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
