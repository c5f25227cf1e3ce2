"""Ports for servers that are told where to listen before they do, or that are stopped and started again on purpose.

They lie below those that the kernel gives to outgoing connections: a port of that range may be taken by any connection
of another test before its server listens. Every test process draws from ports of its own.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOWEST: Final = 10_000
_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: Test processes of one run that are kept apart.
_PROCESSES: Final = 16


def _ports() -> Iterator[int]:
    end = int(_OUTGOING.read_text("ascii").split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    mine = range(_LOWEST + worker, end, _PROCESSES)
    place = random.randrange(len(mine))  # another run on this machine begins elsewhere
    while True:
        yield mine[place % len(mine)]
        place += 1


_PORTS: Final = _ports()


def free_port() -> int:
    """On 127.0.0.1; never the same twice until all have been given."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is always another one")
