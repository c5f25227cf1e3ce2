"""Measures what it costs to promise: latency and throughput of mail that is forwarded, queued, or held, by sessions.

    python3 deploy/bootstrap.py bench commits [--seconds N] [--processes N ...] [--write]

Decisions and queue rows of all sessions that wait at the same time share a commit: with more sessions the rate rises much
faster than the latency. Everything runs on 127.0.0.1 and is bounded in time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from bench.contestants import Contestant, sink
from bench.load import reply
from bench.newsletter import SENDER, newsletter
from bench.table import machine, write_between
from integration.serving import Relay, relay_in_folder

BEGIN: Final = "<!-- commits: written by commits.py -->"
END: Final = "<!-- end of commits -->"

SESSIONS: Final = (1, 20, 200)
#: Kind of mail: how many recipients, who they are, and whether the relay owes them more after its 250.
KINDS: Final = {
    "one recipient, forwarded": (1, "reader"),
    "three recipients, queued": (3, "reader"),
    "one recipient, held": (1, "stale"),
}
_PEOPLE: Final = 30_000
#: Seconds until what was queued has to be through.
_THROUGH: Final = 60
_LIMITS: Final = "[limits]\nconnections = 1000\nconnections_per_address = 1000\n"


@dataclass(frozen=True, slots=True)
class Measured:
    """rate: 250s a second. p50, p99: milliseconds from MAIL to the last reply. cpu: milliseconds a message, until all of
    it was through.
    """

    kind: str
    processes: int
    sessions: int
    rate: float
    p50: float
    p99: float
    cpu: float


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench commits", description="latency and throughput of promises")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (default 5)")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="of the relay (default 1 2)")
    parser.add_argument("--people", type=int, default=_PEOPLE, help="of each sort (default 30000)")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(arguments)
    found: list[Measured] = []
    for processes in chosen.processes:
        found += measure(processes, chosen.seconds, chosen.people)
    text = report(found, chosen.seconds, sync_ms())
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        write_between(BEGIN, END, text)
    return 0


def measure(processes: int, seconds: float, people: int) -> Iterator[Measured]:
    with _relay(processes, people) as (relay, on):
        fresh = count()  # a held copy takes the place of an older one for the same person
        warm = _load(on.port, recipients=1, who="reader", sessions=20, seconds=1, numbers=count(), people=people)
        asyncio.run(warm)
        for kind, (recipients, who) in KINDS.items():
            for sessions in SESSIONS:
                print(f"{processes} processes: {kind}, {sessions} sessions", file=sys.stderr, flush=True)  # noqa: T201
                used = on.cpu_seconds()
                numbers = fresh if who == "stale" else count()
                load = _load(
                    on.port,
                    recipients=recipients,
                    who=who,
                    sessions=sessions,
                    seconds=seconds,
                    numbers=numbers,
                    people=people,
                )
                took, lasted = asyncio.run(load)
                _wait_until_through(relay)
                cpu = (on.cpu_seconds() - used) / len(took) * 1000
                hundredths = statistics.quantiles(took, n=100)
                p50, p99 = hundredths[49] * 1000, hundredths[98] * 1000
                yield Measured(kind, processes, sessions, len(took) / lasted, p50, p99, cpu)


@contextmanager
def _relay(processes: int, people: int) -> Iterator[tuple[Relay, Contestant]]:
    with sink() as behind, relay_in_folder(behind, processes=processes, more_config=_LIMITS) as relay:
        for who, age in (("reader", 1), ("stale", 500)):
            at = (datetime.now(UTC) - timedelta(days=age)).isoformat()
            with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
                file.write("address,stream,basis,at,act\n")
                file.writelines(
                    f"{n}{who}@{who}.example,newsletter,single-opt-in,{at},clicked\n" for n in range(people)
                )
                file.flush()
                relay.command("consent", "import", file.name)
        relay.start()
        assert relay.process is not None
        yield relay, Contestant(relay.plain, relay.process.pid, lambda: None)
        relay.stop()


async def _load(
    port: int, *, recipients: int, who: str, sessions: int, seconds: float, numbers: Iterator[int], people: int
) -> tuple[list[float], float]:
    """How long each message took, and all of it."""
    took: list[float] = []
    content = newsletter().replace(b"\r\n.", b"\r\n..") + b".\r\n"
    began = time.monotonic()
    until = began + seconds

    async def session() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reply(reader)
        writer.write(b"EHLO load.brand.example\r\n")
        await reply(reader)
        while time.monotonic() < until or len(took) < 2:  # of one there is no spread
            first = next(numbers) * recipients
            to = [f"RCPT TO:<{(first + n) % people}{who}@{who}.example>\r\n".encode() for n in range(recipients)]
            start = time.monotonic()
            for step in (f"MAIL FROM:<{SENDER}>\r\n".encode(), *to, b"DATA\r\n", content):
                writer.write(step)
                answer = await reply(reader)
            took.append(time.monotonic() - start)
            if not answer.startswith(b"250"):
                raise RuntimeError(f"expected 250, got {answer.decode()}")
        writer.write(b"QUIT\r\n")
        await reply(reader)
        writer.close()

    await asyncio.gather(*(session() for _ in range(sessions)))
    return took, time.monotonic() - began


def _wait_until_through(relay: Relay) -> None:
    deadline = time.monotonic() + _THROUGH
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(f"file:{relay.folder}/var/relay.db?mode=ro", uri=True, timeout=30)) as store:
            (waiting,) = store.execute("SELECT count(*) FROM copies WHERE state IN ('queued', 'failed')").fetchone()
        if not waiting:
            return
        time.sleep(0.1)
    raise TimeoutError(f"{waiting} copies are still queued after {_THROUGH} s")


def sync_ms() -> tuple[float, float]:
    """Median and p99 of one fdatasync of this machine's disk, alone: below it no commit can be."""
    took = []
    with tempfile.NamedTemporaryFile(prefix="relay-sync") as file:
        for _ in range(300):
            file.write(os.urandom(4096))
            file.flush()
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1000)
    hundredths = statistics.quantiles(took, n=100)
    return hundredths[49], hundredths[98]


def report(found: Sequence[Measured], seconds: float, sync: tuple[float, float]) -> str:
    head = "| | processes | sessions | messages/s | p50 ms | p99 ms | CPU ms a message |\n|---|---|---|---|---|---|---|"
    rows = [
        f"| {one.kind} | {one.processes} | {one.sessions} | {one.rate:,.0f} | {one.p50:.1f} | {one.p99:.1f} "
        f"| {one.cpu:.2f} |"
        for one in found
    ]
    how = f"{seconds:g} s each; one fdatasync of this disk takes {sync[0]:.2f} / {sync[1]:.2f} ms. {machine()}"
    return "\n".join([head, *rows, "", how])
