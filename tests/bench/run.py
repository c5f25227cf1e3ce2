"""Measures the relay, a bare Postfix and the sink alone in one run on one machine, and prints a table.

    python3 deploy/bootstrap.py bench [--messages N] [--runs N] [--write]

Everything runs on 127.0.0.1, is bounded in number and stops by itself. See README.md for what the columns mean.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.contestants import Contestant, bare_postfix, relay_with, sink_alone
from bench.load import Timed, accepted, refused, throughput

README: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- results: written by run.py -->"
END: Final = "<!-- end of results -->"

CONTESTANTS: Final[dict[str, Callable[[int], AbstractContextManager[Contestant]]]] = {
    "sink alone": sink_alone,
    "bare Postfix": bare_postfix,
    "consent-relay, 1 process": relay_with(1),
    "consent-relay, 2 processes": relay_with(2),
}
THROUGHPUT_SESSIONS: Final = 20
MANY_SESSIONS: Final = 10


@dataclass(slots=True)
class Measured:
    """One value a run; cpu: milliseconds a message."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    alone: list[Timed] = field(default_factory=list)
    together: list[Timed] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description="throughput, CPU, latency, refusals")
    parser.add_argument("--messages", type=int, default=3000, help="messages a measurement (default 3000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of everything, in turn (default 3)")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(arguments)
    results = {name: Measured() for name in CONTESTANTS}
    for run in range(chosen.runs):
        for name, contestant in CONTESTANTS.items():
            print(f"run {run + 1} of {chosen.runs}: {name}", file=sys.stderr, flush=True)  # noqa: T201
            measure(results[name], contestant(chosen.messages), chosen.messages)
    text = report(results, chosen.messages, chosen.runs)
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        README.write_text(renewed(README.read_text("utf-8"), text), "utf-8")
    return 0


def measure(result: Measured, contestant: AbstractContextManager[Contestant], messages: int) -> None:
    with contestant as on:
        throughput(on.port, max(messages // 10, THROUGHPUT_SESSIONS), THROUGHPUT_SESSIONS)  # warm-up
        on.waits()
        used = on.cpu_seconds()
        seconds = throughput(on.port, messages, THROUGHPUT_SESSIONS) + timed(on.waits)
        result.rates.append(messages / seconds)
        result.cpu.append((on.cpu_seconds() - used) / messages * 1000)
        result.alone.append(accepted(on.port, messages // 3, 1))
        on.waits()
        result.together.append(accepted(on.port, messages, MANY_SESSIONS))
        on.waits()
        if on.refuses:
            result.refusals.append(refused(on.port, messages, THROUGHPUT_SESSIONS).rate)


def timed(wait: Callable[[], None]) -> float:
    began = time.monotonic()
    wait()
    return time.monotonic() - began


def report(results: dict[str, Measured], messages: int, runs: int) -> str:
    head = (
        "| | messages/s | CPU ms a message | p50 / p99 ms, 1 session | p50 / p99 ms, 10 sessions | refusals/s |\n"
        "|---|---|---|---|---|---|"
    )
    rows = [
        f"| {name} | {spread(one.rates)} | {cpu(one)} | {latency(one.alone)} | {latency(one.together)} "
        f"| {spread(one.refusals)} |"
        for name, one in results.items()
    ]
    how = f"{messages} messages a measurement, {runs} runs; median (least to most). {machine()}"
    return "\n".join([head, *rows, "", how])


def spread(values: Sequence[float], digits: int = 0) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def cpu(one: Measured) -> str:
    return spread(one.cpu, 2) if any(one.cpu) else ""


def latency(runs: Sequence[Timed]) -> str:
    return f"{statistics.median(run.p50 for run in runs):.1f} / {statistics.median(run.p99 for run in runs):.1f}"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}."


def renewed(text: str, results: str) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} lacks the markers {BEGIN} and {END}")
    return f"{before}{begin}\n\n{results}\n\n{end}{after}"


if __name__ == "__main__":
    raise SystemExit(main())
