"""Waiting for what has to come. How long is no part of any proof: a busy machine gets what it needs, and only a test
that fails takes all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

#: Seconds. Less than a single test may take (deploy/bootstrap.py), so that it fails with words of its own.
LONG: Final = 120.0
Found = TypeVar("Found")


def until(look: Callable[[], Found], otherwise: Callable[[], object] = lambda: "it never came true") -> Found:
    """What `look` finds, once that is anything. otherwise: what to say when it never is."""
    began = time.monotonic()
    deadline = began + LONG
    while not (found := look()):
        now = time.monotonic()
        assert now < deadline, otherwise()
        # As long again as the look took: one that runs a command leaves the processor to what is waited for.
        time.sleep(max(0.05, now - began))
        began = time.monotonic()
    return found
