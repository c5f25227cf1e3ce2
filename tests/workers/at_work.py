"""A yard whose queue is worked on by itself, and mail that needs nobody's consent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from journey import ORDERS
from workers.yard import Yard, in_yard

from relay.reason import Reason
from relay.workers.queue import QueueWorker


@asynccontextmanager
async def working(there: Yard) -> AsyncIterator[QueueWorker]:
    worker = there.worker()
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(5)


def while_working(folder: Path, story: Callable[[Yard, QueueWorker], Awaitable[None]], **options: Any) -> None:
    async def play(there: Yard) -> None:
        async with working(there) as worker:
            await story(there, worker)

    in_yard(folder, play, **options)


async def receipt(there: Yard, *addresses: str) -> str:
    return await there.queue(*addresses, stream="receipts", sender=ORDERS, reason=Reason.TRANSACTIONAL)
