"""One import as the command does it, in a process of its own; what it took, as one line of JSON. For ledger.py.

The command seals what it wrote before it ends; that is timed apart ("seal"), or left out ("leave").
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
from collections.abc import Sequence

from relay.cli import main as command
from relay.cli import stored
from relay.config.settings import Settings


def main(arguments: Sequence[str]) -> int:
    sealed = _Timed(really=arguments[0] == "seal")
    stored.seal_written = sealed
    began = time.monotonic()
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = command(["consent", "import", *arguments[1:], "--json"])
    seconds = time.monotonic() - began
    cpu = _cpu() - sealed.cpu
    result = {
        "seconds": seconds - sealed.seconds,
        "cpu": cpu,
        "sealing": sealed.seconds,
        "sealing_cpu": sealed.cpu,
        "said": json.loads(told.getvalue()),
    }
    print(json.dumps(result))  # noqa: T201 - a script for another one
    return code


class _Timed:
    """Stands in the place of `seal_written`."""

    def __init__(self, *, really: bool) -> None:
        self._really = really
        self.seconds = self.cpu = 0.0
        self._seal = stored.seal_written

    def __call__(self, settings: Settings) -> None:
        began, cpu = time.monotonic(), _cpu()
        if self._really:
            self._seal(settings)
        self.seconds, self.cpu = time.monotonic() - began, _cpu() - cpu


def _cpu() -> float:
    """Seconds, of this process and of those that it called in and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
