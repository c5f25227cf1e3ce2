"""Measures what the proof of the ledger costs: sealing lines and verifying them, with one and with two processes.

    python3 deploy/bootstrap.py bench sealing [--lines N] [--runs N] [--write]

Lines have what an import knows (address, source, page of the form, wording); a second kind has IP address and browser
too. Everything is read from and written to a store on disk. See README.md for what the columns mean.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.table import machine, spread, write_between

from relay.consent.ledger import SALT_OCTETS
from relay.consent.pseudonyms import KEY_OCTETS, Pseudonyms
from relay.store import seals, verifying
from relay.store.committing import Committer
from relay.store.connection import open_for_reading
from relay.store.queries import query
from relay.store.seals import Sealer

BEGIN: Final = "<!-- sealing: written by sealing.py -->"
END: Final = "<!-- end of sealing -->"
PROCESSES: Final = (1, 2)
AT: Final = 1_780_000_000_000_000


@dataclass(slots=True)
class Measured:
    """rate: lines a second of wall clock. cpu: microseconds a line, of all processes."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench sealing", description="sealing and verifying the ledger")
    parser.add_argument("--lines", type=int, default=500_000, help="lines of the ledger (default 500,000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of everything, in turn (default 3)")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(arguments)
    results = {name: Measured() for name in _cases()}
    with tempfile.TemporaryDirectory() as folder:
        stores = {kind: _store(Path(folder), kind, chosen.lines) for kind in ("imported", "live")}
        for run in range(chosen.runs):
            for name, measure in _cases().items():
                print(f"run {run + 1} of {chosen.runs}: {name}", file=sys.stderr, flush=True)  # noqa: T201
                _measure(results[name], chosen.lines, lambda measure=measure: measure(stores))  # type: ignore[misc]
    text = report(results, chosen.lines, chosen.runs)
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        write_between(BEGIN, END, text)
    return 0


def _cases() -> dict[str, Callable[[dict[str, Path]], int]]:
    """By name: what is done to which store; how many lines it was done to."""
    cases: dict[str, Callable[[dict[str, Path]], int]] = {}
    for kind, words in (("imported", "imported lines"), ("live", "lines with IP and browser")):
        for processes in PROCESSES:
            named = f"{processes} process{'' if processes == 1 else 'es'}"
            cases[f"sealing {words}, {named}"] = lambda stores, kind=kind, processes=processes: _seal(  # type: ignore[misc]
                stores[kind], processes
            )
            cases[f"verifying {words}, {named}"] = lambda stores, kind=kind, processes=processes: _verify(  # type: ignore[misc]
                stores[kind], processes
            )
    return cases


def _store(folder: Path, kind: str, lines: int) -> Path:
    path = folder / f"{kind}.db"
    with contextlib.closing(Committer(path, folder / f"{kind}.journal", Pseudonyms(bytes(KEY_OCTETS)))) as committer:
        connection = committer.connection
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO wordings (hash, uses) VALUES (?, ?)", ("ab" * 32, lines))
        connection.executemany(query("insert_event"), _rows(kind, lines))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def _rows(kind: str, lines: int) -> Iterator[tuple[object, ...]]:
    ip, browser = (
        ("192.0.2.17", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0") if kind == "live" else ("", "")
    )
    for number in range(1, lines + 1):
        address = f"reader.{number}@mail{number % 97}.example"
        yield (
            number, f"01K{number:023}", "grant", address, address, "brand", "newsletter", AT + number, AT + number,
            "fair in Osaka", "import list.csv", "double-opt-in", "clicked", AT + number, None, None,
            "https://brand.example/join", 1, "ja", ip, browser, 0, 0, os.urandom(SALT_OCTETS),
        )  # fmt: skip


def _seal(path: Path, processes: int) -> int:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM seals")
    with _from_the_first_line(), contextlib.closing(Sealer(path, lambda: datetime.now(UTC))) as sealer:
        return sealer.seal_all(processes=processes)


def _verify(path: Path, processes: int) -> int:
    with contextlib.closing(open_for_reading(path)) as connection:
        extent = verifying.extent_of(connection)
    with _from_the_first_line():
        found = verifying.verify_lines(path, extent, processes=processes)
    if found.findings or extent.sealed != extent.lines:
        raise ValueError(f"the ledger does not hold: {found.findings[:3]}")
    return found.lines


@contextlib.contextmanager
def _from_the_first_line() -> Iterator[None]:
    """Processes are started for small ledgers as well, so that a short run measures what its name says."""
    before = seals._WORTH_PROCESSES, verifying._WORTH_PROCESSES
    seals._WORTH_PROCESSES = verifying._WORTH_PROCESSES = 1  # type: ignore[misc]
    try:
        yield
    finally:
        seals._WORTH_PROCESSES, verifying._WORTH_PROCESSES = before  # type: ignore[misc]


def _measure(result: Measured, lines: int, work: Callable[[], int]) -> None:
    began, used = time.perf_counter(), sum(os.times()[:4])
    done = work()
    seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - used
    if done != lines:
        raise ValueError(f"{done} of {lines} lines")
    result.rate.append(lines / seconds)
    result.cpu.append(cpu / lines * 1_000_000)


def report(results: dict[str, Measured], lines: int, runs: int) -> str:
    head = "| | lines/s | CPU us a line |\n|---|---|---|"
    rows = [f"| {name} | {spread(one.rate)} | {spread(one.cpu, 1)} |" for name, one in results.items()]
    return "\n".join([head, *rows, "", f"{lines:,} lines, {runs} runs; median (least to most). {machine()}"])


if __name__ == "__main__":
    raise SystemExit(main())
