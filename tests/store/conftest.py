"""What tests of the queue share: a store in a folder of its own, closed at their end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store.waiting import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    opened = Box(tmp_path)
    with closing(opened.committer):
        yield opened
