"""Starts identical worker processes, keeps their number, and stops them in order. Touches no mail and no store."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

from relay.log import get_logger
from relay.workers.readiness import notify

#: Seconds before a worker that died is replaced: doubles while they keep dying, so that a crash loop stays cheap.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
#: A worker that lived this long (seconds) was healthy: the next pause starts small again.
_HEALTHY_AFTER: Final = 60.0
#: Added to the drain deadline before a worker that does not end is killed.
_GRACE: Final = 5.0

READY: Final = "ready"

_spawn = multiprocessing.get_context("spawn")


@dataclass(eq=False, slots=True)
class _Worker:
    number: int
    process: Any
    control: Connection
    started: float
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False


class Supervisor:
    """Runs `count` processes of `target(*arguments, number, control)`.

    A worker sends READY over `control` when it serves, or one line of text that says why it cannot; the pipe's end
    tells a worker that its supervisor is gone. drain: seconds that a worker may take to finish after SIGTERM.
    """

    def __init__(self, count: int, target: Callable[..., None], arguments: tuple[object, ...], *, drain: float) -> None:
        self._count = count
        self._target = target
        self._arguments = arguments
        self._drain = drain
        self._workers: set[_Worker] = set()
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        self._announced = False
        self._pauses = dict.fromkeys(range(count), _FIRST_PAUSE)
        self._log = get_logger()

    async def run(self) -> str | None:
        """Serve until SIGTERM or SIGINT; the reason in words when the workers could not start, else None."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._forward, signal.SIGHUP)
        keepers = [asyncio.create_task(self._keep(number)) for number in range(self._count)]
        await self._stopping.wait()
        self._log.info("stopping", drain=self._drain)
        notify("STOPPING=1", os.environ)
        self._forward(signal.SIGTERM)
        deadline = loop.call_later(self._drain + _GRACE, self._kill_the_rest)
        await asyncio.gather(*keepers)
        deadline.cancel()
        self._log.info("stopped")
        return self._failure

    def _forward(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if not worker.ended.is_set():
                os.kill(worker.process.pid, number)

    def _kill_the_rest(self) -> None:
        for worker in self._workers:
            self._log.error("worker-killed", worker=worker.number, why="it did not end within the drain deadline")
            worker.process.kill()

    async def _keep(self, number: int) -> None:
        """Keep worker `number` alive until we stop."""
        while not self._stopping.is_set():
            worker = self._start(number)
            await worker.ended.wait()
            self._forget(worker)
            if self._stopping.is_set():
                return
            if not self._announced:
                self._give_up(f"worker {number} ended with {worker.process.exitcode} before it could serve")
                return
            if asyncio.get_running_loop().time() - worker.started > _HEALTHY_AFTER:
                self._pauses[number] = _FIRST_PAUSE
            pause = self._pauses[number]
            self._pauses[number] = min(pause * 2, _LONGEST_PAUSE)
            self._log.error("worker-died", worker=number, exit_code=worker.process.exitcode, restart_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _start(self, number: int) -> _Worker:
        ours, theirs = _spawn.Pipe()
        process = _spawn.Process(
            target=self._target, args=(*self._arguments, number, theirs), name=f"consent-relay worker {number}"
        )
        process.start()
        theirs.close()
        loop = asyncio.get_running_loop()
        worker = _Worker(number, process, ours, loop.time())
        self._workers.add(worker)
        loop.add_reader(process.sentinel, self._saw_end, worker)
        loop.add_reader(ours.fileno(), self._saw_message, worker)
        return worker

    def _saw_end(self, worker: _Worker) -> None:
        asyncio.get_running_loop().remove_reader(worker.process.sentinel)
        worker.ended.set()

    def _saw_message(self, worker: _Worker) -> None:
        try:
            message = worker.control.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(worker.control.fileno())
            return
        if message != READY:
            self._log.error("worker-failed", worker=worker.number, why=message)
            if not self._announced:
                self._give_up(str(message))
            return
        worker.ready = True
        if not self._announced and sum(other.ready for other in self._workers) == self._count:
            self._announced = True
            self._log.info("ready", workers=self._count)
            notify("READY=1", os.environ)

    def _give_up(self, why: str) -> None:
        if self._failure is None:
            self._failure = why
        self._stopping.set()

    def _forget(self, worker: _Worker) -> None:
        asyncio.get_running_loop().remove_reader(worker.control.fileno())
        worker.control.close()
        worker.process.join()
        self._workers.discard(worker)
