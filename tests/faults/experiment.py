"""One experiment from beginning to end: mail, faults, kills; then everything is let flow, stopped, read and judged."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults.chaos import HopProcess, chaos_hop, kind_of
from faults.judge import Verdict, crossed, judge
from faults.killing import Killer, serves
from faults.mailers import Mailers, Minds
from faults.staging import People, make_people, staged
from faults.trace import Crash, Kind, Reported, Trace, Waiting
from integration.serving import Relay

#: Seconds in which everything has to flow once nothing is in its way.
_SETTLE: Final = 90
#: Seconds that the next hop takes for a message meanwhile.
_SLOW: Final = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """messages: tries of the mailers in all. kills: disturbances (killing.WAYS; `ways`: only these). pause: most seconds between two of a session. minutes: then it ends."""

    seed: int
    messages: int
    kills: int
    processes: int = 1
    sessions: int = 6
    pause: float = 0.1
    minutes: float = 60
    people: tuple[int, int, int] = (60, 60, 30)
    ways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    plan: Plan
    trace: Trace
    verdict: Verdict
    problems: tuple[str, ...]
    seconds: float
    settled_in: float
    crossed: tuple[float, ...]
    others: Mapping[str, int] = field(default_factory=dict)


def run(plan: Plan, tell: Callable[[str], None] = lambda _: None, keep: Path | None = None) -> Result:
    """keep: a folder for the log and the tables when something was found."""
    began = time.monotonic()
    people = make_people(*plan.people)
    with chaos_hop(plan.seed) as hop, staged(hop.port, people, processes=plan.processes) as relay:
        relay.start()
        hop.faulty(now=True)
        hop.slow(_SLOW)  # so that copies wait while people change their minds
        mailers = Mailers(relay, people, sessions=plan.sessions, seed=plan.seed, pause=plan.pause, most=plan.messages)
        minds = Minds(relay, people, hop, seed=plan.seed, pause=0.2)
        killer = Killer(relay, random.Random(f"{plan.seed} kills"), plan.ways)
        _kill_while_mail_flows(plan, mailers, killer, time.monotonic() + plan.minutes * 60, tell)
        minds.finish()
        hop.faulty(now=False)
        hop.slow(0)
        settled_in, problems = settle(relay)
        result = record(
            plan,
            relay=relay,
            hop=hop,
            people=people,
            mailers=mailers,
            minds=minds,
            crashes=killer.crashes,
            began=began,
            settled_in=settled_in,
            problems=[*killer.problems, *problems],
            others={"stopped in order": killer.stops, "store held": killer.holds, "questions answered": minds.answered},
        )
        if keep is not None and (result.verdict.findings or result.problems):
            _keep(relay, keep)
    return result


def record(
    plan: Plan,
    *,
    relay: Relay,
    hop: HopProcess,
    people: People,
    mailers: Mailers,
    minds: Minds,
    crashes: Sequence[Crash],
    began: float,
    settled_in: float,
    problems: Sequence[str],
    others: Mapping[str, int] | None = None,
) -> Result:
    """Of a relay that has been stopped."""
    attempts, faults = hop.seen()
    trace = Trace(
        consenting=people.consenting,
        sent=tuple(mailers.sent),
        attempts=tuple(attempts),
        acts=tuple(minds.acts),
        crashes=tuple(crashes),
        waiting=waiting_in(relay.folder),
        reported=reported_in(relay.folder),
        recorded=recorded_in(relay.folder),
        faults=dict(faults),
    )
    seconds = time.monotonic() - began
    return Result(plan, trace, judge(trace), tuple(problems), seconds, settled_in, tuple(crossed(trace)), others or {})


def _kill_while_mail_flows(
    plan: Plan, mailers: Mailers, killer: Killer, until: float, tell: Callable[[str], None]
) -> None:
    """Mail in step with the kills, so that there is some at each."""
    while time.monotonic() < until and (mailers.busy or killer.done < plan.kills):
        if plan.kills:
            mailers.allowed = -(-plan.messages * (killer.done + 1) // plan.kills)
        time.sleep(killer.chance.uniform(0.05, 0.8))
        if killer.done < plan.kills:
            killer.disturb()
        tell(f"{killer.done} of {plan.kills} kills, {len(mailers.sent)} of {plan.messages} messages")
    mailers.finish()


def settle(relay: Relay) -> tuple[float, list[str]]:
    """Seconds until nothing waited for the next hop any more; then it is stopped. What was wrong meanwhile.

    What was set aside, because too many of its workers were killed, is tried once more, as an operator would.
    """
    began, problems = time.monotonic(), []
    _wait_until_quiet(relay, began)
    if copies_in(relay.folder, "aside"):
        relay.command("queue", "retry", "--all", "--aside")
        _wait_until_quiet(relay, began)
    if left := under_way(relay.folder):
        problems.append(f"{left} copies were still on their way after {_SETTLE} s")
    if not serves(relay):
        problems.append("it does not serve in the end")
    seconds = time.monotonic() - began
    if (code := relay.stop()) != 0:
        problems.append(f"it ended with {code}")
    return seconds, problems + store_problems(relay.folder)


def _wait_until_quiet(relay: Relay, since: float) -> None:
    quiet = 0
    while quiet < 5 and time.monotonic() - since < _SETTLE:
        time.sleep(0.2)
        quiet = quiet + 1 if not under_way(relay.folder) else 0


# --- what is in the tables, read as an outsider


def _open(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder}/var/relay.db?mode=ro", uri=True, timeout=60)


def under_way(folder: Path) -> int:
    return copies_in(folder, "queued") + copies_in(folder, "failed")


def copies_in(folder: Path, state: str) -> int:
    with closing(_open(folder)) as store:
        (found,) = store.execute("SELECT count(*) FROM copies WHERE state = ?", (state,)).fetchone()
        return int(found)


def waiting_in(folder: Path) -> tuple[Waiting, ...]:
    rows = "SELECT m.sender, c.address, c.state, m.origin, b.content FROM copies c JOIN messages m ON m.number = c.message LEFT JOIN contents b ON b.message = m.number"
    with closing(_open(folder)) as store:
        return tuple(_waiting(*row) for row in store.execute(rows))


def _waiting(sender: str, address: str, state: str, origin: str, content: bytes) -> Waiting:
    kind, about = kind_of(sender, content or b"") if origin else (Kind.CLIENT, ())
    return Waiting(kind, sender, address, state, about)


def reported_in(folder: Path) -> tuple[Reported, ...]:
    with closing(_open(folder)) as store:
        return tuple(Reported(*row) for row in store.execute("SELECT sender, recipient, fate FROM reports"))


def recorded_in(folder: Path) -> dict[tuple[str, str], int]:
    rows = (
        "SELECT d.sender, d.recipient, count(*) FROM outcomes o JOIN decisions d ON d.id = o.decision "
        "WHERE o.result = 'delivered' GROUP BY 1, 2"
    )
    with closing(_open(folder)) as store:
        return {(sender, recipient): number for sender, recipient, number in store.execute(rows)}


def store_problems(folder: Path) -> list[str]:
    """Of the store itself, once everything has been stopped."""
    problems = []
    with closing(_open(folder)) as store:
        [(sound,)] = store.execute("PRAGMA integrity_check(1)").fetchall()
        if sound != "ok":
            problems.append(f"the store is damaged: {sound}")
        counted = "SELECT state, stream, count(*), sum(octets) FROM copies GROUP BY 1, 2 ORDER BY 1, 2"
        kept = "SELECT state, stream, copies, octets FROM tallies WHERE copies <> 0 OR octets <> 0 ORDER BY 1, 2"
        if store.execute(counted).fetchall() != store.execute(kept).fetchall():
            problems.append("the tallies are not what is there")
        orphans = (
            "SELECT count(*) FROM messages WHERE number NOT IN (SELECT message FROM copies)",
            "SELECT count(*) FROM copies WHERE message NOT IN (SELECT message FROM contents)",
            "SELECT count(*) FROM contents WHERE message NOT IN (SELECT number FROM messages)",
            "SELECT count(*) FROM copies WHERE decision NOT IN (SELECT id FROM decisions)",
        )
        problems += [f"left behind: {ask}" for ask in orphans if store.execute(ask).fetchone() != (0,)]
    return problems


def _keep(relay: Relay, keep: Path) -> None:
    keep.mkdir(parents=True, exist_ok=True)
    for name in ("relay.log", "serve.out", "var/relay.db", "var/relay.db-wal"):
        if (relay.folder / name).exists():
            shutil.copy(relay.folder / name, keep / Path(name).name)
