"""aiosqlite's connection on its own thread, with one thing more: a whole function that runs there in one call.

A transaction has to be one call: no task can then be cancelled between BEGIN and COMMIT, and one hop to the thread
instead of three halves the cost of a commit (94 against 195 us of CPU).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Self, TypeVar, cast

import aiosqlite

_T = TypeVar("_T")


class CallThread(aiosqlite.Connection):
    """`open` it first, `close` it in the end. open_connection: called on the thread; what it raises, `open` raises.

    The thread is a daemon: a call that never returns (a lock that is never freed) does not keep the process alive.
    """

    def __init__(self, name: str, open_connection: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(open_connection, iter_chunk_size=64)
        self._thread.name = name
        self._thread.daemon = True

    async def open(self) -> Self:
        try:
            await self
        except BaseException:
            # aiosqlite has asked its thread to end and would not wait: the thread still answers to this loop.
            await asyncio.to_thread(self._thread.join)
            raise
        return self

    @property
    def connection(self) -> sqlite3.Connection:
        """For functions that are called on the thread."""
        return self._conn

    async def call(self, function: Callable[[], _T]) -> _T:
        """Run `function` on the thread, after the calls made before. Being cancelled does not stop what was begun."""
        return cast(_T, await self._execute(function))  # type: ignore[no-untyped-call]  # aiosqlite's own
