"""Disturbs a running relay: kills a worker, everything, or a worker at its Nth system call of one sort (by strace); lets
its disk lie; holds its store; stops it in good order. Afterwards it serves again.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from faults.trace import Crash
from integration.serving import Relay, wait_until_gone
from integration.test_running import workers_of
from patience import LONG, until

#: Ways to disturb it, with weights: kill everything, a worker, a worker at its Nth call; a disk that lies; a stop in
#: good order; a store that another program holds.
WAYS: Final = {"everything": 20, "worker": 10, "call": 50, "lie": 8, "order": 6, "store": 6}
#: What SQLite, the journal of withdrawals, the log and the sockets are written with.
CALLS: Final = ("fdatasync", "fsync", "pwrite64", "ftruncate", "write", "sendto", "flock", "unlink")
#: A relay does few of some calls in the time that it is watched for.
_RARE: Final = frozenset({"fsync", "ftruncate", "unlink"})
_MOST: Final = 40
#: Seconds that a worker is watched for its Nth call; when that does not come, it is killed all the same.
_WATCHED: Final = 3.0
#: The supervisor waits longer each time a worker dies; before that takes long, everything is killed.
_WORKER_DEATHS: Final = 2


@dataclass(slots=True)
class Killer:
    """ways: which of WAYS, all without any."""

    relay: Relay
    chance: random.Random
    ways: tuple[str, ...] = ()
    crashes: list[Crash] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    done: int = 0
    stops: int = 0
    holds: int = 0
    _deaths: int = 0
    _turn: count[int] = field(default_factory=count)

    def disturb(self) -> None:
        ways = {name: weight for name, weight in WAYS.items() if not self.ways or name in self.ways}
        if not shutil.which("strace"):
            ways = {name: weight for name, weight in ways.items() if name not in ("call", "lie")}
        [name] = self.chance.choices(list(ways), list(ways.values()))
        if self._deaths >= _WORKER_DEATHS:
            name = "everything"
        self._by_name()[name]()
        self.done += 1
        self._wait_until_it_serves()

    def _by_name(self) -> dict[str, Callable[[], None]]:
        return {
            "everything": self._kill_everything,
            "worker": self._kill_worker,
            "call": self._kill_at_call,
            "lie": self._let_disk_lie,
            "order": self._stop_in_order,
            "store": self._hold_store,
        }

    def _stop_in_order(self) -> None:
        """SIGTERM under load: nothing of it excuses a duplicate."""
        if (code := self.relay.stop()) != 0:
            self.problems.append(f"after SIGTERM it ended with {code}")
        self.stops += 1
        self._deaths = 0
        self.relay.start()

    def _hold_store(self) -> None:
        with closing(
            sqlite3.connect(self.relay.folder / "var" / "relay.db", isolation_level=None, timeout=LONG)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(self.chance.uniform(0.5, 3))
            other.execute("ROLLBACK")
        self.holds += 1

    def _kill_everything(self) -> None:
        began = time.monotonic()
        self.relay.kill()
        self._note("everything", began)
        self._deaths = 0
        if self.chance.random() < 0.3 and shutil.which("strace"):
            self._kill_while_starting()
        self.relay.start()

    def _kill_while_starting(self) -> None:
        """What it finds and repairs is killed, too."""
        call, number = self._next_call()
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        began = time.monotonic()
        log = self.relay.folder / "killed-start.out"
        with log.open("ab") as out, contextlib.suppress(subprocess.TimeoutExpired):
            process = subprocess.Popen(
                ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, *serve_command()),
                cwd=self.relay.folder,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                process.wait(_WATCHED)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            wait_until_gone(process.pid)
        self._note(f"start at {call}", began)

    def _kill_worker(self) -> None:
        worker = self.chance.choice(self._workers())
        began = time.monotonic()
        _kill(worker)
        self._died(worker, "worker", began)

    def _kill_at_call(self) -> None:
        call, number = self._next_call()
        self._trace_to_death(call, f"inject={call}:signal=SIGKILL:when={number}", f"at {call}")

    def _let_disk_lie(self) -> None:
        """After a sync that failed nothing may be promised any more: the worker has to end itself."""
        inject = f"inject=fsync,fdatasync:error=EIO:when={self.chance.randint(1, 10)}+"
        self._trace_to_death("fsync,fdatasync", inject, "disk lied")

    def _trace_to_death(self, calls: str, inject: str, how: str) -> None:
        worker = self.chance.choice(self._workers())
        tracer = subprocess.Popen(
            ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject, "-p", str(worker)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        alive = time.monotonic()
        deadline = alive + _WATCHED
        while time.monotonic() < deadline and is_alive(worker):
            alive = time.monotonic()
            time.sleep(0.005)
        if is_alive(worker):
            how, alive = "traced worker", time.monotonic()
            _kill(worker)
        self._died(worker, how, alive)
        with contextlib.suppress(subprocess.TimeoutExpired):
            tracer.wait(5)
        if tracer.poll() is None:
            tracer.kill()
            tracer.wait()

    def _died(self, worker: int, how: str, began: float) -> None:
        deadline = time.monotonic() + LONG
        while is_alive(worker):  # at short steps: until here mail may have been in hand
            assert time.monotonic() < deadline, f"{worker} does not die"
            time.sleep(0.005)
        self._deaths += 1
        self._note(how, began)

    def _next_call(self) -> tuple[str, int]:
        """Each call in its turn; the number anew each time."""
        call = CALLS[next(self._turn) % len(CALLS)]
        return call, self.chance.randint(1, 6 if call in _RARE else _MOST)

    def _workers(self) -> list[int]:
        assert self.relay.process is not None
        supervisor = self.relay.process.pid
        return until(lambda: workers_of(supervisor), lambda: f"no worker comes back:\n{self.relay.output()}")

    def _note(self, how: str, began: float) -> None:
        self.crashes.append(Crash(how, began, time.monotonic()))

    def _wait_until_it_serves(self) -> None:
        until(lambda: serves(self.relay), lambda: f"it does not serve again:\n{self.relay.output()}")


def serves(relay: Relay) -> bool:
    try:
        return relay.http("GET", "/healthz")[0] == 200
    except OSError:
        return False


def serve_command() -> tuple[str, ...]:
    return (sys.executable, "-m", "relay", "serve", "-c", "relay.toml")


def is_alive(process: int) -> bool:
    """A zombie has ended; whether its parent has collected it is not ours."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
