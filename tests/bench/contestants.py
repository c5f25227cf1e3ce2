"""What is measured, each a context that yields a port and the processes whose CPU time counts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from integration.postfix import free_port, running_postfix
from integration.serving import relay_in_folder

#: smtp-source numbers a few recipients more than it has messages.
_SPARE: Final = 100
_TICK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Contestant:
    """root: its first process, 0 when its CPU time is not counted. waits: returns when all it accepted is through.
    refuses: does it know who consented?
    """

    port: int
    root: int
    waits: Callable[[], None]
    refuses: bool = False

    def cpu_seconds(self) -> float:
        """User and system time that its processes, all still alive, have used so far."""
        return sum(map(_cpu_of, _tree(self.root))) if self.root else 0.0


@contextmanager
def sink() -> Iterator[int]:
    """smtp-sink: takes everything, keeps nothing. Yields its port."""
    port = free_port()
    process = subprocess.Popen(
        ("smtp-sink", "-4", "-u", "nobody", f"127.0.0.1:{port}", "1000"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _listens(port):
            assert process.poll() is None, "smtp-sink does not start"
            time.sleep(0.02)
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def sink_alone(_messages: int) -> Iterator[Contestant]:
    with sink() as port:
        yield Contestant(port, 0, _at_once)


@contextmanager
def bare_postfix(_messages: int) -> Iterator[Contestant]:
    """Postfix that relays to a sink and does nothing else: no consent, no footer, no signature."""
    with sink() as behind, running_postfix(_bare(behind)) as postfix:

        def queue_is_empty() -> None:
            deadline = time.monotonic() + 300
            while any(file.is_file() for name in ("incoming", "active") for file in _queue(postfix.folder, name)):
                if time.monotonic() > deadline:
                    raise TimeoutError("Postfix's queue does not get empty")
                time.sleep(0.02)

        # Its processes come and go: what they used cannot be read afterwards, so no CPU time is given.
        yield Contestant(postfix.port, 0, queue_is_empty)


def _bare(behind: int) -> dict[str, str]:
    return {
        "virtual_mailbox_domains": "",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject",
        "smtpd_end_of_data_restrictions": "",
        "default_transport": "smtp",
        "relayhost": f"[127.0.0.1]:{behind}",
        "smtp_dns_support_level": "disabled",
        "smtp_host_lookup": "native",
        "initial_destination_concurrency": "50",
        "default_destination_concurrency_limit": "50",
    }


def _queue(folder: Path, name: str) -> Iterator[Path]:
    return (folder / "queue" / name).rglob("*")


def relay_with(processes: int) -> Callable[[int], AbstractContextManager[Contestant]]:
    @contextmanager
    def relay_and_sink(messages: int) -> Iterator[Contestant]:
        """The relay with everything on: ledger of consent, decisions committed, footer, RSA-2048, log to a file."""
        with sink() as behind, relay_in_folder(behind, processes=processes) as relay:
            at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
            with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
                file.write("address,stream,basis,at,act\n")
                file.writelines(
                    f"{n}reader@reader.example,newsletter,single-opt-in,{at},clicked\n"
                    for n in range(messages + _SPARE)
                )
                file.flush()
                relay.command("consent", "import", file.name)
            relay.start()
            assert relay.process is not None
            yield Contestant(relay.plain, relay.process.pid, _at_once, refuses=True)
            relay.stop()

    return relay_and_sink


def _at_once() -> None:
    """It says 250 only when the message is through."""


def _tree(root: int) -> Iterator[int]:
    yield root
    children = Path(f"/proc/{root}/task/{root}/children").read_text("ascii").split()
    for child in children:
        yield from _tree(int(child))


def _cpu_of(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
