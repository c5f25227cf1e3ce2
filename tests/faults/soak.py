"""The soak: mixed load with faults for long, and what the relay holds meanwhile. Nothing is killed.

    PYTHONPATH=tests python -m faults.soak [--minutes N] [--rate N] [--seed N] [--processes N] [--write FILE]

Samples memory (RSS), file descriptors, the WAL, and what waits. Flat is what grows by less than its share from the second
third of the time to the last one: the first third is for caches. Then everything is judged as after the long run. Ends
with 1 when something is not flat or was found. --write: the table as Markdown, and every sample beside it as CSV.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

from faults.chaos import chaos_hop
from faults.experiment import Plan, Result, record, settle
from faults.long import lines
from faults.mailers import Mailers, Minds
from faults.staging import make_people, staged
from integration.serving import Relay
from integration.test_running import workers_of

#: Seconds between two samples; at least so many of them make a verdict.
_EVERY: Final = 5.0
_LEAST: Final = 9
_SESSIONS: Final = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """minute: since the start. rss, wal, store: MiB; rss and descriptors of the worker that has most."""

    minute: float
    rss: float
    descriptors: int
    wal: float
    store: float
    queued: int
    held: int
    acknowledged: int


#: What may grow from the second third to the last: a share of what there was, and so much in any case.
ALLOWED: Final[dict[str, tuple[float, float]]] = {
    "rss": (0.03, 4.0),
    "descriptors": (0.10, 4.0),
    "wal": (0.25, 8.0),
    "queued": (0.50, 20.0),
}


@dataclass(frozen=True, slots=True)
class Trend:
    """Medians of the second and the last third."""

    name: str
    before: float
    after: float
    most: float

    @property
    def flat(self) -> bool:
        share, least = ALLOWED[self.name]
        return self.after - self.before <= max(share * self.before, least)


def trends(samples: Sequence[Sample]) -> list[Trend]:
    if len(samples) < _LEAST:
        raise ValueError(f"{len(samples)} samples tell nothing; {_LEAST} are needed")
    third = len(samples) // 3
    found = []
    for name in ALLOWED:
        values = [float(getattr(one, name)) for one in samples]
        before, after = statistics.median(values[third : 2 * third]), statistics.median(values[2 * third :])
        found.append(Trend(name, before, after, max(values)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="faults.soak", description="mixed load with faults; is everything flat?")
    parser.add_argument("--minutes", type=float, default=30, help="of load (default 30)")
    parser.add_argument("--rate", type=float, default=10, help="messages a second, about (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn by lot (default 1)")
    parser.add_argument("--processes", type=int, default=1, help="of the relay (default 1)")
    parser.add_argument("--write", type=Path, help="Markdown file for the table; the samples go beside it as .csv")
    chosen = parser.parse_args(arguments)
    plan = Plan(
        chosen.seed,
        messages=int(chosen.minutes * 60 * chosen.rate * 2) + 1,
        kills=0,
        processes=chosen.processes,
        sessions=_SESSIONS,
        pause=2 * _SESSIONS / chosen.rate,
        people=(200, 200, 60),
    )
    samples, result = run(plan, chosen.minutes)
    told = trends(samples)
    text = report(samples, told, result)
    print(f"\n{text}")  # noqa: T201 - a script for a terminal
    if chosen.write:
        chosen.write.write_text(text + "\n", "utf-8")
        chosen.write.with_suffix(".csv").write_text(table_of(samples), "utf-8")
    return 1 if result.verdict.findings or result.problems or not all(one.flat for one in told) else 0


def run(plan: Plan, minutes: float) -> tuple[list[Sample], Result]:
    people = make_people(*plan.people)
    samples: list[Sample] = []
    began = time.monotonic()
    with chaos_hop(plan.seed, less=0.5) as hop, staged(hop.port, people, processes=plan.processes) as relay:
        relay.start()
        hop.faulty(now=True)
        mailers = Mailers(relay, people, sessions=plan.sessions, seed=plan.seed, pause=plan.pause, most=plan.messages)
        minds = Minds(relay, people, hop, seed=plan.seed, pause=2.0)
        while (left := began + minutes * 60 - time.monotonic()) > 0:
            time.sleep(min(_EVERY, left))
            samples.append(sample(relay, mailers, (time.monotonic() - began) / 60))
            print(f"\r{samples[-1]}", end="", file=sys.stderr, flush=True)  # noqa: T201
        mailers.finish()
        minds.finish()
        hop.faulty(now=False)
        settled_in, problems = settle(relay)
        result = record(
            plan,
            relay=relay,
            hop=hop,
            people=people,
            mailers=mailers,
            minds=minds,
            crashes=(),
            began=began,
            settled_in=settled_in,
            problems=problems,
        )
    return samples, result


def sample(relay: Relay, mailers: Mailers, minute: float) -> Sample:
    assert relay.process is not None
    workers = workers_of(relay.process.pid)
    store = relay.folder / "var" / "relay.db"
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)) as tables:
        waiting = dict(tables.execute("SELECT state, sum(copies) FROM tallies GROUP BY state"))
    return Sample(
        round(minute, 2),
        max(map(_rss, workers), default=0),
        max((len(list(Path(f"/proc/{one}/fd").iterdir())) for one in workers), default=0),
        _mib(Path(f"{store}-wal")),
        _mib(store),
        waiting.get("queued", 0) + waiting.get("failed", 0),
        waiting.get("held", 0),
        mailers.acknowledged,
    )


def _rss(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


def _mib(file: Path) -> float:
    return round(file.stat().st_size / (1 << 20), 2) if file.exists() else 0


def report(samples: Sequence[Sample], told: Sequence[Trend], result: Result) -> str:
    rows = [
        f"| {one.name} | {one.before:,.1f} | {one.after:,.1f} | {one.most:,.1f} | {'flat' if one.flat else 'GROWS'} |"
        for one in told
    ]
    names = [one.name for one in fields(Sample)]
    some = samples[:: max(1, len(samples) // 15)]
    return "\n".join(
        [
            "| | median of the second third | of the last third | most | |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"| {' | '.join(names)} |",
            "|" + "---|" * len(names),
            *(f"| {' | '.join(str(value) for value in astuple(one))} |" for one in some),
            "",
            *(f"- {line}" for line in lines(result)),
        ]
    )


def table_of(samples: Sequence[Sample]) -> str:
    rows = [",".join(one.name for one in fields(Sample)), *(",".join(map(str, astuple(one))) for one in samples)]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
