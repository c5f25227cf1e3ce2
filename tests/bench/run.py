"""Measures the relay, a bare Postfix and the sink alone in one run on one machine, and prints a table.

    python3 deploy/bootstrap.py bench [--messages N] [--runs N] [--write]

`bench rewriting` measures what one message costs without network and store (rewriting.py), `bench sealing` what the
proof of the ledger costs (sealing.py), `bench ledger` the ledger at its sizes (ledger.py), `bench commits` what promises
cost (commits.py), `bench withdrawals` how soon a no is known (withdrawals.py).
Everything runs on 127.0.0.1, is bounded in number and stops by itself. See README.md for what the columns mean.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from bench import commits, ledger, rewriting, sealing, withdrawals
from bench.contestants import Contestant, bare_postfix, relay_with, sink_alone
from bench.load import Timed, accepted, refused, throughput
from bench.table import machine, spread, write_between

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
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["rewriting"]:
        return rewriting.main(given[1:])
    if given[:1] == ["sealing"]:
        return sealing.main(given[1:])
    if given[:1] == ["ledger"]:
        return ledger.main(given[1:])
    if given[:1] == ["commits"]:
        return commits.main(given[1:])
    if given[:1] == ["withdrawals"]:
        return withdrawals.main(given[1:])
    parser = argparse.ArgumentParser(prog="bench", description="throughput, CPU, latency, refusals")
    parser.add_argument("--messages", type=int, default=3000, help="messages a measurement (default 3000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of everything, in turn (default 3)")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(given)
    results = {name: Measured() for name in CONTESTANTS}
    for run in range(chosen.runs):
        for name, contestant in CONTESTANTS.items():
            print(f"run {run + 1} of {chosen.runs}: {name}", file=sys.stderr, flush=True)  # noqa: T201
            measure(results[name], contestant(chosen.messages), chosen.messages)
    text = report(results, chosen.messages, chosen.runs)
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        write_between(BEGIN, END, text)
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


def cpu(one: Measured) -> str:
    return spread(one.cpu, 2) if any(one.cpu) else ""


def latency(runs: Sequence[Timed]) -> str:
    return f"{statistics.median(run.p50 for run in runs):.1f} / {statistics.median(run.p99 for run in runs):.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
