"""What the tests of the way out share: both event loops, certificates, short patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from even_loop import EvenLoop
from faulty_hop import Certificates, make_certificates
from mailing import Run
from patience import LONG


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine to its end under each of the event loops the relay may run on."""
    return _runner(uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop)


@pytest.fixture
def run_evenly() -> Run:
    """The same where seconds are the subject."""
    return _runner(EvenLoop)


def _runner(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    def runner(coroutine: Coroutine[Any, Any, None]) -> None:
        async def limited() -> None:
            await asyncio.wait_for(coroutine, LONG)

        with asyncio.Runner(loop_factory=new_loop) as started:
            started.run(limited())

    return runner


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def other_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("others"))


@pytest.fixture
def no_certificates(tmp_path: Path) -> Path:
    path = tmp_path / "empty.pem"
    path.write_bytes(b"")
    return path
