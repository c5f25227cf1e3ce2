"""A progress bar on standard error, only on a terminal, gone when it is done."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: Seconds between two updates: drawing must not cost what the work does.
_SHOWN_EVERY: Final = 0.1


@contextlib.contextmanager
def bar(words: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """The value takes how many more are done. total: None when nobody knows."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total)
        unseen, next_at = 0, 0.0

        def on_more(count: int) -> None:
            nonlocal unseen, next_at
            unseen += count
            if time.monotonic() >= next_at:
                progress.update(task, advance=unseen)
                unseen, next_at = 0, time.monotonic() + _SHOWN_EVERY

        yield on_more
