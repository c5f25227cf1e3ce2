"""Real peers. A peer that this machine lacks skips its tests, which CI turns into failures (tests/conftest.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from integration.postfix import Postfix, missing_for_postfix, running_postfix
from integration.serving import Relay, running_relay

_HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here need peers; those of one file share them (`--dist loadfile`: one process runs a file)."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)
    with running_postfix() as running:
        yield running


@pytest.fixture(scope="module")
def relay(postfix: Postfix) -> Iterator[Relay]:
    """A running relay with Postfix as its next hop; shared by the tests of a file, so each takes recipients of its own."""
    with running_relay(postfix.port) as running:
        yield running
