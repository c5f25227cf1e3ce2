"""Measures the ledger at its sizes: room on disk, imports, and look-ups alone and while an import runs.

    python3 deploy/bootstrap.py bench ledger [--addresses N] [--events N] [--folder DIR] [--write]

Everything is made up, the same each time: people with one grant each, the last ones with as many events more as make
--events. Each list is imported by the command itself, in a process of its own. A run that was cut short goes on where it
ended when it is given the same --folder; without --folder everything is in a temporary one. See README.md for what the
columns mean.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench.table import machine, write_between
from journey import NEWSLETTER

from relay.address import Address
from relay.store.connection import open_for_reading
from relay.store.facts import read_facts
from relay.store.keys import load_pseudonyms

BEGIN: Final = "<!-- ledger: written by ledger.py -->"
END: Final = "<!-- end of ledger -->"
#: Where the sizes between begin; each is ten times the one before.
SMALLEST: Final = 10_000
#: Look-ups of one measurement without an import, in so many turns.
ALONE: Final = 20_000
TURNS: Final = 10
#: Seconds between two look-ups while an import runs: what comes in from mailers, not a race for the processor.
PAUSE: Final = 0.002
#: Lines of the lists that show what evidence, and doing it again, costs.
LIST: Final = 500_000
#: Longer lists are not sealed here: 8 octets a line, and time that says nothing new.
SEALED: Final = 2_000_000
#: Part of the later events that are withdrawals.
SAY_NO: Final = 0.05
STREAM: Final = ("brand", "newsletter")
_FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS: Final = [f"{_FIRST_DAY + timedelta(days=day):%Y-%m-%d}" for day in range(250)]
_TIMES: Final = [f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in range(86_400)]
_DOMAINS: Final = ("example.com", "example.org", "mail.example.net", *(f"d{number}.example" for number in range(997)))


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds."""

    median: float
    p99: float


@dataclass(frozen=True, slots=True)
class Import:
    """Lines of a list; seconds, and CPU seconds of all its processes."""

    lines: int
    seconds: float
    cpu: float
    sealing: float
    sealing_cpu: float


@dataclass(slots=True)
class Size:
    """What was measured with so many addresses in the ledger. meanwhile: while the import ran that brought it there."""

    addresses: int
    events: int
    octets: int
    imported: Import
    meanwhile: Latency | None
    alone: Latency | None = None
    ratio: float = 0.0


@dataclass(slots=True)
class Results:
    sizes: list[Size] = field(default_factory=list)
    lists: dict[str, Import] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench ledger", description="room, imports and look-ups of the ledger")
    parser.add_argument("--addresses", type=int, default=1_000_000, help="at the largest size (default 1,000,000)")
    parser.add_argument("--events", type=int, help="at the largest size (default: as many as addresses)")
    parser.add_argument("--folder", type=Path, help="where the data goes and, afterwards, is removed")
    parser.add_argument("--list", type=int, default=LIST, help=f"lines of the lists with evidence (default {LIST:,})")
    parser.add_argument("--keep", action="store_true", help="leave the data in --folder")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(arguments)
    events = max(chosen.events or chosen.addresses, chosen.addresses)
    with _folder(chosen.folder, keep=chosen.keep) as folder:
        results = Bench(folder).measure(chosen.addresses, events, min(chosen.list, chosen.addresses))
    text = report(results)
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        write_between(BEGIN, END, text)
    return 0


@contextlib.contextmanager
def _folder(chosen: Path | None, *, keep: bool) -> Iterator[Path]:
    """It is left where it is when the run is cut short, so that it can go on."""
    if chosen is None:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)
        return
    chosen.mkdir(parents=True, exist_ok=True)
    yield chosen
    if not keep:
        shutil.rmtree(chosen)


class Bench:
    """The ledger that grows stands in `folder`/large, the one of the smallest size beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder / "results.json"

    def measure(self, addresses: int, events: int, listed: int) -> Results:
        results = self._so_far()
        small = Store(self._folder / "small")
        large = Store(self._folder / "large")
        if not small.is_there:
            small.take(people(0, min(SMALLEST, addresses)))
        before = 0
        for place, size in enumerate(sizes(addresses)):
            if place == len(results.sizes):
                say(f"{size:,} addresses")
                later = max(0, events - addresses) if size == addresses else 0
                imported, meanwhile = large.take(people(before, size, later), known=before)
                results.sizes.append(Size(size, size + later, large.octets, imported, meanwhile))
                self._keep(results)
            if results.sizes[place].alone is None:
                alone, ratio = compared(large, size, small, min(SMALLEST, addresses))
                results.sizes[place].alone, results.sizes[place].ratio = alone, ratio
                self._keep(results)
            before = size
        for name, lines in lists(listed):
            if name not in results.lists:
                say(name)
                results.lists[name], _ = Store(self._folder / "lists").take(lines)
                self._keep(results)
        return results

    def _so_far(self) -> Results:
        if not self._kept.exists():
            return Results()
        kept = json.loads(self._kept.read_text())
        found = [
            Size(
                **{
                    **size,
                    "alone": size["alone"] and Latency(**size["alone"]),
                    "meanwhile": size["meanwhile"] and Latency(**size["meanwhile"]),
                    "imported": Import(**size["imported"]),
                }
            )
            for size in kept["sizes"]
        ]
        return Results(found, {name: Import(**one) for name, one in kept["lists"].items()})

    def _keep(self, results: Results) -> None:
        self._kept.write_text(json.dumps(asdict(results)))


class Store:
    """A folder with settings, a policy and what a relay keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "var" / "relay.db"
        (folder / "policies").mkdir(parents=True, exist_ok=True)
        (folder / "policies" / "newsletter.toml").write_text(NEWSLETTER, "utf-8")
        (folder / "relay.toml").touch()

    @property
    def is_there(self) -> bool:
        return self.path.exists()

    @property
    def octets(self) -> int:
        return sum(file.stat().st_size for file in self.path.parent.iterdir() if not file.name.endswith(".reserve"))

    def take(self, lines: Iterator[str], known: int = 0) -> tuple[Import, Latency | None]:
        """Import the lines; and what look-ups took meanwhile, of people who are known already."""
        listed = self.folder / "list.csv"
        with listed.open("w", encoding="utf-8") as file:
            count = -1  # the header
            while some := list(itertools.islice(lines, 100_000)):
                count += len(some)
                file.write("".join(some))
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.importing", "seal" if count <= SEALED else "leave"),
                *(str(listed), "-c", str(self.folder / "relay.toml")),
            ],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        meanwhile = Meter(self, known).until(lambda: child.poll() is not None) if known else None
        out, _ = child.communicate()
        if child.returncode:
            raise RuntimeError(f"the import ended with {child.returncode}")
        listed.unlink()
        self._settle()
        told: dict[str, Any] = json.loads(out)
        del told["said"]
        return Import(lines=count, **told), meanwhile

    def _settle(self) -> None:
        """What a relay does from time to time: the WAL goes into the database."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Meter:
    """Looks people up as the relay does, and times it. people: 0 to this one."""

    def __init__(self, store: Store, people: int) -> None:
        self._connection = open_for_reading(store.path)
        self._pseudonyms = load_pseudonyms(store.folder / "var" / "keys" / "people.key")
        self._people = people
        self._random = random.Random(7)

    def until(self, ended: Callable[[], bool]) -> Latency:
        taken = []
        while not ended():
            time.sleep(PAUSE)
            taken.append(self.one())
        return latency(taken)

    def one(self) -> float:
        local, _, domain = address_of(self._random.randrange(self._people)).partition("@")
        address = Address(local, domain)
        began = time.perf_counter()
        found = read_facts(self._connection, self._pseudonyms, *STREAM, [address])
        took = time.perf_counter() - began
        facts = found[address]
        if facts.yes is None and facts.withdrawn_at is None:
            raise RuntimeError("a person of the list is not known")
        return took


def compared(large: Store, people: int, small: Store, few: int) -> tuple[Latency, float]:
    """Look-ups in the large ledger, and how many times those in the small one they take; in turn, so that both meet the
    same machine.
    """
    meters = Meter(large, people), Meter(small, few)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ALONE // TURNS):  # warm
        for meter in meters:
            meter.one()
    for _ in range(TURNS):
        for meter, found in zip(meters, taken, strict=True):
            found.extend(meter.one() for _ in range(ALONE // TURNS))
    of_large, of_small = (statistics.median(found) for found in taken)
    return latency(taken[0]), of_large / of_small


def latency(taken: Sequence[float]) -> Latency:
    ordered = sorted(taken)
    return Latency(statistics.median(ordered) * 1e6, ordered[len(ordered) * 99 // 100] * 1e6)


# --- what is made up -------------------------------------------------------------------------------------------------


def sizes(largest: int) -> list[int]:
    found = []
    size = SMALLEST
    while size < largest:
        found.append(size)
        size *= 10
    return [*found, largest]


def address_of(number: int) -> str:
    """Of one person; their numbers do not show in their order."""
    mixed = number * 2_654_435_761 % (1 << 32)
    return f"{mixed:08x}.{number}@{_DOMAINS[mixed % len(_DOMAINS)]}"


def people(first: int, end: int, later: int = 0) -> Iterator[str]:
    """A plain list: a grant of each, and `later` more events, in the order of time."""
    yield "address,stream,basis,at,last_contact_at,withdrawn_at\n"
    chance = random.Random(first)
    for number in range(first, end):
        yield f"{address_of(number)},newsletter,double-opt-in,{moment(number)},,\n"
    each, more = divmod(later, end - first)
    for round_ in range(1, each + 2):
        for number in range(first, end if round_ <= each else first + more):
            after = number + round_ * 1_000_003
            if chance.random() < SAY_NO:
                yield f"{address_of(number)},newsletter,,,,{moment(after)}\n"
            else:
                yield f"{address_of(number)},newsletter,double-opt-in,{moment(after)},{moment(after)},\n"


def lists(lines: int) -> Iterator[tuple[str, Iterator[str]]]:
    yield "plain", people(0, lines)
    yield "the same again", people(0, lines)
    yield "with evidence", with_evidence(lines, lines)
    yield "more of known people", with_evidence(0, min(lines, 50_000))


def with_evidence(first: int, lines: int) -> Iterator[str]:
    yield "address,stream,basis,at,act,confirmed_at,source,form_url,wording,language,ip,user_agent\n"
    for number in range(first, first + lines):
        yield (
            f'{address_of(number)},newsletter,double-opt-in,{moment(number)},ticked,{moment(number, 120)},"fair, Osaka",'
            f'https://brand.example/form?{number % 50},"Yes, send me news of brand {number % 20}.",en,'
            f'192.0.2.{number % 250},"Mozilla/5.0 (X11; Linux x86_64; rv:{number % 40 + 90}.0) Gecko/20100101"\n'
        )


def moment(number: int, seconds: int = 0) -> str:
    day, second = divmod(number * 7 % 20_000_000 + seconds, 86_400)
    return f"{_DAYS[day]}T{_TIMES[second]}Z"


# --- what is told ----------------------------------------------------------------------------------------------------


HEAD: Final = (
    "| addresses | events | octets an address | octets an event | look-up, us | while importing, us | "
    "times 10,000 addresses | import, lines/s | CPU us a line | sealing, lines/s |"
)


def report(results: Results) -> str:
    lines = [HEAD, re.sub(r"[^|]+", "---", HEAD)]
    for size in results.sizes:
        per_address, per_event = size.octets / size.addresses, size.octets / size.events
        lines.append(
            f"| {size.addresses:,} | {size.events:,} | {per_address:,.0f} | {per_event:,.0f} | {_both(size.alone)} | "
            f"{_both(size.meanwhile)} | {size.ratio:.2f} | {_import(size.imported)} |"
        )
    lines += [
        "",
        "| list | lines | import, lines/s | CPU us a line | sealing, lines/s |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {name} | {one.lines:,} | {_import(one)} |" for name, one in results.lists.items()]
    return "\n".join([*lines, "", f"Look-ups: median / p99. {machine()}"])


def _both(one: Latency | None) -> str:
    return "" if one is None else f"{one.median:,.0f} / {one.p99:,.0f}"


def _import(one: Import) -> str:
    sealed = f"{one.lines / one.sealing:,.0f}" if one.sealing > 0.01 else ""
    return f"{one.lines / one.seconds:,.0f} | {one.cpu / one.lines * 1e6:.1f} | {sealed}"


def say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)  # noqa: T201
