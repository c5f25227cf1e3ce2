from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from relay.workers.supervisor import READY

#: Seconds. Not from `patience`: the supervisor below imports this file from elsewhere.
LONG = 120.0
#: Runs a supervisor whose workers are the functions below; a process of its own, because it takes the signals.
_PROGRAM = """
import asyncio, sys
sys.path.insert(0, {folder!r})
import test_supervisor as workers
from relay.log import configure
from relay.workers.supervisor import Supervisor
if __name__ == "__main__":
    configure()
    supervisor = Supervisor({count}, workers.{worker}, ({where!r},), drain=1.0)
    why = asyncio.run(supervisor.run())
    print(why or "fine", flush=True)
"""


def _mark(where: str, number: int, what: str) -> None:
    (Path(where) / f"{what}-{number}-{os.getpid()}").touch()


def serves(where: str, number: int, control: Connection) -> None:
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    control.send(READY)
    _mark(where, number, "ready")
    while not stopped:
        time.sleep(0.01)
    _mark(where, number, "drained")


def cannot_start(where: str, number: int, control: Connection) -> None:
    control.send("no such key file")


def never_ends(where: str, number: int, control: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control.send(READY)
    _mark(where, number, "ready")
    time.sleep(60)


def outlives_nobody(where: str, number: int, control: Connection) -> None:
    control.send(READY)
    _mark(where, number, "ready")
    try:
        control.recv()
    except EOFError:
        _mark(where, number, "orphaned")


def _start(folder: Path, worker: str, count: int) -> subprocess.Popen[bytes]:
    program = folder / "program.py"
    program.write_text(
        _PROGRAM.format(folder=str(Path(__file__).parent), count=count, worker=worker, where=str(folder))
    )
    return subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE)


def _wait_for(folder: Path, pattern: str, count: int, seconds: float = LONG) -> list[Path]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = sorted(folder.glob(pattern))
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{pattern}: {len(found)} of {count}")


def _finish(supervisor: subprocess.Popen[bytes]) -> bytes:
    output, _ = supervisor.communicate(timeout=LONG)
    return output


def test_sigterm_lets_every_worker_finish(tmp_path: Path) -> None:
    supervisor = _start(tmp_path, "serves", 2)
    _wait_for(tmp_path, "ready-*", 2)
    supervisor.send_signal(signal.SIGTERM)
    output = _finish(supervisor)
    assert output.endswith(b"fine\n")
    assert b'"event":"ready"' in output
    assert len([*tmp_path.glob("drained-*")]) == 2


def test_a_worker_that_dies_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    supervisor = _start(tmp_path, "serves", 2)
    first, second = _wait_for(tmp_path, "ready-*", 2)
    os.kill(int(first.name.rsplit("-", 1)[1]), signal.SIGKILL)
    ready = _wait_for(tmp_path, "ready-*", 3)
    assert second in ready
    assert sorted(path.name.split("-")[1] for path in ready).count(first.name.split("-")[1]) == 2
    supervisor.send_signal(signal.SIGTERM)
    assert b'"event":"worker-died"' in _finish(supervisor)


def test_what_keeps_the_first_worker_from_starting_is_reported_at_once(tmp_path: Path) -> None:
    assert _finish(_start(tmp_path, "cannot_start", 1)).endswith(b"no such key file\n")


def test_a_worker_that_does_not_end_is_killed_past_the_deadline(tmp_path: Path) -> None:
    supervisor = _start(tmp_path, "never_ends", 1)
    _wait_for(tmp_path, "ready-*", 1)
    supervisor.send_signal(signal.SIGTERM)
    assert b'"event":"worker-killed"' in _finish(supervisor)


def test_workers_notice_when_their_supervisor_is_gone(tmp_path: Path) -> None:
    supervisor = _start(tmp_path, "outlives_nobody", 1)
    _wait_for(tmp_path, "ready-*", 1)
    supervisor.kill()
    _wait_for(tmp_path, "orphaned-*", 1)
    _finish(supervisor)
