"""A relay as a user runs it, between a mailer and a next hop that does what a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from faulty_hop import FaultyHop, Session
from patience import LONG

_HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.integration)


class HeldHop(FaultyHop):
    """In a thread of its own. While `hold` is set, answers to the dot wait; `waiting` counts them."""

    def __init__(self) -> None:
        super().__init__(dot=self._answer)
        self._open = threading.Event()
        self._open.set()
        self.waiting = 0

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def got(self, recipient: str) -> int:
        """How often the content of a message for the recipient came."""
        to = f"<{recipient}>".encode()
        return sum(any(to in command for command in message.commands) for message in self.messages)

    async def _answer(self, session: Session) -> None:
        self.waiting += 1
        await asyncio.to_thread(self._open.wait, LONG)
        self.waiting -= 1
        session.say(b"250 2.0.0 taken\r\n")


@pytest.fixture
def hop() -> Iterator[HeldHop]:
    hop, ready, over = HeldHop(), threading.Event(), threading.Event()

    async def serve() -> None:
        async with hop:
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(LONG)
    yield hop
    hop.let_go()
    over.set()
    thread.join(LONG)
