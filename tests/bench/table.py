"""How results are written: values with their spread, the machine, the tables in README.md."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

README: Final = Path(__file__).with_name("README.md")


def spread(values: Sequence[float], digits: int = 0) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}."


def write_between(begin_mark: str, end_mark: str, results: str) -> None:
    """Into README.md."""
    README.write_text(renewed(README.read_text("utf-8"), begin_mark, end_mark, results), "utf-8")


def renewed(text: str, begin_mark: str, end_mark: str, results: str) -> str:
    before, begin, rest = text.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise ValueError(f"{README} lacks the markers {begin_mark} and {end_mark}")
    return f"{before}{begin}\n\n{results}\n\n{end}{after}"
