"""Ends a relay without warning: a worker, everything, or a worker at its Nth system call of one sort, by strace."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from faults.trace import Crash
from integration.serving import Relay
from integration.test_running import workers_of

#: What SQLite, the journal of withdrawals, the log and the sockets are written with.
CALLS: Final = ("fdatasync", "fsync", "pwrite64", "ftruncate", "write", "sendto", "flock", "unlink")
#: A relay does few of some calls in the time that it is watched for.
_RARE: Final = frozenset({"fsync", "ftruncate", "unlink"})
_MOST: Final = 40
#: Seconds that a worker is watched for its Nth call; when that does not come, it is killed all the same.
_WATCHED: Final = 4.0
#: The supervisor waits longer each time a worker dies; before that takes long, everything is killed.
_WORKER_DEATHS: Final = 2


@dataclass(slots=True)
class Killer:
    relay: Relay
    chance: random.Random
    crashes: list[Crash] = field(default_factory=list)
    _deaths: int = 0
    _turn: count[int] = field(default_factory=count)

    def kill_one(self) -> None:
        """One kill; afterwards the relay serves again."""
        if self._deaths >= _WORKER_DEATHS or self.chance.random() < 0.2:
            self._kill_everything()
        elif shutil.which("strace") and self.chance.random() < 0.8:
            self._kill_at_call()
        else:
            self._kill_worker("worker")
        self._wait_until_it_serves()

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
        began = time.monotonic()
        log = self.relay.folder / "killed-start.out"
        with log.open("ab") as out, contextlib.suppress(subprocess.TimeoutExpired):
            process = subprocess.Popen(
                (*_strace(call, number), *serve_command()), cwd=self.relay.folder, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(_WATCHED)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._note(f"start at {call}", began)

    def _kill_worker(self, how: str) -> None:
        worker = self.chance.choice(self._workers())
        began = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        self._wait_for_death(worker)
        self._deaths += 1
        self._note(how, began)

    def _kill_at_call(self) -> None:
        worker = self.chance.choice(self._workers())
        call, number = self._next_call()
        tracer = subprocess.Popen(
            (*_strace(call, number), "-p", str(worker)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _WATCHED
        alive = began = time.monotonic()
        while time.monotonic() < deadline and is_alive(worker):
            alive = time.monotonic()
            time.sleep(0.005)
        came = not is_alive(worker)
        if not came:
            alive = began = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            tracer.wait(5)
        if tracer.poll() is None:
            tracer.kill()
            tracer.wait()
        self._wait_for_death(worker)
        self._deaths += 1
        self._note(f"at {call}" if came else "traced worker", max(alive, began))

    def _next_call(self) -> tuple[str, int]:
        """Each call in its turn; the number anew each time."""
        call = CALLS[next(self._turn) % len(CALLS)]
        return call, self.chance.randint(1, 6 if call in _RARE else _MOST)

    def _workers(self) -> list[int]:
        assert self.relay.process is not None
        deadline = time.monotonic() + 60
        while not (found := workers_of(self.relay.process.pid)):
            assert time.monotonic() < deadline, f"no worker comes back:\n{self.relay.output()}"
            time.sleep(0.05)
        return found

    def _wait_for_death(self, worker: int) -> None:
        deadline = time.monotonic() + 20
        while is_alive(worker):
            assert time.monotonic() < deadline, f"{worker} does not die"
            time.sleep(0.005)

    def _note(self, how: str, began: float) -> None:
        self.crashes.append(Crash(how, began, time.monotonic()))

    def _wait_until_it_serves(self) -> None:
        deadline = time.monotonic() + 60
        while not serves(self.relay):
            assert time.monotonic() < deadline, f"it does not serve again:\n{self.relay.output()}"
            time.sleep(0.05)


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


def _strace(call: str, number: int) -> tuple[str, ...]:
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
